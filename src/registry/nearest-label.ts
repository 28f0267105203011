// The label that somebody has and that a misspelled one most likely means.

import { nearest } from '#base';

/** So many are compared. */
const MOST_COMPARED = 1000;

/** `name=value` of `near` that is nearest to the first of `wanted` that none of them has. */
export function nearestLabel(
  wanted: readonly string[],
  near: Iterable<{ readonly labels: Readonly<Record<string, string>> }>,
): string | undefined {
  const known = new Set<string>();
  for (const { labels } of near) {
    for (const [name, value] of Object.entries(labels)) known.add(`${name}=${value}`);
    if (known.size >= MOST_COMPARED) break;
  }
  const wrong = wanted.find((pair) => !known.has(pair));
  return wrong === undefined ? undefined : nearest(wrong, known);
}
