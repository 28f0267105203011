// Time ranges to choose from: what the mesh keeps by itself, and beyond the last hour what a Prometheus has.
import { knownSince } from '../core/known-since.ts';
import { KEPT_SECONDS, useStatus } from './api.ts';

export type Range = readonly [seconds: string, name: string];

const OWN: readonly Range[] = [
  ['10', '10 s'],
  ['60', '1 min'],
  ['600', '10 min'],
  ['3600', '1 h'],
];
const FROM_PROMETHEUS: readonly Range[] = [
  ['21600', '6 h'],
  ['86400', '1 d'],
  ['604800', '7 d'],
];

/** Since when the numbers of a window are known, in words; undefined where all of it is, and while nobody knows. */
export function useKnownSince(windowSeconds: number): string | undefined {
  const { data } = useStatus();
  // Longer ones are a Prometheus's, which outlives the control plane.
  if (data === undefined || windowSeconds > KEPT_SECONDS) return undefined;
  return knownSince(windowSeconds, data.startedMs, Date.now());
}

/** `shortest`: seconds below which a range makes no sense here. */
export function useRanges(shortest = 10): readonly Range[] {
  const { data } = useStatus();
  const all = data?.addresses['prometheus'] === undefined ? OWN : [...OWN, ...FROM_PROMETHEUS];
  return all.filter(([seconds]) => Number(seconds) >= shortest);
}
