// Keeps the hosts of STRICT_DNS and LOGICAL_DNS clusters in step with the resolver's answers.

import { Deadline, runAtOnce } from '#base';
import { chooseFamily, readAssignment, type HostSpec } from '../cluster/index.ts';
import type { ProxyServices } from '../services.ts';
import type { Cluster } from './cluster.ts';
import { DISCOVERY } from './cluster-settings.ts';

/** However short an answer may be kept. */
const TTL_LEAST_MS = 1_000;
const FAILURE_LEAST_MS = 100;

export class ClusterDiscovery {
  readonly #services: ProxyServices;
  readonly #refreshes = new Map<Cluster, Deadline>();

  constructor(services: ProxyServices) {
    this.#services = services;
  }

  follow(cluster: Cluster): void {
    this.forget(cluster);
    const { discovery } = cluster.settings;
    if (discovery !== DISCOVERY.STRICT_DNS && discovery !== DISCOVERY.LOGICAL_DNS) return;
    let failures = 0;
    const resolve = async (): Promise<void> => {
      failures = (await this.#resolve(cluster, refresh, failures)) ? 0 : failures + 1;
    };
    const refresh = new Deadline(() => void resolve());
    this.#refreshes.set(cluster, refresh);
    void resolve();
  }

  forget(cluster: Cluster): void {
    const refresh = this.#refreshes.get(cluster);
    if (refresh !== undefined) this.#services.wheel.cancel(refresh);
    this.#refreshes.delete(cluster);
  }

  close(): void {
    for (const refresh of this.#refreshes.values()) this.#services.wheel.cancel(refresh);
    this.#refreshes.clear();
  }

  /** False: the resolver had no answer. `failures`: how often in a row before. */
  async #resolve(cluster: Cluster, refresh: Deadline, failures: number): Promise<boolean> {
    const { net, wheel, clock, log } = this.#services;
    const assignment = cluster.settings.message.loadAssignment;
    const { dnsRefreshMs, dnsRespectTtl } = cluster.settings;
    let waitMs = dnsRefreshMs;
    let answered = true;
    if (assignment !== undefined) {
      try {
        const { specs, ...policy } = runAtOnce(readAssignment(assignment));
        const found: HostSpec[] = [];
        let ttl = Number.POSITIVE_INFINITY;
        for (const spec of specs) {
          const { addresses, ttlMs } = await net.resolve(spec.address);
          ttl = Math.min(ttl, ttlMs);
          const chosen = chooseFamily(addresses, cluster.settings.dnsFamily);
          // Logical DNS: one host, whatever address is new connections' at the moment.
          const used = cluster.settings.discovery === DISCOVERY.LOGICAL_DNS ? chosen.slice(0, 1) : chosen;
          for (const address of used)
            found.push({
              ...spec,
              address,
              hostname: spec.hostname === '' ? spec.address : spec.hostname,
              key: `${address.includes(':') ? `[${address}]` : address}:${spec.port}`,
            });
        }
        // As in Envoy: an answer that may not be kept at all is asked for by the cluster's own rate.
        if (dnsRespectTtl && ttl > 0 && ttl !== Number.POSITIVE_INFINITY) waitMs = Math.max(ttl, TTL_LEAST_MS);
        if (this.#refreshes.get(cluster) !== refresh) return true;
        cluster.setHosts(found, policy);
      } catch (error) {
        // The last answer stays; an unknown name at start leaves the cluster empty, not warming for ever.
        if (!cluster.warm) cluster.setHosts([]);
        waitMs = this.#afterFailure(cluster, failures);
        answered = false;
        log.debug('name can not be resolved', { cluster: cluster.name, reason: (error as Error).message });
      }
    }
    if (this.#refreshes.get(cluster) === refresh) wheel.arm(refresh, waitMs, clock.now());
    return answered;
  }

  #afterFailure({ settings: { dnsRefreshMs, dnsFailure } }: Cluster, failures: number): number {
    if (dnsFailure === undefined) return Math.max(dnsRefreshMs, TTL_LEAST_MS);
    const ceiling = Math.min(dnsFailure.maxMs, dnsFailure.baseMs * 2 ** Math.min(failures, 30));
    // Clusters that failed together do not ask together again.
    return Math.max(FAILURE_LEAST_MS, ceiling * (0.5 + this.#services.random.float() / 2));
  }
}
