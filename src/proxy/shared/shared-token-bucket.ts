// A token bucket that all workers draw from: one number, the instant at which it would have been empty, that each changes by comparing.

import { type BucketSettings, ROUNDING_MS, TokenBucket } from '../filter/token-bucket.ts';
import type { SharedRecord } from './shared-table.ts';

/** Nanoseconds of the clock that all agree on, in two cells. */
const EMPTY_AT = 0;
const CELLS = 2;
/** Earlier than any clock: full. */
const NEVER = -(2n ** 62n);
const NS_PER_MS = 1e6;

export class SharedTokenBucket extends TokenBucket {
  #emptyAt: BigInt64Array;
  readonly #giveBack: () => void;
  readonly #offsetMs: number;

  /** `offsetMs` turns this worker's clock into the one that all agree on. `giveBack` may be called more than once. */
  constructor(settings: BucketSettings, record: SharedRecord, offsetMs: number, giveBack: () => void = () => {}) {
    super(settings);
    this.#emptyAt = cellsOf(record);
    this.#giveBack = giveBack;
    this.#offsetMs = offsetMs;
  }

  /** For whoever makes the record. */
  static fillFirst(record: SharedRecord): void {
    cellsOf(record)[0] = NEVER;
  }

  override take(nowMs: number): boolean {
    const now = nowMs + this.#offsetMs;
    for (;;) {
      const before = Atomics.load(this.#emptyAt, 0);
      const next = this.afterOne(Number(before) / NS_PER_MS, now);
      if (next > now + ROUNDING_MS) return false;
      const after = BigInt(Math.floor(next * NS_PER_MS));
      if (Atomics.compareExchange(this.#emptyAt, 0, before, after) === before) return true;
    }
  }

  override remaining(nowMs: number): number {
    return this.tokensSince(this.#emptyMs(), nowMs + this.#offsetMs);
  }

  override msToNextToken(nowMs: number): number {
    const now = nowMs + this.#offsetMs;
    return Math.max(0, this.afterOne(this.#emptyMs(), now) - now);
  }

  /** The record is another's soon: a request that still has this bucket goes on with a copy. */
  override release(): void {
    this.#emptyAt = BigInt64Array.from(this.#emptyAt);
    this.#giveBack();
  }

  #emptyMs(): number {
    return Number(Atomics.load(this.#emptyAt, 0)) / NS_PER_MS;
  }
}

function cellsOf({ words, cells }: SharedRecord): BigInt64Array {
  return new BigInt64Array(words.buffer, (cells + EMPTY_AT) * 4, CELLS / 2);
}
