// The mesh in four numbers. A request that reached no workload (no route, no healthy endpoint) was spoken to nobody:
// it counts as asked and, where it failed, as failed, but says nothing about mutual TLS.
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';

const NOBODY = 'unknown';

export interface MeshNumbers {
  readonly requestsPerSecond: number;
  readonly errorsPerSecond: number;
  /** Of the errors, those that no workload's row shows. */
  readonly lostPerSecond: number;
  /** Of the errors, what a policy refused. */
  readonly deniedPerSecond: number;
  /** Of the errors, what a RateLimit refused. */
  readonly limitedPerSecond: number;
  /** 0..1 of the requests that reached a workload; undefined where none did. */
  readonly mtlsShare: number | undefined;
}

export function meshNumbers(
  edges: readonly Pick<
    TrafficEdgeJson,
    'destination' | 'requestsPerSecond' | 'errorsPerSecond' | 'deniedPerSecond' | 'limitedPerSecond' | 'mtls'
  >[],
): MeshNumbers {
  const sum = (of: (edge: (typeof edges)[number]) => number, some = edges): number =>
    some.reduce((total, edge) => total + of(edge), 0);
  const arrived = edges.filter((edge) => edge.destination !== NOBODY);
  const lost = edges.filter((edge) => edge.destination === NOBODY);
  const rate = sum((edge) => edge.requestsPerSecond, arrived);
  return {
    requestsPerSecond: sum((edge) => edge.requestsPerSecond),
    errorsPerSecond: sum((edge) => edge.errorsPerSecond),
    deniedPerSecond: sum((edge) => edge.deniedPerSecond - edge.limitedPerSecond),
    limitedPerSecond: sum((edge) => edge.limitedPerSecond),
    lostPerSecond: sum((edge) => edge.errorsPerSecond, lost),
    mtlsShare: rate === 0 ? undefined : sum((edge) => edge.requestsPerSecond * edge.mtls, arrived) / rate,
  };
}
