// The gRPC methods that discovery streams come in by: the aggregated service and one per type.
import { TYPE_URL } from '#base';
import type { XdsVariant } from './codec/response.ts';

export interface XdsService {
  readonly path: string;
  readonly variant: XdsVariant;
  /** Absent: all types. */
  readonly type?: string;
}

const TYPED: readonly (readonly [type: string, service: string, resources: string])[] = [
  [TYPE_URL.cluster, 'cluster.v3.ClusterDiscoveryService', 'Clusters'],
  [TYPE_URL.endpoint, 'endpoint.v3.EndpointDiscoveryService', 'Endpoints'],
  [TYPE_URL.listener, 'listener.v3.ListenerDiscoveryService', 'Listeners'],
  [TYPE_URL.route, 'route.v3.RouteDiscoveryService', 'Routes'],
  [TYPE_URL.secret, 'secret.v3.SecretDiscoveryService', 'Secrets'],
  [TYPE_URL.extensionConfig, 'extension.v3.ExtensionConfigDiscoveryService', 'ExtensionConfigs'],
];

const ADS = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

export const XDS_SERVICES: readonly XdsService[] = [
  { path: `${ADS}/StreamAggregatedResources`, variant: 'sotw' },
  { path: `${ADS}/DeltaAggregatedResources`, variant: 'delta' },
  ...TYPED.flatMap(([type, service, resources]): XdsService[] => [
    { path: `/envoy.service.${service}/Stream${resources}`, variant: 'sotw', type },
    { path: `/envoy.service.${service}/Delta${resources}`, variant: 'delta', type },
  ]),
  {
    path: '/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts',
    variant: 'delta',
    type: TYPE_URL.virtualHost,
  },
];

/** The method for one type's own service, or for the aggregated one. */
export function xdsPath(variant: XdsVariant, type?: string): string {
  const service = XDS_SERVICES.find((s) => s.variant === variant && s.type === type);
  if (service === undefined) throw new Error(`no ${variant} discovery service for ${type ?? 'all types'}`);
  return service.path;
}
