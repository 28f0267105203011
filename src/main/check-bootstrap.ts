// Refuses a bootstrap where Envoy would: the rules of its fields, what names must lead to, and extensions that nobody has. What is good
// and means nothing to this proxy is told by name.

import type { Registry } from '@bufbuild/protobuf';
import { nearest } from '#base';
import { type Bootstrap, BootstrapSchema } from '#proto/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ZipkinConfigSchema } from '#proto/envoy/config/trace/v3/zipkin_pb.ts';
import type { Listener } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { RouteConfiguration } from '#proto/envoy/config/route/v3/route_pb.ts';
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
} from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { fromBinary } from '@bufbuild/protobuf';
import { twice, typeName } from './check-meanings.ts';
import { brokenRule } from './check-rules.ts';
import { overloadFault, readOverload } from './read-overload.ts';

const MANAGER = HttpConnectionManagerSchema.typeName;
/** Of a bootstrap; what is not here is read, or changes nothing that is seen. */
const UNREAD = [
  ['statsSinks', 'stats_sinks'],
  ['bootstrapExtensions', 'bootstrap_extensions'],
  ['layeredRuntime', 'layered_runtime'],
  ['hdsConfig', 'hds_config'],
  ['statsConfig', 'stats_config'],
  ['clusterManager', 'cluster_manager'],
  ['typedDnsResolverConfig', 'typed_dns_resolver_config'],
  ['certificateProviderInstances', 'certificate_provider_instances'],
  ['applicationLogConfig', 'application_log_config'],
] as const;

/** Throws an Error that names the field; gives what is left out. */
export function checkBootstrap(bootstrap: Bootstrap, registry: Registry): readonly string[] {
  const broken = brokenRule(BootstrapSchema, bootstrap, registry, 'bootstrap') ?? namesFault(bootstrap);
  if (broken !== undefined) throw new Error(broken);
  const told: string[] = [];
  for (const [field, name] of UNREAD) {
    const value = bootstrap[field];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    if (typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0) continue;
    const parts = Array.isArray(value) ? value.map((one) => `"${(one as { readonly name: string }).name}"`) : [];
    told.push([name, ...parts].join(' '));
  }
  told.push(...readOverload(bootstrap).without);
  if ((bootstrap.staticResources?.secrets ?? []).length > 0) told.push('static_resources.secrets');
  return told;
}

function namesFault(bootstrap: Bootstrap): string | undefined {
  const { staticResources, dynamicResources, overloadManager } = bootstrap;
  const overload = overloadManager === undefined ? undefined : overloadFault(overloadManager);
  if (overload !== undefined) return `overload_manager${overload}`;
  const listeners = staticResources?.listeners ?? [];
  const clusters = (staticResources?.clusters ?? []).map(({ name }) => name);
  const double = twice(clusters);
  if (double !== undefined)
    return `static_resources.clusters[${clusters.lastIndexOf(double)}].name: two have the name "${double}": give one another`;
  const bound = twice(listeners.flatMap(placeOf));
  if (bound !== undefined) {
    const last = listeners.findLastIndex((one) => placeOf(one).includes(bound));
    return `static_resources.listeners[${last}].address: two have the address ${bound}: give one another`;
  }
  const ads = dynamicResources?.adsConfig;
  if (ads !== undefined && ads.transportApiVersion === 1)
    return 'dynamic_resources.ads_config.transport_api_version: must be V3';
  const known = new Set(clusters);
  const service = ads?.grpcServices[0]?.targetSpecifier;
  if (service?.case === 'envoyGrpc' && !known.has(service.value.clusterName))
    return `dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name: there is no cluster "${service.value.clusterName}"${remedyOf(service.value.clusterName, known)}`;
  for (const { name, typedConfig, configType } of [
    ...bootstrap.statsSinks.map(({ name, configType: one }) => ({ name, typedConfig: undefined, configType: one })),
    ...bootstrap.bootstrapExtensions.map(({ name, typedConfig: one }) => ({
      name,
      typedConfig: one,
      configType: undefined,
    })),
  ]) {
    const typeUrl = (typedConfig ?? configType?.value)?.typeUrl ?? '';
    if (!typeName(typeUrl).startsWith('envoy.'))
      return `bootstrap: no extension "${name}" has the type "${typeName(typeUrl)}"`;
  }
  for (const [i, listener] of listeners.entries()) {
    const fault = routesFault(listener, known);
    if (fault !== undefined) return `static_resources.listeners[${i}].${fault}`;
  }
  return undefined;
}

