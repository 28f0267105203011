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
  const groups = Map.groupBy(
    records.filter((one) => one.id !== ''),
    (one) => one.id,
  );
  return Array.from(groups, ([id, hops]) => requestOf(id, hops)).sort((a, b) => b.atMs - a.atMs);
}

export function requestOf(id: string, records: readonly TapRecordJson[]): TappedRequest {
  const hops = inOrderOfCause(records);
  const first = hops[0] as TapRecordJson;
  const atMs = Math.min(...hops.map((one) => one.atMs));
  const end = Math.max(...hops.map((one) => one.atMs + one.durationMs));
  return { id, hops, atMs, durationMs: end - atMs, first, failed: hops.some((one) => isFailed(one)) };
}

/** Who asks, then who is asked, then whom that asks in turn: times alone differ by a little between proxies. */
function inOrderOfCause(records: readonly TapRecordJson[]): readonly TapRecordJson[] {
  const left = new Set([...records].sort((a, b) => a.atMs - b.atMs || b.durationMs - a.durationMs));
  const asked = new Set(records.filter((one) => one.direction === 'inbound').map(workloadOf));
  const ordered: TapRecordJson[] = [];
  const follow = (one: TapRecordJson): void => {
    left.delete(one);
    ordered.push(one);
    const next =
      one.direction === 'outbound'
        ? [...left]
            .filter(
              (other) =>
                other.direction === 'inbound' &&
                workloadOf(other) === `${one.destination.namespace}/${one.destination.workload}` &&
                other.path === one.path,
            )
            .slice(0, 1)
        : [...left].filter((other) => other.direction === 'outbound' && workloadOf(other) === workloadOf(one));
    for (const other of next) if (left.has(other)) follow(other);
  };
  for (const one of left) if (one.direction === 'outbound' && !asked.has(workloadOf(one)) && left.has(one)) follow(one);
  for (const one of left) if (left.has(one)) follow(one);
  return ordered;
}

function workloadOf(record: TapRecordJson): string {
  return `${record.namespace}/${record.workload}`;
}

export function isFailed(record: Pick<TapRecordJson, 'status' | 'flags'>): boolean {
  return record.status >= 500 || record.status === 0 || record.flags.length > 0;
}
