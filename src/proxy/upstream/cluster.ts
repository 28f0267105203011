// A live cluster: its settings are replaced by updates; its hosts, their health, counters and pools live on
// as long as an assignment names them (design 4). Everything is read at pick time, on every retry.

import type { Cluster as ClusterMessage } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterLoadAssignment } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { runAtOnce, type Steps } from '#base';
import { CLUSTER, type StatBlock } from '#telemetry';
import type { RequestHead } from '#wire/http';
import {
  Balancer,
  type Breaker,
  ClusterBreakers,
  ClusterHosts,
  type EjectionCause,
  type ForwardAnswer,
  ForwardHosts,
  type Host,
  type HostPolicy,
  type HostOutcome,
  type HostSpec,
  OriginalDestinationHosts,
  OutlierDetector,
  type OutlierSettings,
  type PickContext,
  readAssignment,
  readOutlierSettings,
} from '../cluster/index.ts';
import type { ProxyServices } from '../services.ts';
import { OutlierReporter } from '../shared/index.ts';
import {
  type ClientHolder,
  ClientPools,
  type ClientPoolSet,
  drainPools,
  type PoolSet,
  transportFor,
} from './client-pools.ts';
import { type ClusterSettings, DISCOVERY, readClusterSettings } from './cluster-settings.ts';
import { showBreakers } from './breaker-gauges.ts';
import { ejectionStats } from './ejection-stats.ts';
import { HealthChecker } from './health-checker.ts';
import { H2Pool } from './h2-pool.ts';
import { H1Pool, type HttpPool, type PoolSettings } from './http-pool.ts';
import { NamedPools } from './named-pools.ts';
import { askedName } from './server-name.ts';
import { SharedCluster } from './shared-cluster.ts';
import type { ClientAddresses } from './proxy-header.ts';
import type { TransportFactory } from './transport-factory.ts';
import type { Transport } from './transport.ts';
import { TunnelPool } from './tunnel-pool.ts';

/** What hangs on a host: its pools, by routing priority. */
interface HostPools extends PoolSet {
  transportKey: string;
  connectionKey: string;
  /** Where connections stand for clients. */
  clients: ClientPools | undefined;
}

export class Cluster {
  readonly name: string;
  readonly services: ProxyServices;
  readonly stats: StatBlock;
  settings!: ClusterSettings;
  readonly hosts: ClusterHosts;
  readonly breakers: ClusterBreakers;
  /** Undefined where one thread serves. */
  readonly #shared: SharedCluster | undefined;
  /** Endpoints are known, or need not be asked for. */
  warm = false;
  readonly #warmWaiters = new Set<() => void>();
  #balancer!: Balancer;
  #originals: OriginalDestinationHosts | undefined = undefined;
  #checker: HealthChecker | undefined = undefined;
  #checkBytes = '';
  #forward: ForwardHosts | undefined = undefined;
  #outlier: OutlierDetector | OutlierReporter | undefined = undefined;
  #transports!: TransportFactory;
  readonly #makeTransports: (cluster: Cluster, previous: TransportFactory | undefined) => TransportFactory;

  constructor(
    message: ClusterMessage,
    services: ProxyServices,
    transports: (cluster: Cluster, previous: TransportFactory | undefined) => TransportFactory,
  ) {
    this.name = message.name;
    this.services = services;
    this.#makeTransports = transports;
    this.stats = services.stats.cluster(message.altStatName === '' ? message.name : message.altStatName);
    this.hosts = new ClusterHosts(services.clock);
    const shared =
      services.sharing === undefined ? undefined : new SharedCluster(this.name, services.sharing, this.hosts);
    this.#shared = shared;
    this.breakers = new ClusterBreakers(shared === undefined ? undefined : (priority) => shared.makeBreaker(priority));
    this.update(message);
  }

  /** Nothing happens until somebody calls it: no checks, nobody whom workers call to judge, no names to look up, no secrets to ask for. */
  get mayRest(): boolean {
    const { discovery, healthCheck } = this.settings;
    const judges = this.#outlier !== undefined && this.#shared?.isWorker === false;
    return discovery === DISCOVERY.EDS && healthCheck === undefined && !judges && this.#transports.mayRest;
  }

