// Groups tapped records by request and orders each request's hops: what a request caused lies inside its time.
import type { TapRecordJson } from '../../src/telemetry/graph/tap-record.ts';

export interface TappedRequest {
  readonly id: string;
  readonly hops: readonly TapRecordJson[];
  readonly atMs: number;
  readonly durationMs: number;
  /** The outermost record: what the first proxy saw. */
  readonly first: TapRecordJson;
  readonly failed: boolean;
}

export function groupRequests(records: readonly TapRecordJson[]): readonly TappedRequest[] {
  const groups = Map.groupBy(records.filter((one) => one.id !== ''), (one) => one.id);
  return Array.from(groups, ([id, hops]) => requestOf(id, hops)).sort((a, b) => b.atMs - a.atMs);
}

export function requestOf(id: string, records: readonly TapRecordJson[]): TappedRequest {
  // The caller's account of a hop comes before the callee's, whose clock may differ by a little.
  const hops = [...records].sort((a, b) => a.atMs - b.atMs || b.durationMs - a.durationMs || (a.direction === 'outbound' ? -1 : 1));
  const first = hops[0] as TapRecordJson;
  const atMs = Math.min(...hops.map((one) => one.atMs));
  const end = Math.max(...hops.map((one) => one.atMs + one.durationMs));
  return { id, hops, atMs, durationMs: end - atMs, first, failed: hops.some((one) => isFailed(one)) };
}

export function isFailed(record: Pick<TapRecordJson, 'status' | 'flags'>): boolean {
  return record.status >= 500 || record.status === 0 || record.flags.length > 0;
}

/** Why a request ended as it did, in words, from Envoy's flags and details. */
export function verdictOf(record: TapRecordJson): string {
  const byFlag: Readonly<Record<string, string>> = {
    NR: 'no route matched', UH: 'no healthy endpoint', UF: 'the endpoint could not be reached', UO: 'the circuit breaker was open', UT: 'the endpoint took longer than the timeout',
    UC: 'the endpoint closed the connection', UR: 'the endpoint reset the stream', URX: 'every retry failed', DC: 'the caller went away', FI: 'a fault was injected', DI: 'a delay was injected',
    RL: 'the rate limit was reached', UAEX: 'external authorization refused', DPE: 'the caller broke the protocol', NC: 'the cluster is not known', LR: 'the proxy reset the stream', DT: 'the time for the whole request was over',
  };
  const words = record.flags.map((flag) => byFlag[flag] ?? flag);
  if (record.details.startsWith('rbac_access_denied')) words.push('a policy denied it');
  if (words.length > 0) return words.join('; ');
  return record.status >= 500 ? 'the application answered so' : record.status >= 400 ? 'the application refused' : 'forwarded';
}
