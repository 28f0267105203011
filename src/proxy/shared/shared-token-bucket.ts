// A token bucket that all workers draw from: one number, the instant at which it would have been empty, that each changes by comparing.

import { type BucketSettings, ROUNDING_MS, TokenBucket } from '../filter/token-bucket.ts';
import type { SharedRecord } from './shared-table.ts';

/** Nanoseconds of the clock that all agree on, in two cells. */
const EMPTY_AT = 0;
const CELLS = 2;
/** Earlier than any clock: full. */
const NEVER = -(2n ** 62n);
const NS_PER_MS = 1e6;

export interface BucketKeeper {
  /** May be called more than once. */
  giveBack(): void;
  used(): void;
}

const NOBODY: BucketKeeper = { giveBack: () => {}, used: () => {} };

export class SharedTokenBucket extends TokenBucket {
  readonly record: SharedRecord;
  #emptyAt: BigInt64Array;
  #released = false;
  readonly #keeper: BucketKeeper;
  readonly #offsetMs: number;

  /** `offsetMs` turns this worker's clock into the one that all agree on. */
  constructor(settings: BucketSettings, record: SharedRecord, offsetMs: number, keeper = NOBODY) {
    super(settings);
    this.record = record;
    this.#emptyAt = cellsOf(record);
    this.#keeper = keeper;
    this.#offsetMs = offsetMs;
  }

  override get isReleased(): boolean {
    return this.#released;
  }

  /** For whoever makes the record. */
  static fillFirst(record: SharedRecord): void {
    cellsOf(record)[0] = NEVER;
  }

  override take(nowMs: number): boolean {
    const now = nowMs + this.#offsetMs;
    this.#keeper.used();
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
    this.#released = true;
    this.#keeper.giveBack();
  }

  #emptyMs(): number {
    return Number(Atomics.load(this.#emptyAt, 0)) / NS_PER_MS;
  }
}

function cellsOf({ words, cells }: SharedRecord): BigInt64Array {
  return new BigInt64Array(words.buffer, (cells + EMPTY_AT) * 4, CELLS / 2);
}
