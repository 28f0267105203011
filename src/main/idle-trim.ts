// Gives memory back after a burst (hundreds of proxies connecting at once): V8 would keep the garbage's pages for a burst that may never come again.
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import type { Clock, Timer } from '#base';
import { trimHeap } from './trim-heap.ts';

const LOOK_MS = 5000;
/** Collecting everything stops the loop for about a millisecond per megabyte in use: only for a good share, and when little is going on. */
const WORTH_BYTES = 64 << 20;
const WORTH_SHARE = 1.25;
const IDLE_SHARE = 0.1;

export class IdleTrim {
  readonly #clock: Clock;
  #former = performance.eventLoopUtilization();
  #after = process.memoryUsage.rss();
  #timer: Timer;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timer = clock.setTimer(LOOK_MS, () => this.#look(), { unref: true });
  }

  close(): void {
    this.#timer.cancel();
  }

  #look(): void {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#former);
    this.#former = now;
    const rss = process.memoryUsage.rss();
    if (utilization < IDLE_SHARE && rss > Math.max(this.#after + WORTH_BYTES, this.#after * WORTH_SHARE)) {
      trimHeap();
      this.#after = process.memoryUsage.rss();
      this.#former = performance.eventLoopUtilization();
    }
    this.#timer = this.#clock.setTimer(LOOK_MS, () => this.#look(), { unref: true });
  }
}
