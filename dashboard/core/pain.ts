// Which workload hurts most: the order of the golden table. Failing requests weigh more than slow ones, and both by how many there are.
import type { GoldenJson } from '../../src/api/dashboard-json.ts';

/** What of a p99 is still no pain. */
const EASY_MS = 250;

export function painOf(row: Pick<GoldenJson, 'successRate' | 'requestsPerSecond' | 'p99Ms'>): number {
  const failing = (1 - row.successRate) * 1000 * (1 + Math.log10(1 + row.requestsPerSecond));
  const slow = Math.max(0, row.p99Ms - EASY_MS) / EASY_MS;
  return failing + slow;
}

export function byPain(a: GoldenJson, b: GoldenJson): number {
  return painOf(b) - painOf(a) || b.requestsPerSecond - a.requestsPerSecond || (a.workload < b.workload ? -1 : 1);
}
