// Hosts of a dynamic_forward_proxy cluster: whatever name a request asks for, looked up once and kept for its
// time to live. Names come from clients, so names, look-ups in flight and their time are all bounded.

import type { Clock, Net } from '#base';
import type { DnsCacheConfig } from '#proto/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
import { chooseFamily } from './dns-family.ts';
import { Host, unassigned } from './host.ts';
import { millisOf } from '../matcher/fraction.ts';

export interface ForwardSettings {
  readonly family: number;
  /** Shortest time between two look-ups of one name, ms. */
  readonly minRefreshMs: number;
  /** A name that nobody asked for this long is forgotten, ms. */
  readonly hostTtlMs: number;
  readonly maxHosts: number;
  readonly maxPending: number;
  readonly queryTimeoutMs: number;
}

/** Envoy's defaults. */
export function readForwardSettings(config: DnsCacheConfig | undefined): ForwardSettings {
  return {
    family: config?.dnsLookupFamily ?? 0,
    minRefreshMs: millisOf(config?.dnsMinRefreshRate) ?? 5000,
    hostTtlMs: millisOf(config?.hostTtl) ?? 300_000,
    maxHosts: config?.maxHosts ?? 1024,
    maxPending: config?.dnsCacheCircuitBreaker?.maxPendingRequests ?? 1024,
    queryTimeoutMs: millisOf(config?.dnsQueryTimeout) ?? 5000,
  };
}

/** `overflow`: too many names, or too many requests that wait for an answer. */
export type ForwardAnswer = 'found' | 'failed' | 'overflow';

interface Entry {
  host: Host | undefined;
  usedMs: number;
  /** The look-up is repeated after this moment. */
  freshUntilMs: number;
  looking: boolean;
  readonly waiting: Set<(answer: ForwardAnswer) => void>;
}

export class ForwardHosts {
  readonly #clock: Clock;
  readonly #net: Net;
  readonly #removed: (host: Host) => void;
  /** By "name:port", in order of last use. */
  readonly #entries = new Map<string, Entry>();
  #settings: ForwardSettings;
  #pending = 0;
  #closed = false;

  /** `removed` closes the pools of a host that is forgotten or has moved. */
  constructor(clock: Clock, net: Net, settings: ForwardSettings, removed: (host: Host) => void) {
    this.#clock = clock;
    this.#net = net;
    this.#settings = settings;
    this.#removed = removed;
  }

  update(settings: ForwardSettings): void {
    this.#settings = settings;
  }

  get size(): number {
    return this.#entries.size;
  }

  *all(): IterableIterator<Host> {
    for (const { host } of this.#entries.values()) if (host !== undefined) yield host;
  }

  /** The host behind an authority that was looked up before. */
  host(authority: string, defaultPort: number): Host | undefined {
    const target = readAuthority(authority, defaultPort);
    const entry = target === undefined ? undefined : this.#entries.get(target.key);
    if (entry !== undefined) entry.usedMs = this.#clock.now();
    return entry?.host;
  }

  /** Answers at once where the name is known; a stale answer serves while the name is looked up again. `done` may be told later: then the result cancels it. */
  find(authority: string, defaultPort: number, done: (answer: ForwardAnswer) => void): ForwardAnswer | (() => void) {
    const target = readAuthority(authority, defaultPort);
    if (target === undefined) return 'failed';
    const now = this.#clock.now();
    let entry = this.#entries.get(target.key);
    if (entry === undefined) {
      if (this.#entries.size >= this.#settings.maxHosts && !this.#forgetUnused(now)) return 'overflow';
      entry = { host: undefined, usedMs: now, freshUntilMs: 0, looking: false, waiting: new Set() };
    } else this.#entries.delete(target.key);
    this.#entries.set(target.key, entry);
    entry.usedMs = now;
    if (now >= entry.freshUntilMs && !entry.looking) void this.#lookUp(entry, target);
    if (entry.host !== undefined) return 'found';
    if (!entry.looking) return 'failed';
    if (this.#pending >= this.#settings.maxPending) return 'overflow';
    this.#pending++;
    const { waiting } = entry;
    waiting.add(done);
    return () => {
      if (waiting.delete(done)) this.#pending--;
    };
  }

  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) this.#tell(entry, 'failed');
    this.#entries.clear();
  }

  async #lookUp(entry: Entry, target: Target): Promise<void> {
    entry.looking = true;
    const { family, minRefreshMs, queryTimeoutMs } = this.#settings;
    let address: string | undefined;
    let ttlMs = minRefreshMs;
    const late = this.#clock.setTimer(queryTimeoutMs, () =>
      this.#tell(entry, entry.host === undefined ? 'failed' : 'found'),
    );
    try {
      const found = await this.#net.resolve(target.name);
      address = chooseFamily(found.addresses, family)[0];
      ttlMs = Math.max(minRefreshMs, found.ttlMs);
    } catch {
      // The last answer stays; a name without one fails and is asked for again after the shortest time.
    }
    late.cancel();
    entry.looking = false;
    if (this.#closed) return;
    entry.freshUntilMs = this.#clock.now() + ttlMs;
    if (address !== undefined && address !== entry.host?.spec.address) {
      if (entry.host !== undefined) this.#drop(entry.host);
      entry.host = makeHost(address, target, this.#clock.now());
    }
    this.#tell(entry, entry.host === undefined ? 'failed' : 'found');
  }

  #tell(entry: Entry, answer: ForwardAnswer): void {
    for (const done of [...entry.waiting]) {
      if (!entry.waiting.delete(done)) continue;
      this.#pending--;
      done(answer);
    }
  }

  /** Those unused for the longest stand first. True when there is room again. */
  #forgetUnused(now: number): boolean {
    for (const [key, entry] of this.#entries) {
      if (
        entry.looking ||
        (entry.host !== undefined && (now - entry.usedMs < this.#settings.hostTtlMs || entry.host.activeRequests > 0))
      )
        continue;
      this.#entries.delete(key);
      if (entry.host !== undefined) this.#drop(entry.host);
    }
    return this.#entries.size < this.#settings.maxHosts;
  }

  #drop(host: Host): void {
    host.removed = true;
    this.#removed(host);
  }
}

interface Target {
  readonly key: string;
  readonly name: string;
  readonly port: number;
}

function readAuthority(authority: string, defaultPort: number): Target | undefined {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:@/\s[\]]+))(?::([0-9]{1,5}))?$/.exec(authority);
  const name = (parts?.[1] ?? parts?.[2])?.toLowerCase();
  const port = parts?.[3] === undefined ? defaultPort : Number(parts[3]);
  if (name === undefined || name.length > 253 || port < 1 || port > 65_535) return undefined;
  return { key: `${name}|${port}`, name, port };
}

function makeHost(address: string, { name, port }: Target, now: number): Host {
  const key = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return new Host(unassigned(key, address, port, name), now);
}
