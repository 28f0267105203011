// The variables that hold Istio's tags of spans (TRACE_ENVIRONMENT): what a workload says of itself in traces.
import { type NodeMetadata, TRACE_ENVIRONMENT as NAMES } from '#base';
import type { PeerInfo } from '#telemetry';

export function traceEnvironment(local: PeerInfo, metadata: NodeMetadata): Readonly<Record<string, string>> {
  return {
    [NAMES['istio.canonical_revision']]: local.canonicalRevision,
    [NAMES['istio.canonical_service']]: local.canonicalService,
    [NAMES['istio.cluster_id']]: metadata.CLUSTER_ID,
    [NAMES['istio.mesh_id']]: metadata.MESH_ID,
    [NAMES['istio.namespace']]: local.namespace,
  };
}
