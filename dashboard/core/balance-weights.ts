// Moves one slider of several that always add up to 100: the others give or take in proportion to what they have.

export function balanceWeights(
  weights: ReadonlyMap<string, number>,
  moved: string,
  to: number,
): ReadonlyMap<string, number> {
  const others = [...weights.keys()].filter((one) => one !== moved);
  if (others.length === 0) return new Map([[moved, 100]]);
  const rest = 100 - to;
  const had = others.reduce((sum, one) => sum + (weights.get(one) ?? 0), 0);
  const next = new Map(
    [...weights.keys()].map((one) => [
      one,
      one === moved ? to : Math.floor(had === 0 ? rest / others.length : (rest * (weights.get(one) ?? 0)) / had),
    ]),
  );
  // What rounding left goes to the largest.
  const short = 100 - [...next.values()].reduce((sum, one) => sum + one, 0);
  const largest = others.toSorted((a, b) => (next.get(b) ?? 0) - (next.get(a) ?? 0))[0] as string;
  return next.set(largest, (next.get(largest) ?? 0) + short);
}
