// Hosts of an original_dst cluster: made for the address that the client wanted, forgotten when unused.

import { type Clock, Deadline, type TimerWheel } from '#base';
import { Host, unassigned } from './host.ts';
import { MAX_ORIGINAL_DESTINATIONS } from './limits.ts';

export interface OriginalDestinationSettings {
  /** 0 = the port that the client wanted. */
  readonly port: number;
  /** How long a host without connections is kept (cleanup_interval), ms. */
  readonly cleanupMs: number;
}

export class OriginalDestinationHosts {
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #removed: (host: Host) => void;
  #settings: OriginalDestinationSettings;
  /** In order of last use. */
  readonly #hosts = new Map<string, { readonly host: Host; usedMs: number }>();
  readonly #sweep = new Deadline(() => this.#cleanUp());

  /** `removed` closes the pools of a host that is forgotten. */
  constructor(
    { clock, wheel }: { readonly clock: Clock; readonly wheel: TimerWheel },
    settings: OriginalDestinationSettings,
    removed: (host: Host) => void,
  ) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.#settings = settings;
    this.#removed = removed;
  }

  update(settings: OriginalDestinationSettings): void {
    this.#settings = settings;
  }

  close(): void {
    this.#wheel.cancel(this.#sweep);
  }

  get size(): number {
    return this.#hosts.size;
  }

  *all(): IterableIterator<Host> {
    for (const { host } of this.#hosts.values()) yield host;
  }

  pick(destination: { readonly address: string; readonly port: number } | undefined): Host | undefined {
    if (destination === undefined) return undefined;
    const port = this.#settings.port || destination.port;
    const key = destination.address.includes(':')
      ? `[${destination.address}]:${port}`
      : `${destination.address}:${port}`;
    const known = this.#hosts.get(key);
    const entry = known ?? { host: this.#make(key, destination.address, port), usedMs: 0 };
    entry.usedMs = this.#clock.now();
    this.#hosts.delete(key);
    this.#hosts.set(key, entry);
    if (!this.#sweep.armed) this.#wheel.arm(this.#sweep, this.#settings.cleanupMs, entry.usedMs);
    if (known === undefined && this.#hosts.size > MAX_ORIGINAL_DESTINATIONS) this.#dropOldest();
    return entry.host;
  }

  /** Forgets what has no connection and was not used since the last time. */
  #cleanUp(): void {
    const now = this.#clock.now();
    const before = now - this.#settings.cleanupMs;
    for (const [key, { host, usedMs }] of this.#hosts) {
      if (usedMs > before) break;
      if (host.activeRequests === 0 && host.activeConnections === 0) this.#forget(key, host);
    }
    if (this.#hosts.size > 0) this.#wheel.arm(this.#sweep, this.#settings.cleanupMs, now);
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
