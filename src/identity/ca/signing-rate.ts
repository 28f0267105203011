// Limits how many certificates one caller may have signed: a token bucket each, the least recently seen forgotten.

import type { Clock } from '#base';
import { RATE_LIMIT_CALLERS_MAX, SIGN_BURST, SIGN_PER_SECOND } from '../limits.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

export class SigningRate {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    clock: Pick<Clock, 'now'>,
    limits: { readonly burst: number; readonly perSecond: number } = { burst: SIGN_BURST, perSecond: SIGN_PER_SECOND },
  ) {
    this.#clock = clock;
    this.#burst = limits.burst;
    this.#perSecond = limits.perSecond;
  }

  /** False when the caller has to wait. */
  take(caller: string): boolean {
    const nowMs = this.#clock.now();
    const bucket = this.#buckets.get(caller) ?? { tokens: this.#burst, atMs: nowMs };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * this.#perSecond);
    bucket.atMs = nowMs;
    // Back to the end: the map's order is by last use.
    this.#buckets.delete(caller);
    this.#buckets.set(caller, bucket);
    if (this.#buckets.size > RATE_LIMIT_CALLERS_MAX) this.#buckets.delete(this.#buckets.keys().next().value as string);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
