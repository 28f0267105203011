// Hosts of an original_dst cluster: made for the address that the client wanted, forgotten when unused.

import type { Clock } from '#base';
import { Host, unassigned } from './host.ts';
import { MAX_ORIGINAL_DESTINATIONS } from './limits.ts';

export class OriginalDestinationHosts {
  readonly #clock: Clock;
  readonly #portOverride: number;
  readonly #removed: (host: Host) => void;
  /** In order of last use. */
  readonly #hosts = new Map<string, { readonly host: Host; usedMs: number }>();

  /** `removed` closes the pools of a host that is forgotten. */
  constructor(clock: Clock, portOverride: number, removed: (host: Host) => void) {
    this.#clock = clock;
    this.#portOverride = portOverride;
    this.#removed = removed;
  }

  get size(): number {
    return this.#hosts.size;
  }

  *all(): IterableIterator<Host> {
    for (const { host } of this.#hosts.values()) yield host;
  }

  pick(destination: { readonly address: string; readonly port: number } | undefined): Host | undefined {
    if (destination === undefined) return undefined;
    const port = this.#portOverride || destination.port;
    const key = destination.address.includes(':')
      ? `[${destination.address}]:${port}`
      : `${destination.address}:${port}`;
    const known = this.#hosts.get(key);
    const entry = known ?? { host: this.#make(key, destination.address, port), usedMs: 0 };
    entry.usedMs = this.#clock.now();
    this.#hosts.delete(key);
    this.#hosts.set(key, entry);
    if (known === undefined && this.#hosts.size > MAX_ORIGINAL_DESTINATIONS) this.#dropOldest();
    return entry.host;
  }

  /** Forgets what nobody used for `idleMs` (the cluster's cleanup_interval). */
  cleanUp(idleMs: number): void {
    const before = this.#clock.now() - idleMs;
    for (const [key, { host, usedMs }] of this.#hosts) {
      if (usedMs > before) break;
      if (host.activeRequests === 0 && host.activeConnections === 0) this.#forget(key, host);
    }
  }

  #dropOldest(): void {
    for (const [key, { host }] of this.#hosts) {
      this.#forget(key, host);
      return;
    }
  }

  #forget(key: string, host: Host): void {
    this.#hosts.delete(key);
    host.removed = true;
    this.#removed(host);
  }

  #make(key: string, address: string, port: number): Host {
    return new Host(unassigned(key, address, port, ''), this.#clock.now());
  }
}
