// Latencies in a log-linear histogram (as HdrHistogram): under 1 % error from 1 µs to 100 s in 30 kB.

/** Linear steps per power of two. */
const STEPS = 128;
const MAX_EXPONENT = 27;

export class LatencyHistogram {
  readonly #counts = new Float64Array((MAX_EXPONENT + 1) * STEPS);
  #total = 0;
  #sum = 0;
  #max = 0;

  add(microseconds: number): void {
    const v = Math.max(0, microseconds);
    (this.#counts[indexOf(v)] as number)++;
    this.#total++;
    this.#sum += v;
    if (v > this.#max) this.#max = v;
  }

  merge(other: LatencyHistogram): void {
    for (let i = 0; i < this.#counts.length; i++) (this.#counts[i] as number) += other.#counts[i] as number;
    this.#total += other.#total;
    this.#sum += other.#sum;
    this.#max = Math.max(this.#max, other.#max);
  }

  get count(): number {
    return this.#total;
  }

  get max(): number {
    return this.#max;
  }

  get mean(): number {
    return this.#total === 0 ? Number.NaN : this.#sum / this.#total;
  }

  /** Upper end of the bucket in which the quantile lies, in µs; NaN when empty. */
  quantile(q: number): number {
    if (this.#total === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(q * this.#total));
    let seen = 0;
    for (let i = 0; i < this.#counts.length; i++) {
      seen += this.#counts[i] as number;
      if (seen >= rank) return Math.min(this.#max, upperOf(i));
    }
    return this.#max;
  }
}

function indexOf(v: number): number {
  if (v < STEPS) return Math.floor(v);
  const exponent = Math.min(MAX_EXPONENT, Math.floor(Math.log2(v)) - Math.log2(STEPS) + 1);
  const step = Math.min(STEPS - 1, Math.floor(v / 2 ** exponent));
  return exponent * STEPS + step;
}

function upperOf(index: number): number {
  const exponent = Math.floor(index / STEPS);
  return ((index % STEPS) + 1) * 2 ** exponent;
}
