// A live cluster: its settings are replaced by updates; its hosts, their health and pools live on as long
// as an assignment names them (design 4). Everything is read at pick time, on every retry.

import type { Cluster as ClusterMessage } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterLoadAssignment } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { HttpProtocolOptions } from '#proto/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { CLUSTER, type StatBlock } from '#telemetry';
import { unpack } from '../apply/decode.ts';
import { Host, type HostSpec } from '../cluster/host.ts';
import type { PickContext } from '../cluster/pick-context.ts';
import { millisOf } from '../matcher/fraction.ts';
import type { ProxyServices } from '../services.ts';
import { readAssignment } from './endpoints.ts';
import { H1Pool, type HttpPool, type PoolSettings } from './http-pool.ts';
import { PlainTransport, type Transport } from './transport.ts';

/** Numbers of Cluster.DiscoveryType. */
export const DISCOVERY = { STATIC: 0, STRICT_DNS: 1, LOGICAL_DNS: 2, EDS: 3, ORIGINAL_DST: 4 } as const;

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const IDLE_DEFAULT_MS = 3_600_000;
/** Envoy's circuit breaker defaults. */
const LIMIT_DEFAULT = 1024;
const RETRIES_DEFAULT = 3;

export interface Breaker {
  readonly maxConnections: number;
  readonly maxPending: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  /** Retries may be this part of active requests; undefined = maxRetries holds. */
  readonly retryBudget: { readonly percent: number; readonly min: number } | undefined;
}

export class Cluster {
  readonly name: string;
  readonly services: ProxyServices;
  readonly stats: StatBlock;
  message!: ClusterMessage;
  poolSettings!: PoolSettings;
  breaker!: Breaker;
  upstreamProtocol: 'h1' | 'h2' | 'downstream' = 'h1';
  readonly hosts = new Map<string, Host>();
  /** Endpoints are known (or need not be asked for). */
  warm = false;
  connections = 0;
  pending = 0;
  requests = 0;
  retries = 0;
  #list: Host[] = [];
  #next = 0;
  #transport!: Transport;

  constructor(message: ClusterMessage, services: ProxyServices) {
    this.name = message.name;
    this.services = services;
    this.stats = services.stats.cluster(message.altStatName === '' ? message.name : message.altStatName);
    this.update(message);
  }

  get discovery(): number {
    return this.message.clusterDiscoveryType.case === 'type' ? this.message.clusterDiscoveryType.value : -1;
  }

  /** Takes new settings; hosts stay until an assignment says otherwise. */
  update(message: ClusterMessage): void {
    this.message = message;
    const field = `cluster "${message.name}"`;
    const http = unpack<HttpProtocolOptions>(message.typedExtensionProtocolOptions[HTTP_OPTIONS], HTTP_OPTIONS, `${field}.typed_extension_protocol_options`);
    const common = http?.commonHttpProtocolOptions ?? message.commonHttpProtocolOptions;
    this.upstreamProtocol = protocolOf(message, http);
    this.poolSettings = {
      connectTimeoutMs: millisOf(message.connectTimeout) ?? 5000,
      idleMs: millisOf(common?.idleTimeout) ?? IDLE_DEFAULT_MS,
      maxRequestsPerConnection: common?.maxRequestsPerConnection ?? message.maxRequestsPerConnection ?? 0,
      localAddress: message.upstreamBindConfig?.sourceAddress?.address,
      keepAliveMs: message.upstreamConnectionOptions?.tcpKeepalive === undefined ? undefined : (message.upstreamConnectionOptions.tcpKeepalive.keepaliveTime ?? 7200) * 1000,
    };
    this.breaker = readBreaker(message);
    this.#transport = new PlainTransport(this.services.net, () => this.poolSettings);
    if (message.loadAssignment !== undefined && this.discovery === DISCOVERY.STATIC) this.setAssignment(message.loadAssignment);
    if (this.discovery === DISCOVERY.ORIGINAL_DST) this.warm = true;
  }

  setAssignment(assignment: ClusterLoadAssignment): void {
    this.setHosts(readAssignment(assignment));
  }

  setHosts(specs: readonly HostSpec[]): void {
    const gone = new Set(this.hosts.keys());
    const now = this.services.clock.now();
    for (const spec of specs) {
      gone.delete(spec.key);
      const known = this.hosts.get(spec.key);
      if (known === undefined) this.hosts.set(spec.key, new Host(spec, now));
      else known.spec = spec;
    }
    for (const key of gone) {
      const host = this.hosts.get(key) as Host;
      host.removed = true;
      (host.pools as HttpPool | undefined)?.drain();
      this.hosts.delete(key);
    }
    this.#list = [...this.hosts.values()];
    this.warm = true;
    this.stats.set(CLUSTER.membership_total, this.#list.length);
    this.stats.set(CLUSTER.membership_healthy, this.#list.length);
    this.stats.inc(CLUSTER.update_success);
  }

  pick(_context: PickContext): Host | undefined {
    const list = this.#list;
    if (list.length === 0) return undefined;
    this.#next = (this.#next + 1) % list.length;
    return list[this.#next];
  }

  /** The connections of one endpoint. */
  pool(host: Host): HttpPool {
    return ((host.pools as HttpPool | undefined) ?? (host.pools = new H1Pool(this, host, this.#transport))) as HttpPool;
  }

  mayConnect(): boolean {
    return this.connections < this.breaker.maxConnections;
  }

  mayWait(_inPool: number): boolean {
    return this.pending < this.breaker.maxPending;
  }

  mayRequest(): boolean {
    return this.requests < this.breaker.maxRequests;
  }

  mayRetry(): boolean {
    const { retryBudget, maxRetries } = this.breaker;
    if (retryBudget === undefined) return this.retries < maxRetries;
    return this.retries < Math.max(retryBudget.min, (retryBudget.percent / 100) * this.requests);
  }

  onConnectResult(_host: Host, _ok: boolean): void {}
  onResponse(_host: Host, _status: number): void {}

  dispose(): void {
    for (const host of this.hosts.values()) (host.pools as HttpPool | undefined)?.drain();
    this.services.stats.release(this.stats);
  }
}

function protocolOf(message: ClusterMessage, http: HttpProtocolOptions | undefined): 'h1' | 'h2' | 'downstream' {
  const options = http?.upstreamProtocolOptions;
  if (options?.case === 'explicitHttpConfig') return options.value.protocolConfig.case === 'http2ProtocolOptions' ? 'h2' : 'h1';
  if (options?.case === 'useDownstreamProtocolConfig') return 'downstream';
  if (message.protocolSelection === 1) return 'downstream';
  return message.http2ProtocolOptions === undefined ? 'h1' : 'h2';
}

function readBreaker(message: ClusterMessage): Breaker {
  const thresholds = message.circuitBreakers?.thresholds.find((t) => t.priority === 0);
  const budget = thresholds?.retryBudget;
  return {
    maxConnections: thresholds?.maxConnections ?? LIMIT_DEFAULT,
    maxPending: thresholds?.maxPendingRequests ?? LIMIT_DEFAULT,
    maxRequests: thresholds?.maxRequests ?? LIMIT_DEFAULT,
    maxRetries: thresholds?.maxRetries ?? RETRIES_DEFAULT,
    retryBudget: budget === undefined ? undefined : { percent: budget.budgetPercent?.value ?? 20, min: budget.minRetryConcurrency ?? 3 },
  };
}