/** Port 0 is any that is free. */
function placeOf({ address, enableReusePort }: Listener): readonly string[] {
  const at = address?.address;
  if (at?.case !== 'socketAddress' || at.value.portSpecifier.case !== 'portValue') return [];
  const { value: port } = at.value.portSpecifier;
  return port === 0 || enableReusePort === false ? [] : [`${at.value.protocol} ${at.value.address}:${port}`];
}

/** Begins with the path of the field within the listener. */
function routesFault(listener: Listener, known: ReadonlySet<string>): string | undefined {
  const chains = [
    ...listener.filterChains.map((chain, i) => ({ chain, at: `filter_chains[${i}]` })),
    ...(listener.defaultFilterChain === undefined
      ? []
      : [{ chain: listener.defaultFilterChain, at: 'default_filter_chain' }]),
  ];
  for (const { chain, at } of chains)
    for (const [i, { configType }] of chain.filters.entries()) {
      if (configType.case !== 'typedConfig' || typeName(configType.value.typeUrl) !== MANAGER) continue;
      const hcm: HttpConnectionManager = fromBinary(HttpConnectionManagerSchema, configType.value.value);
      const manager = `${at}.filters[${i}].typed_config`;
      const routes = hcm.routeSpecifier.case === 'routeConfig' ? hcm.routeSpecifier.value : undefined;
      const tracer = zipkinCluster(hcm);
      if (tracer !== undefined && !known.has(tracer))
        return `${manager}.tracing.provider.typed_config.collector_cluster: tracing goes to the unknown cluster "${tracer}"${remedyOf(tracer, known)}`;
      const unknown = routes === undefined ? undefined : unknownCluster(routes, known);
      if (unknown !== undefined)
        return `${manager}.route_config.${unknown.at}: a route leads to the unknown cluster "${unknown.name}"${remedyOf(unknown.name, known)}`;
    }
  return undefined;
}

function remedyOf(name: string, known: ReadonlySet<string>): string {
  const close = nearest(name, known);
  return close === undefined ? ': declare it among static_resources.clusters' : `: did you mean "${close}"?`;
}

function zipkinCluster({ tracing }: HttpConnectionManager): string | undefined {
  const config = tracing?.provider?.configType.value;
  if (config === undefined || typeName(config.typeUrl) !== ZipkinConfigSchema.typeName) return undefined;
  return fromBinary(ZipkinConfigSchema, config.value).collectorCluster || undefined;
}

interface NamedCluster {
  readonly name: string;
  /** The path of the field within the route configuration. */
  readonly at: string;
}

/** Static routes are checked unless they say otherwise. */
function unknownCluster(routes: RouteConfiguration, known: ReadonlySet<string>): NamedCluster | undefined {
  if (routes.validateClusters === false) return undefined;
  for (const [i, { routes: list, requestMirrorPolicies }] of routes.virtualHosts.entries()) {
    const host = `virtual_hosts[${i}]`;
    for (const [j, { action }] of list.entries()) {
      if (action.case !== 'route') continue;
      const route = `${host}.routes[${j}].route`;
      const { clusterSpecifier: to, requestMirrorPolicies: own } = action.value;
      const named: readonly NamedCluster[] =
        to.case === 'cluster'
          ? [{ name: to.value, at: `${route}.cluster` }]
          : to.case === 'weightedClusters'
            ? to.value.clusters.map(({ name }, k) => ({ name, at: `${route}.weighted_clusters.clusters[${k}].name` }))
            : [];
      const mirrors = [
        ...own.map(({ cluster }, k) => ({ name: cluster, at: `${route}.request_mirror_policies[${k}].cluster` })),
        ...requestMirrorPolicies.map(({ cluster }, k) => ({
          name: cluster,
          at: `${host}.request_mirror_policies[${k}].cluster`,
        })),
      ];
      const unknown = [...named, ...mirrors].find(({ name }) => name !== '' && !known.has(name));
      if (unknown !== undefined) return unknown;
    }
  }
  return undefined;
}
