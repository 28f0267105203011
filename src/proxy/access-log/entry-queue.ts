// Entries of one access log service that wait to be sent: bounded in bytes, sent when enough wait or after an interval.
// A request never waits for it; what finds no room is dropped and counted.

import type { Clock, Timer } from '#base';
import { QUEUED_BYTES_MAX } from './limits.ts';

export interface EntryCounts {
  written: number;
  dropped: number;
}

export interface EntryQueueOptions {
  readonly clock: Clock;
  readonly flushMs: number;
  readonly flushBytes: number;
  readonly counts: EntryCounts;
  /** False: the entries stay until `flush` is called again. */
  readonly send: (entries: readonly Uint8Array[]) => boolean;
}

export class EntryQueue {
  readonly #options: EntryQueueOptions;
  #entries: Uint8Array[] = [];
  #bytes = 0;
  #timer: Timer | undefined;

  constructor(options: EntryQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.length;
  }

  add(entry: Uint8Array): void {
    const { clock, counts, flushBytes, flushMs } = this.#options;
    if (this.#bytes + entry.length > QUEUED_BYTES_MAX) {
      counts.dropped++;
      return;
    }
    this.#entries.push(entry);
    this.#bytes += entry.length;
    if (this.#bytes >= flushBytes) this.flush();
    if (this.#entries.length > 0) this.#timer ??= clock.setTimer(flushMs, () => this.#due(), { unref: true });
  }

  flush(): void {
    if (this.#entries.length === 0 || !this.#options.send(this.#entries)) return;
    this.#options.counts.written += this.#entries.length;
    this.#entries = [];
    this.#bytes = 0;
  }

  /** What waits is lost. */
  close(): void {
    this.#timer?.cancel();
    this.#options.counts.dropped += this.#entries.length;
    this.#entries = [];
    this.#bytes = 0;
  }

  #due(): void {
    this.#timer = undefined;
    this.flush();
    if (this.#entries.length > 0)
      this.#timer = this.#options.clock.setTimer(this.#options.flushMs, () => this.#due(), { unref: true });
  }
}
