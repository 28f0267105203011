// The live hosts of one cluster: an assignment adds, changes and removes them, health turns them on and off; balancers read `version` to see that something changed.

import type { Clock } from '#base';
import { HEALTH, Host, type HostSpec } from './host.ts';

export interface HostChanges {
  readonly added: readonly Host[];
  readonly removed: readonly Host[];
}

export class ClusterHosts {
  /** Grows with every change that a balancer must see. */
  version = 0;
  overprovisioning = 1.4;
  weightedHealth = false;
  readonly #clock: Clock;
  readonly #hosts = new Map<string, Host>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#hosts.size;
  }

  all(): IterableIterator<Host> {
    return this.#hosts.values();
  }

  get(key: string): Host | undefined {
    return this.#hosts.get(key);
  }

  /** Hosts that stay keep their object, and with it health, ejection, counters and pools. */
  apply(
    specs: readonly HostSpec[],
    settings: { readonly overprovisioning: number; readonly weightedHealth: boolean } = {
      overprovisioning: 1.4,
      weightedHealth: false,
    },
  ): HostChanges {
    const added: Host[] = [];
    const removed: Host[] = [];
    const wanted = new Set<string>();
    for (const spec of specs) {
      wanted.add(spec.key);
      const host = this.#hosts.get(spec.key);
      if (host === undefined) {
        const fresh = new Host(spec, this.#clock.now());
        this.#hosts.set(spec.key, fresh);
        added.push(fresh);
      } else this.#change(host, spec);
    }
    for (const [key, host] of this.#hosts) {
      if (wanted.has(key)) continue;
      host.removed = true;
      this.#hosts.delete(key);
      removed.push(host);
    }
    this.overprovisioning = settings.overprovisioning;
    this.weightedHealth = settings.weightedHealth;
    this.version++;
    return { added, removed };
  }

  /** Turns one reason for being unhealthy on or off. */
  setUnhealthy(host: Host, reason: (typeof HEALTH)[keyof typeof HEALTH], on: boolean): void {
    const before = host.unhealthy;
    host.unhealthy = on ? before | reason : before & ~reason;
    if (before === host.unhealthy) return;
    if (host.unhealthy === 0) host.warmSinceMs = this.#clock.now();
    this.version++;
  }

  #change(host: Host, spec: HostSpec): void {
    host.spec = spec;
    host.degraded = spec.status === 'degraded';
    this.setUnhealthy(host, HEALTH.assignment, spec.status === 'unhealthy' || spec.status === 'draining');
  }
}