  get poolSettings(): PoolSettings {
    return this.settings.pool;
  }

  /** Takes new settings; hosts stay until an assignment says otherwise. Throws a ConfigError and changes nothing. */
  update(message: ClusterMessage): void {
    const { clock, log } = this.services;
    const settings = readClusterSettings(message, (field, reason) =>
      log.warn('cluster setting has no effect', { field, reason }),
    );
    this.settings = settings;
    this.breakers.update(message.circuitBreakers);
    this.#balancer = new Balancer(settings.lb, this.hosts, clock, this.services.random, () =>
      this.stats.inc(CLUSTER.lb_healthy_panic),
    );
    this.#transports = this.#makeTransports(this, this.#transports);
    if (message.outlierDetection === undefined) {
      this.#outlier?.close();
      this.#outlier = undefined;
    } else if (this.#outlier !== undefined) this.#outlier.update(readOutlierSettings(message.outlierDetection));
    else this.#outlier = this.#makeOutlier(readOutlierSettings(message.outlierDetection));
    for (const host of this.hosts.all()) this.#shared?.count(host, this.#countsHosts);
    if (settings.discovery === DISCOVERY.ORIGINAL_DST) {
      const closePools = (host: Host): void => this.#closePools(host);
      this.#originals ??= new OriginalDestinationHosts(this.services, settings.originalDst, closePools);
      this.#originals.update(settings.originalDst);
      this.warm = true;
    }
    if (settings.forward !== undefined) {
      this.#forward ??= new ForwardHosts(clock, this.services.net, settings.forward, (host) => this.#closePools(host));
      this.#forward.update(settings.forward);
      this.warm = true;
    }
    this.#followChecks(settings);
    if (settings.discovery === DISCOVERY.STATIC) {
      if (message.loadAssignment !== undefined) this.#setStatic(message.loadAssignment);
      // A black hole is complete without endpoints.
      else if (!this.warm) this.setHosts([]);
    }
  }

  setHosts(specs: readonly HostSpec[], policy?: HostPolicy): void {
    runAtOnce(this.setHostsInSteps(specs, policy));
  }

  *setHostsInSteps(specs: readonly HostSpec[], policy?: HostPolicy): Steps<void> {
    const changes = yield* this.hosts.applyInSteps(specs, policy);
    for (const host of changes.removed) {
      this.#checker?.remove(host);
      this.#shared?.removed(host);
      this.#closePools(host);
    }
    if (this.#shared !== undefined) {
      const use = { counts: this.#countsHosts, checks: this.settings.healthCheck !== undefined };
      for (const host of changes.added) this.#shared.added(host, use);
    }
    this.warm = true;
    this.#wake();
    if (this.#checker !== undefined) for (const host of changes.added) this.#checker.add(host);
    this.stats.set(CLUSTER.membership_total, this.hosts.size);
    this.countHealthy();
    if (changes.added.length > 0 || changes.removed.length > 0) this.stats.inc(CLUSTER.membership_change);
    this.stats.inc(CLUSTER.update_success);
  }

  /** What the leader says of a host's health. */
  takeHealth(key: string, bits: number): void {
    const host = this.hosts.get(key);
    if (host === undefined) return;
    this.#shared?.take(host, bits);
    this.countHealthy();
  }

  /** A worker saw that many failures in a row. */
  askedToEject(key: string, cause: EjectionCause): void {
    const host = this.hosts.get(key);
    if (host !== undefined && this.#outlier instanceof OutlierDetector) this.#outlier.askedToEject(host, cause);
  }

  /** Hosts have counts that workers share. */
  get #countsHosts(): boolean {
    return this.#outlier !== undefined || Number.isFinite(this.breakers.maxConnectionsPerHost);
  }

  #makeOutlier(settings: OutlierSettings): OutlierDetector | OutlierReporter {
    const shared = this.#shared;
    if (shared?.isWorker === true)
      return new OutlierReporter(settings, (host, cause) => shared.askEjection(host, cause));
    const { clock, random } = this.services;
    return new OutlierDetector(settings, this.hosts, clock, random, ejectionStats(this.stats));
  }

  #setStatic(assignment: ClusterLoadAssignment): void {
    const { specs, ...policy } = runAtOnce(readAssignment(assignment));
    this.setHosts(specs, policy);
  }

