// All listeners by name, and which of them serves an original destination.

import { canonicalIp } from '#base';
import { LISTENER_MANAGER, LISTENER_MANAGER_BLOCK, type StatBlock } from '#telemetry';
import type { Holder } from '../overload/held-memory.ts';
import type { ProxyServices } from '../services.ts';
import type { ListenerSnapshot } from './listener-snapshot.ts';
import { LiveListener } from './live-listener.ts';

export class ListenerManager {
  readonly #services: ProxyServices;
  readonly #listeners = new Map<string, LiveListener>();
  readonly #byAddress = new Map<string, LiveListener>();
  readonly #stats: StatBlock;
  #closed = false;

  constructor(services: ProxyServices) {
    this.#services = services;
    this.#stats = services.stats.block(LISTENER_MANAGER_BLOCK);
  }

  all(): Iterable<LiveListener> {
    return this.#listeners.values();
  }

  get(name: string): LiveListener | undefined {
    return this.#listeners.get(name);
  }

  /** Adds a listener or gives one a new version. Fails when its address can't be bound; the old version then stays. */
  async set(snapshot: ListenerSnapshot): Promise<void> {
    const known = this.#listeners.get(snapshot.name);
    if (known !== undefined && sameSocket(known.snapshot, snapshot)) {
      known.replace(snapshot);
      this.#stats.inc(LISTENER_MANAGER.listener_modified);
      return;
    }
    const made = new LiveListener(snapshot, this.#services, (address, port) => this.#find(address, port));
    try {
      await made.bind();
    } catch (error) {
      this.#stats.inc(LISTENER_MANAGER.listener_create_failure);
      made.destroy();
      throw error;
    }
    // Whoever closes all of them knows nothing of one that is being bound.
    if (this.#closed) return made.destroy();
    if (known !== undefined) this.remove(snapshot.name);
    this.#listeners.set(snapshot.name, made);
    for (const key of placesOf(snapshot)) this.#byAddress.set(key, made);
    this.#stats.inc(LISTENER_MANAGER.listener_added);
    this.#stats.inc(LISTENER_MANAGER.listener_create_success);
    this.#stats.set(LISTENER_MANAGER.total_listeners_active, this.#listeners.size);
  }

  remove(name: string): void {
    const listener = this.#listeners.get(name);
    if (listener === undefined) return;
    this.#listeners.delete(name);
    for (const key of placesOf(listener.snapshot))
      if (this.#byAddress.get(key) === listener) this.#byAddress.delete(key);
    listener.remove();
    this.#stats.inc(LISTENER_MANAGER.listener_removed);
    this.#stats.set(LISTENER_MANAGER.total_listeners_active, this.#listeners.size);
  }

  drainAll(): void {
    for (const listener of this.#listeners.values()) listener.drain();
  }

  /** What others come in by closes; what the workload itself goes out by serves it still, each connection once. */
  drainAllButOutbound(): void {
    for (const listener of this.#listeners.values()) {
      if (listener.snapshot.direction === 'outbound') listener.drainGently();
      else listener.drain();
    }
  }

  /** Resolves when nobody waits to be accepted. */
  async emptied(): Promise<void> {
    await Promise.all(Array.from(this.#listeners.values(), (listener) => listener.emptied()));
  }

  /** Somebody else accepts on the same sockets. */
  stopAccepting(): void {
    for (const listener of this.#listeners.values()) listener.stopAccepting();
  }

  /** Those that are open take nothing new; others are taken still. */
  drainGently(): void {
    for (const listener of this.#listeners.values()) listener.drainGently();
  }

  /** Nothing opens afterwards. */
  destroyAll(): void {
    this.#closed = true;
    for (const listener of this.#listeners.values()) listener.destroy();
    this.#listeners.clear();
    this.#byAddress.clear();
  }

  get connectionCount(): number {
    let count = 0;
    for (const listener of this.#listeners.values()) count += listener.connectionCount;
    return count;
  }

  /** Closes that many connections of all listeners, the newest first. */
  resetNewest(count: number): void {
    const all = [...this.#listeners.values()].flatMap((listener) => [...listener.connections()]);
    all.sort((a, b) => b.startMs - a.startMs);
    for (const connection of all.slice(0, count)) connection.close('overload');
  }

  /** Who has bodies wait in memory, at least so many bytes of them. */
  *holders(leastBytes: number): Iterable<Holder> {
    for (const listener of this.#listeners.values())
      for (const connection of listener.connections()) yield* connection.holders(leastBytes);
  }

  /** The exact address first, then the wildcard of its port (Envoy's order). */
  #find(address: string, port: number): LiveListener | undefined {
    return (
      this.#byAddress.get(`${address}|${port}`) ??
      this.#byAddress.get(`${address.includes(':') ? '::' : '0.0.0.0'}|${port}`)
    );
  }
}

function placesOf({ host, port, additional }: ListenerSnapshot): readonly string[] {
  return [{ host, port }, ...additional].map((one) => `${canonicalIp(one.host)}|${one.port}`);
}

function sameSocket(a: ListenerSnapshot, b: ListenerSnapshot): boolean {
  return (
    a.host === b.host &&
    a.port === b.port &&
    a.ipv4Too === b.ipv4Too &&
    a.bindToPort === b.bindToPort &&
    a.transparent === b.transparent &&
    JSON.stringify(a.additional) === JSON.stringify(b.additional)
  );
}
