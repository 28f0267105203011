// A bucket that fills evenly, as a number: the time at which it would have been empty, had it filled ever since. Gives several tokens at once.

export interface FillRate {
  /** Tokens in a full bucket. */
  readonly max: number;
  /** Until one more is there. */
  readonly tokenMs: number;
}

/** Of what divisions lose: a token that is due at this instant is there. */
const ROUNDING_MS = 0.001;

export class FillingBucket {
  /** Never, at the beginning: full. */
  #emptyMs = Number.NEGATIVE_INFINITY;

  /** Whole tokens. */
  available({ max, tokenMs }: FillRate, nowMs: number): number {
    return Math.max(0, Math.min(max, Math.floor((nowMs + ROUNDING_MS - this.#emptyMs) / tokenMs)));
  }

  /** As many as there are, up to `tokens`. */
  take(tokens: number, rate: FillRate, nowMs: number): number {
    const taken = Math.min(tokens, this.available(rate, nowMs));
    if (taken > 0) this.#emptyMs = Math.max(this.#emptyMs, nowMs - rate.max * rate.tokenMs) + taken * rate.tokenMs;
    return taken;
  }

  /** 0 when there is one. */
  msToNextToken(rate: FillRate, nowMs: number): number {
    const level = Math.max(this.#emptyMs, nowMs - rate.max * rate.tokenMs);
    return Math.max(0, level + rate.tokenMs - nowMs);
  }
}
