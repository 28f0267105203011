// Keys that need work: each at most once in the queue and never twice at a time, failures again after a growing wait, a rate for all.

import type { Clock, Logger, Random, Timer } from '#base';
import { Backoff } from './backoff.ts';
import { QUEUE_KEYS } from './limits.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly name: string;
  /** Throws, or rejects, to be asked again later. */
  readonly work: (key: string) => Promise<void>;
  /** Keys a second, and how many may go at once after a quiet time. */
  readonly perSecond: number;
  readonly burst: number;
  /** Works on so many keys at a time; default 1. */
  readonly parallel?: number;
  readonly retryFirstMs?: number;
  readonly retryMostMs?: number;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #queued = new Set<string>();
  readonly #running = new Set<string>();
  /** Added while it was worked on: again when that is done. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, Backoff>();
  readonly #delayed = new Map<string, Timer>();
  #tokens: number;
  #refilledMs: number;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#refilledMs = options.clock.now();
  }

  get size(): number {
    return this.#queued.size + this.#running.size + this.#delayed.size;
  }

  add(key: string): void {
    if (this.#closed) return;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#queued.size >= QUEUE_KEYS) {
      this.#options.log.error('a work queue is full; the next resync brings the key back', {
        queue: this.#options.name,
        key,
      });
      return;
    }
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
    this.#queued.add(key);
    this.#pump();
  }

  addAfter(key: string, ms: number): void {
    if (this.#closed || this.#queued.has(key) || this.#delayed.has(key)) return;
    const timer = this.#options.clock.setTimer(
      ms,
      () => {
        this.#delayed.delete(key);
        this.add(key);
      },
      { unref: true },
    );
    this.#delayed.set(key, timer);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const timer of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#queued.clear();
  }

  #pump(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { clock, parallel = 1, perSecond } = this.#options;
    this.#refill();
    for (const key of this.#queued) {
      if (this.#running.size >= parallel || this.#closed) return;
      if (this.#tokens < 1) {
        this.#timer = clock.setTimer(((1 - this.#tokens) / perSecond) * 1000, () => this.#pump(), { unref: true });
        return;
      }
      this.#tokens--;
      this.#queued.delete(key);
      this.#running.add(key);
      void this.#work(key);
    }
  }

  async #work(key: string): Promise<void> {
    const { work, log, name, random, retryFirstMs = 500, retryMostMs = 60_000 } = this.#options;
    try {
      await work(key);
      this.#failures.delete(key);
      this.#running.delete(key);
    } catch (error) {
      this.#running.delete(key);
      const backoff = this.#failures.get(key) ?? new Backoff(random, retryFirstMs, retryMostMs);
      this.#failures.set(key, backoff);
      log.warn('work on a key failed; it is tried again', {
        queue: name,
        key,
        reason: error instanceof Error ? error.message : String(error),
      });
      if (!this.#again.has(key)) this.addAfter(key, backoff.nextMs());
    }
    if (this.#again.delete(key)) this.add(key);
    this.#pump();
  }

  #refill(): void {
    const { clock, perSecond, burst } = this.#options;
    const now = clock.now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#refilledMs) / 1000) * perSecond);
    this.#refilledMs = now;
  }
}
