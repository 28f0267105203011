// One cluster as a part of a proxy with several threads: its breakers and hosts' counts are everybody's, and what is
// found out of a host's health is told by the leader and believed by the workers.

import { Breaker, type ClusterHosts, HEALTH, type Host } from '../cluster/index.ts';
import { SharedBreaker, SharedTally, type Sharing } from '../shared/index.ts';

const TOLD = HEALTH.activeFailed | HEALTH.ejected | HEALTH.pendingFirstCheck;
const TOLD_BITS = [HEALTH.activeFailed, HEALTH.ejected, HEALTH.pendingFirstCheck] as const;

export class SharedCluster {
  readonly #name: string;
  readonly #sharing: Sharing;
  readonly #hosts: ClusterHosts;

  constructor(name: string, sharing: Sharing, hosts: ClusterHosts) {
    this.#name = name;
    this.#sharing = sharing;
    this.#hosts = hosts;
    if (sharing.role === 'leader') hosts.onHealth = (host) => sharing.tell(name, host.key, host.unhealthy & TOLD);
  }

  get isWorker(): boolean {
    return this.#sharing.role === 'worker';
  }

  makeBreaker(priority: 'default' | 'high'): Breaker {
    const { table } = this.#sharing;
    const record = table.acquire(`breaker|${this.#name}|${priority}`);
    return record === undefined ? new Breaker() : new SharedBreaker(table, record);
  }

  added(host: Host, use: { readonly counts: boolean; readonly checks: boolean }): void {
    this.count(host, use.counts);
    if (!this.isWorker) return;
    const told = this.#sharing.board.get(this.#name, host.key);
    // Not told of yet: the leader has not asked it yet either.
    const first = use.checks && !host.spec.healthCheckDisabled ? HEALTH.pendingFirstCheck : 0;
    this.take(host, told ?? first);
  }

  /** Limits and detection may be switched on later. */
  count(host: Host, counts: boolean): void {
    if (counts) host.tally ??= SharedTally.of(this.#sharing.table, this.#name, host);
  }

  take(host: Host, bits: number): void {
    for (const bit of TOLD_BITS) this.#hosts.setUnhealthy(host, bit, (bits & bit) !== 0);
  }

  removed(host: Host): void {
    host.tally?.dispose();
    host.tally = undefined;
    if (!this.isWorker && this.#sharing.board.get(this.#name, host.key) !== undefined)
      this.#sharing.tell(this.#name, host.key, undefined);
  }

  askEjection(host: Host, cause: Parameters<Sharing['askEjection']>[2]): void {
    this.#sharing.askEjection(this.#name, host.key, cause);
  }
}
