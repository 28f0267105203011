// A cluster for gRPC's clients: endpoints by EDS, round robin or ring hash, limits, ejection, and mutual TLS with the certificate files
// that the bootstrap names. A cluster that wants TLS of another kind, a PROXY header, or other endpoints, is not sent: its calls fail, none goes in the clear.

import { fromBinary } from '@bufbuild/protobuf';
import type { XdsResource } from '#base';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { UpstreamTlsContextSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { ADS, type Init, resource } from '../encode.ts';
import { PROXY_PROTOCOL_SOCKET, upstreamSocket } from '../tls-contexts.ts';

/** What the bootstrap calls the files of the workload's certificate and the mesh's roots. */
const PROVIDER = { instanceName: 'default' };

export function grpcCluster(from: XdsResource): XdsResource | undefined {
  const cluster = fromBinary(ClusterSchema, from.bytes);
  if (cluster.clusterDiscoveryType.value !== Cluster_DiscoveryType.EDS) return undefined;
  // gRPC's clients send no PROXY header.
  if (cluster.transportSocketMatches.some((m) => m.transportSocket?.name === PROXY_PROTOCOL_SOCKET)) return undefined;
  const tls = tlsOf(cluster);
  if (tls === 'none of ours') return undefined;
  const { name, lbPolicy, lbConfig, circuitBreakers, outlierDetection } = cluster;
  const ring = lbPolicy === Cluster_LbPolicy.RING_HASH;
  const init: Init<typeof ClusterSchema> = {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ADS, serviceName: name },
    lbPolicy: ring ? lbPolicy : Cluster_LbPolicy.ROUND_ROBIN,
    ...(ring ? { lbConfig } : {}),
    ...(circuitBreakers === undefined ? {} : { circuitBreakers }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
    ...tls,
  };
  return resource(ClusterSchema, name, init, from.origins);
}

/** A socket beside the matches, or alone, is for every endpoint; where only matches are, plaintext is allowed too and taken. */
function tlsOf({ transportSocket }: Cluster): Init<typeof ClusterSchema> | 'none of ours' {
  const config = transportSocket?.configType.case === 'typedConfig' ? transportSocket.configType.value : undefined;
  if (transportSocket === undefined) return {};
  if (config === undefined || transportSocket.name !== 'envoy.transport_sockets.tls') return 'none of ours';
  const { commonTlsContext } = fromBinary(UpstreamTlsContextSchema, config.value);
  const validation = commonTlsContext?.validationContextType;
  if (commonTlsContext?.tlsCertificateSdsSecretConfigs[0]?.name !== 'default') return 'none of ours';
  if (validation?.case !== 'combinedValidationContext') return 'none of ours';
  const sans = validation.value.defaultValidationContext?.matchTypedSubjectAltNames ?? [];
  return {
    transportSocket: upstreamSocket({
      commonTlsContext: {
        tlsCertificateProviderInstance: PROVIDER,
        validationContextType: {
          case: 'validationContext',
          value: {
            caCertificateProviderInstance: PROVIDER,
            // The only form that gRPC reads.
            matchSubjectAltNames: sans.flatMap(({ matcher }) => (matcher === undefined ? [] : [matcher])),
          },
        },
      },
    }),
  };
}
