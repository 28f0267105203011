// Groups tapped records by request and orders each request's hops: what a request caused lies inside its time.
import { denialOf } from '../../src/telemetry/graph/failure.ts';
import { requestTree, type TreeHop } from '../../src/telemetry/graph/request-tree.ts';
import type { TapRecordJson } from '../../src/telemetry/graph/tap-record.ts';

export interface TappedRequest {
  readonly id: string;
  /** Each after what caused it. */
  readonly tree: readonly TreeHop[];
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
  const tree = requestTree(records);
  const hops = tree.map((one) => one.hop);
  const first = hops[0] as TapRecordJson;
  const atMs = Math.min(...hops.map((one) => one.atMs));
  const end = Math.max(...hops.map((one) => one.atMs + one.durationMs));
  return { id, tree, atMs, durationMs: end - atMs, first, failed: hops.some((one) => isFailed(one)) };
}

type Told = Pick<TapRecordJson, 'status' | 'flags' | 'details' | 'policy'>;

/** It failed, or was denied. */
export function isFailed({ status, flags, details, policy }: Told): boolean {
  const told = { responseCodeDetails: details, connectionTerminationDetails: '' };
  const denied = denialOf({ ...told, policyRule: policy, responseCode: status }) !== '';
  return status >= 500 || status === 0 || flags.length > 0 || denied;
}
