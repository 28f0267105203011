// The verdict on one hop when the others are known: what looks like the application's own answer may have been given by
// the proxy in front of it, which its caller cannot see.
import type { TapRecordJson } from './tap-record.ts';
import { type Verdict, verdictOf } from './verdict.ts';

const OF_THE_APPLICATION: ReadonlySet<string> = new Set(['application-failed', 'application-refused', 'grpc-failed']);
const FINE: ReadonlySet<string> = new Set([
  ...OF_THE_APPLICATION,
  'forwarded',
  'delayed',
  'undeclared',
  'after-retries',
]);

export interface PlacedHop {
  readonly hop: TapRecordJson;
  /** Index of what caused it. */
  readonly parent: number;
}

export function verdictInTree(
  hops: readonly PlacedHop[],
  index: number,
): Omit<Verdict, 'code'> & { readonly code: string } {
  const hop = (hops[index] as PlacedHop).hop;
  const verdict = verdictOf(hop);
  if (hop.direction !== 'outbound' || !OF_THE_APPLICATION.has(verdict.code)) return verdict;
  if (hop.mtls && !hops.some((one) => one.parent === index))
    return { ...verdict, words: `${verdict.words}, or its proxy did, whose account was not told` };
  const at = hops.findLastIndex((one) => one.parent === index && one.hop.status === hop.status);
  const below = hops[at]?.hop;
  if (below === undefined || FINE.has(verdictOf(below).code)) return verdict;
  return {
    code: 'answered-by-callee',
    words: `the proxy of ${below.workload} answered in the place of its application: ${verdictOf(below).words}`,
    remedy: `Look at hop ${at + 1}.`,
  };
}
