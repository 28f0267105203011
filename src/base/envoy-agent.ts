// What the translation for a stock Envoy and the agent beside that Envoy agree on (design §3d).

/** Static clusters of the bootstrap, all of them the agent's Unix socket. */
export const ENVOY_AGENT_CLUSTERS = { xds: 'xds-grpc', secrets: 'sds-grpc', accessLog: 'topsail-agent' } as const;

/** Custom tags of access log entries: facts of the chosen endpoint. */
export const ENVOY_PEER_TAGS = {
  destination: 'topsail_destination',
  tlsMode: 'topsail_tls_mode',
  cause: 'topsail_cause',
  cluster: 'topsail_cluster',
} as const;

/** In the metadata of routes that a fault may abort: the cluster that it leads to, which Envoy then does not tell. */
export const ENVOY_ROUTE_CLUSTER = { namespace: 'topsail', key: 'cluster' } as const;

/** Where the caller's own word of itself lies in an entry's dynamic metadata. */
export const ENVOY_PEER_METADATA = { namespace: 'topsail.peer', key: 'metadata' } as const;

/** Environment of the Envoy process from which it says who it is, so that routes stay alike for all. */
export const ENVOY_PEER_ENVIRONMENT = { metadata: 'TOPSAIL_PEER_METADATA', id: 'TOPSAIL_PEER_METADATA_ID' } as const;

/** Istio's tags of spans, and the environment variable of the proxy that holds each. */
export const TRACE_ENVIRONMENT = {
  'istio.canonical_revision': 'TOPSAIL_CANONICAL_REVISION',
  'istio.canonical_service': 'TOPSAIL_CANONICAL_SERVICE',
  'istio.cluster_id': 'TOPSAIL_CLUSTER_ID',
  'istio.mesh_id': 'TOPSAIL_MESH_ID',
  'istio.namespace': 'TOPSAIL_NAMESPACE',
} as const;

export const PEER_METADATA_HEADERS = { metadata: 'x-envoy-peer-metadata', id: 'x-envoy-peer-metadata-id' } as const;

/** On what a RateLimit refuses: `NAMESPACE/NAME/RULE`, by which an Envoy's log tells which one it was. */
export const RATE_LIMIT_HEADER = 'x-topsail-rate-limit';
/** On what a RateLimit in shadow mode would have refused, towards the application. */
export const SHADOW_LIMIT_HEADER = 'x-topsail-rate-limit-shadow';
