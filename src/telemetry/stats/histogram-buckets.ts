// Histogram bounds and the search for a value's bucket: Envoy's defaults, which Istio's dashboards presume.

/** Upper bounds in the stat's own unit (ms for durations, bytes for sizes); one more bucket holds what is above. */
export const DEFAULT_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];

/** Slots of one histogram: a count per bound, the overflow count, the sum. */
export const HISTOGRAM_SLOTS = DEFAULT_BOUNDS.length + 2;
/** Offset of the sum among a histogram's slots. */
export const HISTOGRAM_SUM = DEFAULT_BOUNDS.length + 1;

const BOUNDS = Float64Array.from(DEFAULT_BOUNDS);

/** Index of the first bound that is not below `value`; `DEFAULT_BOUNDS.length` when all are. */
export function bucketOf(value: number): number {
  let low = 0;
  let high = BOUNDS.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= (BOUNDS[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Adds one observation to the histogram that starts at `base`. */
export function observeAt(values: Float64Array, base: number, value: number): void {
  const bucket = base + bucketOf(value);
  values[bucket] = (values[bucket] as number) + 1;
  const sum = base + HISTOGRAM_SUM;
  values[sum] = (values[sum] as number) + value;
}

export interface HistogramReading {
  readonly count: number;
  readonly sum: number;
  /** Cumulative counts, one per bound; the last bucket (+Inf) equals `count`. */
  readonly cumulative: readonly number[];
}

export function readHistogram(values: Float64Array, base: number): HistogramReading {
  const cumulative: number[] = [];
  let count = 0;
  for (let i = 0; i < DEFAULT_BOUNDS.length; i++) {
    count += values[base + i] as number;
    cumulative.push(count);
  }
  count += values[base + DEFAULT_BOUNDS.length] as number;
  return { count: count + 0, sum: (values[base + HISTOGRAM_SUM] as number) + 0, cumulative };
}

/**
 * Estimates a quantile (0..1) from counts per bucket by going straight through the bucket; NaN when nothing was counted.
 * With `largest`, the largest value that was counted (0: not known), none is above it.
 */
export function quantile(counts: ArrayLike<number>, bounds: readonly number[], q: number, largest = 0): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] as number;
  if (total === 0) return Number.NaN;
  const rank = q * total;
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    const here = counts[i] as number;
    if (here === 0 || seen + here < rank) {
      seen += here;
      continue;
    }
    const low = i === 0 ? 0 : (bounds[i - 1] as number);
    const top = i < bounds.length ? (bounds[i] as number) : Math.max(low, largest);
    const high = largest === 0 ? top : Math.min(top, largest);
    return Math.min(low, high) + Math.max(0, high - low) * ((rank - seen) / here);
  }
  return bounds[bounds.length - 1] as number;
}
