// The buckets in which summaries count latencies.

/** Upper bounds in ms of `latency_counts`, without +Inf. */
export const LATENCY_BOUNDS: readonly number[] = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000];

export function latencyBucket(ms: number): number {
  let i = 0;
  while (i < LATENCY_BOUNDS.length && ms > (LATENCY_BOUNDS[i] as number)) i++;
  return i;
}
