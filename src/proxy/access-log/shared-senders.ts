// One sender per service and log name, however many listeners log there; it outlives a change of listeners that keeps it.

import type { ProxyServices } from '../services.ts';
import type { EntryCounts } from './entry-queue.ts';

interface Sender {
  readonly queued: number;
  close(): void;
}

export class SharedSenders<T extends object, S extends Sender> {
  readonly #statPrefix: string;
  readonly #make: (services: ProxyServices, target: T, counts: EntryCounts) => S;
  readonly #byKey = new Map<string, { readonly sender: S; users: number }>();
  readonly #counts: EntryCounts = { written: 0, dropped: 0 };
  #published = false;

  /** Counters are named as Envoy names its loggers'. */
  constructor(statPrefix: string, make: (services: ProxyServices, target: T, counts: EntryCounts) => S) {
    this.#statPrefix = statPrefix;
    this.#make = make;
  }

  /** Give it back with `release`. */
  acquire(services: ProxyServices, target: T): S {
    if (!this.#published) this.#publish(services);
    const key = keyOf(target);
    let entry = this.#byKey.get(key);
    if (entry === undefined)
      this.#byKey.set(key, (entry = { sender: this.#make(services, target, this.#counts), users: 0 }));
    entry.users++;
    return entry.sender;
  }

  release(target: T): void {
    const key = keyOf(target);
    const entry = this.#byKey.get(key);
    if (entry === undefined || --entry.users > 0) return;
    this.#byKey.delete(key);
    entry.sender.close();
  }

  #publish({ stats }: ProxyServices): void {
    this.#published = true;
    const counts = this.#counts;
    stats.computed(`${this.#statPrefix}.logs_written`, 'counter', () => counts.written);
    stats.computed(`${this.#statPrefix}.logs_dropped`, 'counter', () => counts.dropped);
    stats.computed(`${this.#statPrefix}.logs_queued`, 'gauge', () =>
      [...this.#byKey.values()].reduce((sum, { sender }) => sum + sender.queued, 0),
    );
  }
}

function keyOf(target: object): string {
  return JSON.stringify(target, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
