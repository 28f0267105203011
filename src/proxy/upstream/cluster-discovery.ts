// Keeps the hosts of STRICT_DNS and LOGICAL_DNS clusters in step with the resolver's answers.

import { create } from '@bufbuild/protobuf';
import { Deadline, type Net, runAtOnce } from '#base';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { type Assignment, chooseFamily, readAssignment, type HostSpec, socketKey } from '../cluster/index.ts';
import type { ProxyServices } from '../services.ts';
import type { Cluster } from './cluster.ts';
import { DISCOVERY } from './cluster-settings.ts';
import type { DnsSettings } from './dns-settings.ts';

type Answer = Awaited<ReturnType<Net['resolve']>>;

const NONE = create(ClusterLoadAssignmentSchema);
const FAILURE_LEAST_MS = 100;
/** Where nothing is said about failures. */
const FAILURE_UNSAID_LEAST_MS = 1_000;

export class ClusterDiscovery {
  readonly #services: ProxyServices;
  readonly #refreshes = new Map<Cluster, Deadline>();
  /** What each name's last answer was. */
  readonly #known = new WeakMap<Cluster, Map<string, readonly string[]>>();

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

  /**
   * Asks for all names at once, and takes each answer as it comes: a name that has none, or is slow, keeps its last one and holds no
   * other up. False: not all had one. `failures`: how often in a row before.
   */
  async #resolve(cluster: Cluster, dns: DnsSettings, refresh: Deadline, failures: number): Promise<boolean> {
    const { wheel, clock } = this.#services;
    const { specs, ...policy } = this.#endpointsOf(cluster);
    const known = this.#known.get(cluster) ?? new Map<string, readonly string[]>();
    this.#known.set(cluster, known);
    const current = (): boolean => this.#refreshes.get(cluster) === refresh;
    let shown = false;
    const show = (): void => {
      shown = true;
      cluster.setHosts(hostsOf(cluster, specs, known), policy);
    };
    const ask = async (name: string): Promise<number | undefined> => {
      const answer = await this.#ask(cluster, name);
      if (answer === undefined || !current()) return answer?.ttlMs;
      const chosen = chooseFamily(answer.addresses, dns.family);
      const changed = chosen.join() !== known.get(name)?.join();
      known.set(name, chosen);
      if (changed) show();
      return answer.ttlMs;
    };
    const times = await Promise.all([...new Set(specs.map(({ address }) => address))].map(ask));
    if (!current()) return true;
    const told = times.filter((ttlMs) => ttlMs !== undefined);
    const answered = told.length === times.length;
    // Where no name has an answer the last ones stay; unknown names at start leave the cluster empty, not warming for ever.
    if (!shown && (told.length > 0 || !cluster.warm)) show();
    const waitMs = Math.min(
      answered || told.length > 0 ? this.#afterAnswer(dns, Math.min(...told)) : Number.POSITIVE_INFINITY,
      answered ? Number.POSITIVE_INFINITY : this.#afterFailure(dns, failures),
    );
    wheel.arm(refresh, waitMs, clock.now());
    return answered;
  }

  /** Undefined: no answer. */
  async #ask({ name: cluster }: Cluster, name: string): Promise<Answer | undefined> {
    const { net, log } = this.#services;
    try {
      return await net.resolve(name);
    } catch (error) {
      log.debug('name can not be resolved', { cluster, name, reason: (error as Error).message });
      return undefined;
    }
  }

  #endpointsOf(cluster: Cluster): Assignment {
    try {
      return runAtOnce(readAssignment(cluster.settings.message.loadAssignment ?? NONE));
    } catch (error) {
      this.#services.log.warn('endpoints have no effect', { cluster: cluster.name, reason: (error as Error).message });
      return runAtOnce(readAssignment(NONE));
    }
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

/** Of endpoints with one address the first counts. */
function hostsOf(
  { settings }: Cluster,
  specs: readonly HostSpec[],
  known: ReadonlyMap<string, readonly string[]>,
): readonly HostSpec[] {
  const found = new Map<string, HostSpec>();
  for (const spec of specs) {
    const addresses = known.get(spec.address) ?? [];
    // Logical DNS: one host, whatever address is new connections' at the moment.
    for (const address of settings.discovery === DISCOVERY.LOGICAL_DNS ? addresses.slice(0, 1) : addresses) {
      const key = socketKey(address, spec.port);
      if (!found.has(key))
        found.set(key, { ...spec, address, hostname: spec.hostname === '' ? spec.address : spec.hostname, key });
    }
  }
  return [...found.values()];
}
