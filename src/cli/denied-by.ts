// Who refused requests, from the denials of edges: AuthorizationPolicies and RateLimits by name and rule, or what else it was.
import { denialWords } from '#api';

export type Denials = Readonly<Record<string, number>>;

/** The most frequent first. */
export function deniedBy(denials: Denials): string {
  const sums = new Map<string, number>();
  for (const [details, count] of Object.entries(denials))
    sums.set(denialWords(details), (sums.get(denialWords(details)) ?? 0) + count);
  return [...sums]
    .sort(([, a], [, b]) => b - a)
    .map(([words]) => words)
    .join('; ');
}

export function sumDenials(all: readonly Denials[]): Denials {
  const sums = new Map<string, number>();
  for (const [name, count] of all.flatMap((one) => Object.entries(one))) sums.set(name, (sums.get(name) ?? 0) + count);
  return Object.fromEntries(sums);
}
