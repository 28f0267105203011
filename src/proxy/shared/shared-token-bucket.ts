// A token bucket that all workers draw from: fills are counted in steps since it was made, each by whoever sees it first.

import { type BucketSettings, TokenBucket } from '../filter/token-bucket.ts';
import type { SharedRecord } from './shared-table.ts';

/** Cells: fills so far, tokens, and when it was made (a Float64 in two cells). */
const STEP = 0;
const TOKENS = 1;
const MADE_MS = 2;

export class SharedTokenBucket extends TokenBucket {
  #words: Int32Array;
  #cells: number;
  readonly #giveBack: () => void;
  readonly #offsetMs: number;
  readonly #madeMs: number;

  /** `offsetMs` turns this worker's clock into the one that all agree on. `giveBack` may be called more than once. */
  constructor(
    settings: BucketSettings,
    nowMs: number,
    record: SharedRecord,
    offsetMs: number,
    giveBack: () => void = () => {},
  ) {
    super(settings, nowMs);
    this.#words = record.words;
    this.#cells = record.cells;
    this.#giveBack = giveBack;
    this.#offsetMs = offsetMs;
    this.#madeMs = new Float64Array(record.words.buffer, (record.cells + MADE_MS) * 4, 1)[0] as number;
  }

  /** For whoever makes the record. */
  static fillFirst(settings: BucketSettings, sharedNowMs: number): (record: SharedRecord) => void {
    return ({ words, cells }) => {
      words[cells + TOKENS] = settings.max;
      new Float64Array(words.buffer, (cells + MADE_MS) * 4, 1)[0] = sharedNowMs;
    };
  }

  override take(nowMs: number): boolean {
    this.#fill(nowMs);
    const words = this.#words;
    const cells = this.#cells;
    for (;;) {
      const tokens = Atomics.load(words, cells + TOKENS);
      if (tokens < 1) return false;
      if (Atomics.compareExchange(words, cells + TOKENS, tokens, tokens - 1) === tokens) return true;
    }
  }

  override remaining(nowMs: number): number {
    this.#fill(nowMs);
    return Atomics.load(this.#words, this.#cells + TOKENS);
  }

  override msToNextFill(nowMs: number): number {
    const { intervalMs } = this.settings;
    return intervalMs - ((nowMs + this.#offsetMs - this.#madeMs) % intervalMs);
  }

  /** The record is another's soon: a request that still has this bucket goes on with a copy. */
  override release(): void {
    this.#words = Int32Array.from(this.#words.subarray(this.#cells, this.#cells + MADE_MS));
    this.#cells = 0;
    this.#giveBack();
  }

  #fill(nowMs: number): void {
    const { intervalMs, perFill, max } = this.settings;
    const words = this.#words;
    const cells = this.#cells;
    const step = Math.floor((nowMs + this.#offsetMs - this.#madeMs) / intervalMs);
    const before = Atomics.load(words, cells + STEP);
    if (step <= before || Atomics.compareExchange(words, cells + STEP, before, step) !== before) return;
    const added = Math.min(max, (step - before) * perFill);
    for (;;) {
      const tokens = Atomics.load(words, cells + TOKENS);
      if (Atomics.compareExchange(words, cells + TOKENS, tokens, Math.min(max, tokens + added)) === tokens) return;
    }
  }
}
