// The bootstrap with which an agent starts a real Envoy: everything over one Unix socket of the agent, which
// speaks xDS for it (with token and certificate), serves its secrets and takes its access log.
import { ENVOY_AGENT_CLUSTERS as AGENT_CLUSTERS, type NodeMetadata } from '#base';

export interface EnvoyBootstrapFacts {
  readonly nodeId: string;
  readonly cluster: string;
  readonly metadata: NodeMetadata;
  readonly adminPort: number;
  /** The agent's gRPC socket: xDS, SDS and the access log service. */
  readonly socket: string;
}

const RUNTIME = {
  /** Keys of rate limits are written as formats; Envoy 1.40 takes them for plain text unless it is told. */
  'envoy.reloadable_features.enable_formatter_for_ratelimit_action_descriptor_value': true,
  /** Patterns as large as our proxy and Istio's bootstrap take: Envoy's own limit of 100 refuses a list of ten paths. */
  're2.max_program_size.error_level': 32_768,
};

/** Envoy v3 bootstrap as JSON text. */
export function envoyBootstrap({ nodeId, cluster, metadata, adminPort, socket }: EnvoyBootstrapFacts): string {
  const agent = (name: string): unknown => ({
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socket } } } }] }],
    },
  });
  return JSON.stringify({
    node: { id: nodeId, cluster, metadata },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
    layered_runtime: { layers: [{ name: 'topsail', static_layer: RUNTIME }] },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: AGENT_CLUSTERS.xds } }],
      },
      cds_config: { ads: {}, resource_api_version: 'V3' },
      lds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [agent(AGENT_CLUSTERS.xds), agent(AGENT_CLUSTERS.secrets), agent(AGENT_CLUSTERS.accessLog)],
    },
  });
}
