// The bootstrap by which a gRPC library finds the mesh (gRFC A27, certificates A29): xDS on the agent's Unix socket, the workload's
// certificate as files that are read again when they change.
import type { NodeMetadata } from '#base';

export interface GrpcBootstrapFacts {
  readonly nodeId: string;
  readonly cluster: string;
  readonly metadata: NodeMetadata;
  /** The agent's gRPC socket. */
  readonly socket: string;
  readonly files: { readonly certificate: string; readonly key: string; readonly roots: string };
}

/** Short beside the shortest life of a leaf. */
const REFRESH = '5s';

/** As JSON text. */
export function grpcBootstrap({ nodeId, cluster, metadata, socket, files }: GrpcBootstrapFacts): string {
  return JSON.stringify({
    xds_servers: [
      { server_uri: `unix://${socket}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] },
    ],
    // grpc-js takes no node without a locality.
    node: { id: nodeId, cluster, locality: {}, metadata: { ...metadata, GENERATOR: 'grpc' } },
    certificate_providers: {
      default: {
        plugin_name: 'file_watcher',
        config: {
          certificate_file: files.certificate,
          private_key_file: files.key,
          ca_certificate_file: files.roots,
          refresh_interval: REFRESH,
        },
      },
    },
    server_listener_resource_name_template: 'xds.istio.io/grpc/lds/inbound/%s',
  });
}