  countHealthy(): void {
    let healthy = 0;
    for (const host of this.hosts.all()) if (host.healthy) healthy++;
    this.stats.set(CLUSTER.membership_healthy, healthy);
  }

  /** An active check of a host was answered well. */
  checkPassed(host: Host): void {
    if (this.#outlier instanceof OutlierDetector) this.#outlier.activeCheckPassed(host);
  }

  /** Sets the gauges of what is counted elsewhere. */
  showGauges(): void {
    showBreakers(this.stats, this.breakers);
    if (this.#outlier instanceof OutlierDetector)
      this.stats.set(CLUSTER['outlier_detection.ejections_active'], this.#outlier.activeEjections);
    let degraded = 0;
    for (const host of this.hosts.all()) if (host.degraded && host.unhealthy === 0) degraded++;
    this.stats.set(CLUSTER.membership_degraded, degraded);
    this.countHealthy();
    this.#checker?.showGauges();
  }

  /** Checks go on through updates that do not change them. */
  #followChecks({ healthCheck, message }: ClusterSettings): void {
    const words =
      healthCheck === undefined
        ? ''
        : JSON.stringify(message.healthChecks[0], (_, value: unknown) =>
            typeof value === 'bigint' ? String(value) : value,
          );
    if (words === this.#checkBytes) return;
    this.#checkBytes = words;
    this.#checker?.close();
    // Where several threads serve, one of them asks.
    const checks = healthCheck !== undefined && this.#shared?.isWorker !== true;
    this.#checker = checks ? new HealthChecker(this, healthCheck) : undefined;
    if (this.#checker !== undefined) for (const host of this.hosts.all()) this.#checker.add(host);
  }

  /** Calls once the endpoints are known; the result ends the waiting. */
  onWarm(warm: () => void): () => void {
    this.#warmWaiters.add(warm);
    return () => void this.#warmWaiters.delete(warm);
  }

  #wake(): void {
    const waiting = [...this.#warmWaiters];
    this.#warmWaiters.clear();
    for (const warm of waiting) warm();
  }

  pick(context: PickContext): Host | undefined {
    if (this.#originals !== undefined) return this.#originals.pick(context.originalDestination);
    return this.#balancer.pick(context);
  }

  /** The host for a request: balanced, or in a dynamic_forward_proxy cluster the one that its authority names. */
  pickFor(context: PickContext, authority: string): Host | undefined {
    return this.#forward === undefined ? this.pick(context) : this.#forward.host(authority, this.#defaultPort());
  }

  /** Looks an authority up in a dynamic_forward_proxy cluster; undefined in others. */
  findHost(authority: string, done: (answer: ForwardAnswer) => void): ForwardAnswer | (() => void) | undefined {
    return this.#forward?.find(authority, this.#defaultPort(), done);
  }

  #defaultPort(): number {
    return this.settings.message.transportSocket === undefined ? 80 : 443;
  }

  *allHosts(): IterableIterator<Host> {
    yield* this.hosts.all();
    if (this.#forward !== undefined) yield* this.#forward.all();
    if (this.#originals !== undefined) yield* this.#originals.all();
  }

  /** `client`: whose bytes the connection carries. */
  transportOf(host: Host, client?: ClientAddresses): Transport {
    const transport = this.#transports.forHost(host);
    return client === undefined ? transport : transportFor(transport, client);
  }

  /** Its endpoints are of the mesh: they see our certificate. */
  get showsIdentity(): boolean {
    return this.#transports.showsIdentity;
  }

  /** The connections of one endpoint for one routing priority. `head`: of the request, which may say whom TLS has to name. */
  pool(
    host: Host,
    priority: 'default' | 'high' = 'default',
    downstreamH2 = false,
    from?: ClientHolder,
    head?: RequestHead,
  ): HttpPool {
    const { pools, transport } = this.#connections(host, from, head);
    if (downstreamH2 && this.settings.protocol === 'downstream')
      return (pools.asDownstream ??= new H2Pool(this, host, transport, this.breakers.of(priority)));
    return (pools[priority] ??= this.#makePool(host, transport, priority));
  }

  /** Raw connections to one endpoint. */
  tunnels(host: Host, priority: 'default' | 'high' = 'default', from?: ClientHolder, head?: RequestHead): HttpPool {
    const { pools, transport } = this.#connections(host, from, head);
    return (pools.tunnels ??= new TunnelPool(this, host, transport, this.breakers.of(priority)));
  }

  #connections(
    host: Host,
    from: ClientHolder | undefined,
    head: RequestHead | undefined,
  ): { readonly pools: PoolSet; readonly transport: Transport } {
    const common = this.#transports.forHost(host);
    const own = from === undefined ? undefined : this.#poolsFor(from, host, common);
    const pools = own ?? this.#poolsOf(host, common);
    const transport = own?.transport ?? common;
    const asked = head === undefined || transport.forName === undefined ? undefined : askedName(this.settings, head);
    if (asked === undefined) return { pools, transport };
    const named = (pools.names ??= new NamedPools()).of(asked, transport);
    return { pools: named, transport: named.transport };
  }

  /** Undefined where connections do not say whom they stand for: all share them. */
  #poolsFor(from: ClientHolder, host: Host, transport: Transport): ClientPoolSet | undefined {
    if (
      transport.forClient === undefined &&
      !(from.downstream.originalSource !== undefined && transport.fromSource !== undefined)
    )
      return undefined;
    const pools = this.#poolsOf(host, transport);
    return (pools.clients ??= new ClientPools()).of(from.upstreamClient, transport);
  }

  #poolsOf(host: Host, transport: Transport): HostPools {
    const pools = host.pools as HostPools | undefined;
    const { connectionKey } = this.settings;
    if (pools !== undefined && pools.transportKey === transport.key && pools.connectionKey === connectionKey)
      return pools;
    // Other security, another protocol: what is open finishes what it carries, and takes nothing new.
    if (pools !== undefined) this.#closePools(host);
    const made: HostPools = {
      transportKey: transport.key,
      connectionKey,
      default: undefined,
      high: undefined,
      asDownstream: undefined,
      tunnels: undefined,
      names: undefined,
      clients: undefined,
    };
    host.pools = made;
    return made;
  }

  #makePool(host: Host, transport: Transport, priority: 'default' | 'high'): HttpPool {
    const { protocol } = this.settings;
    const h2 = protocol === 'h2' || (protocol === 'alpn' && transport.tls);
    return h2
      ? new H2Pool(this, host, transport, this.breakers.of(priority))
      : new H1Pool(this, host, transport, this.breakers.of(priority));
  }

  breaker(priority: 'default' | 'high' = 'default'): Breaker {
    return this.breakers.of(priority);
  }

  /** What came of an attempt, for outlier detection and counts. */
  report(host: Host, outcome: HostOutcome): void {
    if (outcome.kind === 'answer') {
      if (outcome.status < 500) host.successRequests++;
      else host.errorRequests++;
    } else if (outcome.kind === 'request-failed') host.errorRequests++;
    else if (outcome.kind === 'timeout') host.timeoutRequests++;
    this.#outlier?.report(host, outcome);
  }

  dispose(): void {
    this.#outlier?.close();
    this.#checker?.close();
    this.#wake();
    this.#transports.dispose();
    for (const host of this.allHosts()) this.#closePools(host);
    this.#forward?.close();
    this.#originals?.close();
    this.breakers.dispose();
    if (this.#shared !== undefined) for (const host of this.hosts.all()) this.#shared.removed(host);
    this.services.stats.release(this.stats);
  }

  #closePools(host: Host): void {
    const pools = host.pools as HostPools | undefined;
    host.pools = undefined;
    if (pools === undefined) return;
    drainPools(pools);
    pools.clients?.close();
  }
}
