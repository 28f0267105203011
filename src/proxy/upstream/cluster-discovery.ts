// Keeps the hosts of STRICT_DNS and LOGICAL_DNS clusters in step with the resolver's answers.

import { Deadline, runAtOnce } from '#base';
import { chooseFamily, readAssignment, type HostSpec } from '../cluster/index.ts';
import type { ProxyServices } from '../services.ts';
import type { Cluster } from './cluster.ts';
import { DISCOVERY } from './cluster-settings.ts';

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
    const refresh = new Deadline(() => void this.#resolve(cluster, refresh));
    this.#refreshes.set(cluster, refresh);
    void this.#resolve(cluster, refresh);
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

  async #resolve(cluster: Cluster, refresh: Deadline): Promise<void> {
    const { net, wheel, clock, log } = this.#services;
    const assignment = cluster.settings.message.loadAssignment;
    let waitMs = cluster.settings.dnsRefreshMs;
    if (assignment !== undefined) {
      try {
        const { specs, ...policy } = runAtOnce(readAssignment(assignment));
        const found: HostSpec[] = [];
        for (const spec of specs) {
          const { addresses } = await net.resolve(spec.address);
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
        if (this.#refreshes.get(cluster) !== refresh) return;
        cluster.setHosts(found, policy);
      } catch (error) {
        // The last answer stays; an unknown name at start leaves the cluster empty, not warming for ever.
        if (!cluster.warm) cluster.setHosts([]);
        waitMs = Math.max(waitMs, 1000);
        log.debug('name can not be resolved', { cluster: cluster.name, reason: (error as Error).message });
      }
    }
    if (this.#refreshes.get(cluster) === refresh) wheel.arm(refresh, waitMs, clock.now());
  }
}
