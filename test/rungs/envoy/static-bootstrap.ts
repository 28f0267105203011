// A resource set as one static bootstrap: route tables and discovered filters put into their listeners, endpoints into their clusters, secrets by file names left out.

import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** By short type, then by name. */
export type Types = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;

/** `set` is `setJson`'s output, parsed. SDS stays as it is: validation does not fetch. */
export function staticBootstrap(set: Types): JsonObject {
  const routes = set['RouteConfiguration'] ?? {};
  const assignments = set['ClusterLoadAssignment'] ?? {};
  const clusters = Object.values(set['Cluster'] ?? {}).map((cluster) => staticCluster(cluster, assignments));
  const listeners = Object.values(set['Listener'] ?? {}).map(
    (listener) => withRoutes(listener, routes, set['TypedExtensionConfig'] ?? {}) as JsonObject,
  );
  return {
    node: { id: 'validate', cluster: 'validate' },
    dynamicResources: {
      adsConfig: {
        apiType: 'DELTA_GRPC',
        transportApiVersion: 'V3',
        grpcServices: [{ envoyGrpc: { clusterName: 'xds-grpc' } }],
      },
    },
    staticResources: {
      clusters: [...clusters, agentCluster('sds-grpc'), agentCluster('xds-grpc'), agentCluster('topsail-agent')],
      listeners,
    },
  };
}

/** Listeners of one proxy with the filters that come by themselves in their places. */
export function withFilters(set: Types): Types {
  const { TypedExtensionConfig: extensions = {}, ...rest } = set;
  const listeners = Object.entries(set['Listener'] ?? {}).map(
    ([name, listener]) => [name, withRoutes(listener, {}, extensions) as JsonObject] as const,
  );
  return { ...rest, Listener: Object.fromEntries(listeners) };
}

function staticCluster(cluster: JsonObject, assignments: Readonly<Record<string, JsonObject>>): JsonObject {
  if (cluster['type'] !== 'EDS') return cluster;
  const { edsClusterConfig: _, ...rest } = cluster;
  return {
    ...rest,
    type: 'STATIC',
    loadAssignment: assignments[cluster['name'] as string] ?? { clusterName: cluster['name'] as string },
  };
}

function withRoutes(
  value: JsonValue,
  routes: Readonly<Record<string, JsonObject>>,
  extensions: Readonly<Record<string, JsonObject>>,
): JsonValue {
  if (Array.isArray(value)) return value.map((inner) => withRoutes(inner, routes, extensions));
  if (typeof value !== 'object' || value === null) return value;
  const changed: Record<string, JsonValue> = {};
  for (const [key, inner] of Object.entries(value)) {
    const table = key === 'rds' ? routes[(inner as JsonObject)['routeConfigName'] as string] : undefined;
    const extension = key === 'configDiscovery' ? extensions[value['name'] as string] : undefined;
    if (table !== undefined) changed['routeConfig'] = table;
    else if (extension !== undefined) changed['typedConfig'] = extension['typedConfig'] as JsonValue;
    else changed[key] = withRoutes(inner, routes, extensions);
  }
  return changed;
}

function agentCluster(name: string): JsonObject {
  return {
    name,
    type: 'STATIC',
    connectTimeout: '1s',
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicitHttpConfig: { http2ProtocolOptions: {} },
      },
    },
    loadAssignment: {
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ endpoint: { address: { pipe: { path: '@topsail-validate' } } } }] }],
    },
  };
}
