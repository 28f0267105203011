// Keeps the hosts of STRICT_DNS and LOGICAL_DNS clusters in step with the resolver's answers.

import { Deadline, runAtOnce } from '#base';
import { chooseFamily, readAssignment, type HostSpec } from '../cluster/index.ts';
import type { ProxyServices } from '../services.ts';
import type { Cluster } from './cluster.ts';
import { DISCOVERY } from './cluster-settings.ts';
import type { DnsSettings } from './dns-settings.ts';

const FAILURE_LEAST_MS = 100;
/** Where nothing is said about failures. */
const FAILURE_UNSAID_LEAST_MS = 1_000;

export class ClusterDiscovery {
  readonly #services: ProxyServices;
  readonly #refreshes = new Map<Cluster, Deadline>();

  constructor(services: ProxyServices) {
    this.#services = services;
  }

  follow(cluster: Cluster): void {
    this.forget(cluster);
    const { dns } = cluster.settings;
    if (dns === undefined) return;
    let failures = 0;
    const resolve = async (): Promise<void> => {
      failures = (await this.#resolve(cluster, dns, refresh, failures)) ? 0 : failures + 1;
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
  async #resolve(cluster: Cluster, dns: DnsSettings, refresh: Deadline, failures: number): Promise<boolean> {
    const { net, wheel, clock, log } = this.#services;
    const assignment = cluster.settings.message.loadAssignment;
    let ttl = Number.POSITIVE_INFINITY;
    let waitMs = dns.refreshMs;
    let answered = true;
    if (assignment !== undefined) {
      try {
        const { specs, ...policy } = runAtOnce(readAssignment(assignment));
        const found: HostSpec[] = [];
        for (const spec of specs) {
          const { addresses, ttlMs } = await net.resolve(spec.address);
          ttl = Math.min(ttl, ttlMs);
          const chosen = chooseFamily(addresses, dns.family);
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
        waitMs = this.#afterAnswer(dns, ttl);
        if (this.#refreshes.get(cluster) !== refresh) return true;
        cluster.setHosts(found, policy);
      } catch (error) {
        // The last answer stays; an unknown name at start leaves the cluster empty, not warming for ever.
        if (!cluster.warm) cluster.setHosts([]);
        waitMs = this.#afterFailure(dns, failures);
        answered = false;
        log.debug('name can not be resolved', { cluster: cluster.name, reason: (error as Error).message });
      }
    }
    if (this.#refreshes.get(cluster) === refresh) wheel.arm(refresh, waitMs, clock.now());
    return answered;
  }

  #afterAnswer({ refreshMs, respectTtl, ttlLeastMs, jitterMs }: DnsSettings, ttlMs: number): number {
    // As in Envoy: an answer that may not be kept at all is asked for by the cluster's own rate.
    const byTtl = respectTtl && ttlMs > 0 && ttlMs !== Number.POSITIVE_INFINITY;
    const waitMs = byTtl ? Math.max(ttlMs, ttlLeastMs) : refreshMs;
    return jitterMs === 0 ? waitMs : waitMs + jitterMs * this.#services.random.float();
  }

  #afterFailure({ refreshMs, failure }: DnsSettings, failures: number): number {
    if (failure === undefined) return Math.max(refreshMs, FAILURE_UNSAID_LEAST_MS);
    const ceiling = Math.min(failure.maxMs, failure.baseMs * 2 ** Math.min(failures, 30));
    // Clusters that failed together do not ask together again.
    return Math.max(FAILURE_LEAST_MS, ceiling * (0.5 + this.#services.random.float() / 2));
  }
}
