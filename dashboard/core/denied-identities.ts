// Who was denied on an edge, from the denials themselves: an edge only knows the identity that its caller showed last.
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';
import type { DeniedJson } from '../../src/api/what-if-json.ts';

type Ends = Pick<TrafficEdgeJson, 'source' | 'sourceNamespace' | 'destination' | 'destinationNamespace'>;

/** The one denied last comes first; '' is a caller without a certificate. None where no denial of the edge is remembered. */
export function deniedIdentities(edge: Ends, denied: readonly DeniedJson[]): readonly string[] {
  const own = denied
    .filter(
      (one) =>
        one.source === edge.source &&
        one.sourceNamespace === edge.sourceNamespace &&
        one.workload === edge.destination &&
        one.namespace === edge.destinationNamespace,
    )
    .sort((a, b) => b.lastMs - a.lastMs);
  return [...new Set(own.map((one) => one.principal))];
}
