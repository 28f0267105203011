// Hosts and priorities that a request's retries go past, as its policy says (previous_hosts, omit_host_metadata,
// previous_priorities).

import type { Host } from '../cluster/index.ts';
import type { CompiledRetryPolicy } from '../route/index.ts';
import type { Cluster } from '../upstream/cluster.ts';

export class LeftHosts {
  /** Undefined: any host will do. */
  readonly avoid: ((host: Host) => boolean) | undefined;
  readonly #hosts = new Set<Host>();
  priorities: Set<number> | undefined = undefined;
  readonly #policy: CompiledRetryPolicy | undefined;
  readonly #cluster: Cluster;
  #attempted: number[] = [];

  constructor(policy: CompiledRetryPolicy | undefined, cluster: Cluster) {
    this.#policy = policy;
    this.#cluster = cluster;
    const omits = policy?.omitsHost;
    if (policy?.avoidPreviousHosts === true || omits !== undefined)
      this.avoid = (host) => this.#hosts.has(host) || omits?.(host.spec.metadata) === true;
  }

  add(host: Host): void {
    if (this.#policy?.avoidPreviousHosts === true) this.#hosts.add(host);
    this.#leave(host.spec.priority);
  }

  /** After so many attempts the priorities that they went to get nothing more, until all had their turn. */
  #leave(priority: number): void {
    const frequency = this.#policy?.previousPrioritiesFrequency ?? 0;
    if (frequency === 0) return;
    this.#attempted.push(priority);
    if (this.#attempted.length < frequency) return;
    const used = (this.priorities ??= new Set());
    for (const one of this.#attempted.splice(0)) used.add(one);
    for (const host of this.#cluster.hosts.all()) if (!used.has(host.spec.priority)) return;
    this.priorities = undefined;
  }
}
