// What edges count by what was said of it, refusals and injected faults, in words.
import { denialWords, faultWords } from '#api';

export type Counts = Readonly<Record<string, number>>;

/** Who refused requests: AuthorizationPolicies and RateLimits by name and rule, or what else it was. */
export function deniedBy(denials: Counts): string {
  return mostFirst(denials, denialWords);
}

export function faultsText(faults: Counts): string {
  return mostFirst(faults, faultWords);
}

export function sumCounts(all: readonly Counts[]): Counts {
  const sums = new Map<string, number>();
  for (const [name, count] of all.flatMap((one) => Object.entries(one))) sums.set(name, (sums.get(name) ?? 0) + count);
  return Object.fromEntries(sums);
}

/** The most frequent first; what is said in the same words is one. */
function mostFirst(counts: Counts, wordsOf: (name: string) => string): string {
  const sums = sumCounts(Object.entries(counts).map(([name, count]) => ({ [wordsOf(name)]: count })));
  return Object.entries(sums)
    .sort(([, a], [, b]) => b - a)
    .map(([words]) => words)
    .join('; ');
}
