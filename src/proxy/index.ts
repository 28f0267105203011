// The data plane: listeners, filters, routes, clusters; configured by xDS resources.
export { accessLogSinks, grpcLogSinks, LogFiles } from './access-log/index.ts';
export type { NamedResource, ResourceReject } from './apply/named-resource.ts';
export { ExtensionRegistry, type StreamSinkExtension } from './apply/extensions.ts';
export { clusterDialer } from './upstream/cluster-dialer.ts';
export { feedFromXds, followWants } from './apply/xds-feed.ts';
export type { Host } from './cluster/index.ts';
export { hostView, makeAdminView, type ProcessView } from './admin-view.ts';
export * from './admin/index.ts';
export type { DumpApart } from './dump/dump-view.ts';
export { ConfigError } from './errors.ts';
export {
  compressorExtension,
  HTTP_FILTERS,
  NETWORK_FILTERS,
  peerMetadataExtension,
  RbacEngine,
} from './filter/index.ts';
export type * from './http/filter.ts';
export type { StreamSink } from './http/manager-config.ts';
export type { LiveListener } from './listener/live-listener.ts';
export type * from './network/filter.ts';
export { Proxy, type ProxyOptions, type ResourceMirror } from './proxy.ts';
export type { StreamReset } from './overload/held-memory.ts';
export { SharedTable, Sharing, type ToldHealth } from './shared/index.ts';
export { RouteTable } from './route/index.ts';
export type { EjectionCause } from './cluster/index.ts';
export type { ModuleSource, ProxySelf, ProxyServices } from './services.ts';
export type { Cluster } from './upstream/cluster.ts';
export type { ClusterManager } from './upstream/cluster-manager.ts';
