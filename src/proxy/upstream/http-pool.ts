// Connections to one endpoint that carry HTTP/1.1: idle ones in a stack (last in, first out keeps them warm),
// requests that wait for one in a bounded queue.

import { type Conn, type ConnError, type ConnHandler, Deadline, turnTime, visibleText } from '#base';
import { CLUSTER } from '#telemetry';
import { DEFAULT_H1_LIMITS, H1ClientConnection } from '#wire/h1';
import type { ClientStream, ClientStreamHandler, HeadBounds, ResetReason } from '#wire/http';
import type { Cluster } from './cluster.ts';
import { connectLater, mayConnectNow } from './connect-pace.ts';
import { countBytes, countConnected, countEnd, countFailure } from './connection-counts.ts';
import type { Breaker, Host } from '../cluster/index.ts';
import type { CountedConn } from '../open-bytes.ts';
import type { Transport } from './transport.ts';

/** What a request gets: a connection that begins exactly one stream for it. */
export interface PooledConnection {
  readonly conn: Conn;
  /** Requests begun before this one. */
  readonly requests: number;
  /** Our end as logs name it, once somebody asked. */
  localText?: string | undefined;
  start(handler: ClientStreamHandler): ClientStream;
}

export interface PoolWaiter {
  /** Monotonic ms at which it asked. */
  readonly startMs?: number;
  onReady(connection: PooledConnection): void;
  /** `transport` = why no connection came about, in Envoy's words; '' = limits. */
  onFailure(reason: ResetReason, transport: string): void;
}

export interface HttpPool {
  /**
   * Answers at once or later; `fresh` = not a connection that was used before; `repeatable` = the request may be sent
   * again should a kept connection turn out to be closed.
   */
  request(waiter: PoolWaiter, fresh: boolean, repeatable?: boolean): void;
  cancel(waiter: PoolWaiter): void;
  /** The endpoint or its settings are gone: idle connections close, busy ones when they are done. */
  drain(): void;
  readonly activeConnections: number;
}

export interface PoolSettings {
  readonly connectTimeoutMs: number;
  /** 0 = none. */
  readonly idleMs: number;
  /** 0 = none. */
  readonly maxRequestsPerConnection: number;
  /** 0 = none. What is under way then ends first. */
  readonly maxConnectionMs: number;
  /** Where connections come from: the first of the endpoint's family. */
  readonly localAddresses: readonly string[];
  readonly keepAliveMs: number | undefined;
  /** How large the heads of responses may be; undefined: the codecs' own limits. */
  readonly heads: HeadBounds | undefined;
}

export class H1Pool implements HttpPool {
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #transport: Transport;
  readonly #idle: PooledH1[] = [];
  readonly #waiting: PoolWaiter[] = [];
  readonly #connecting = new Set<PooledH1>();
  readonly #all = new Set<PooledH1>();
  readonly #sweep = new Deadline(() => this.#sweepIdle());
  #draining = false;
  /** More connections are needed than this round may begin. */
  #connectsLater = false;
  /** What the endpoint said last about keeping connections: it says the same in every response. */
  #saidLast = '';

  readonly #breaker: Breaker;

  constructor(cluster: Cluster, host: Host, transport: Transport, breaker: Breaker) {
    this.#breaker = breaker;
    this.#cluster = cluster;
    this.#host = host;
    this.#transport = transport;
  }

  get activeConnections(): number {
    return this.#all.size;
  }

  request(waiter: PoolWaiter, fresh: boolean, repeatable = true): void {
    if (!fresh && (!this.#host.rest.known || this.#idle.length === 0 || this.#newestMayServe(repeatable))) {
      for (let c = this.#idle.pop(); c !== undefined; c = this.#idle.pop()) {
        if (!c.h1.usable) continue;
        c.takenMs = waiter.startMs;
        return waiter.onReady(c.h1);
      }
    }
    const cluster = this.#cluster;
    if (!this.#transport.ready)
      return waiter.onFailure('connection-failure', 'TLS_error:_Secret_is_not_supplied_by_SDS');
    if (!this.#breaker.tryPending()) {
      cluster.stats.inc(CLUSTER.upstream_rq_pending_overflow);
      return waiter.onFailure('overflow', '');
    }
    this.#waiting.push(waiter);
    cluster.stats.inc(CLUSTER.upstream_rq_pending_total);
    cluster.stats.inc(CLUSTER.upstream_rq_pending_active);
    this.#connectIfNeeded();
  }

  cancel(waiter: PoolWaiter): void {
    const at = this.#waiting.indexOf(waiter);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#unwait();
    this.#cluster.stats.inc(CLUSTER.upstream_rq_cancelled);
  }

  drain(): void {
    this.#draining = true;
    for (const c of this.#idle.splice(0)) c.h1.conn.destroy();
    this.#cluster.services.wheel.cancel(this.#sweep);
  }

  // From connections.

  connected(c: PooledH1): void {
    this.#connecting.delete(c);
    countConnected(c.counted);
    this.#cluster.report(this.#host, { kind: 'connected' });
    c.life = limitLife(this.#cluster, () => this.#expire(c));
    this.#give(c);
  }

  reusable(c: PooledH1): void {
    const max = this.#cluster.poolSettings.maxRequestsPerConnection;
    if (this.#draining || c.expired || (max > 0 && c.h1.requests >= max)) {
      if (max > 0 && c.h1.requests >= max) this.#cluster.stats.inc(CLUSTER.upstream_cx_max_requests);
      c.h1.conn.end();
      c.h1.conn.destroy();
      return;
    }
    this.#give(c);
  }

  #expire(c: PooledH1): void {
    c.expired = true;
    if (!this.#idle.includes(c)) return;
    c.h1.conn.destroy();
  }

  gone(c: PooledH1, error: ConnError | undefined, connected: boolean): void {
    if (c.life !== undefined) this.#cluster.services.wheel.cancel(c.life);
    const wasConnecting = this.#connecting.delete(c);
    this.#all.delete(c);
    const at = this.#idle.lastIndexOf(c);
    if (at >= 0) this.#idle.splice(at, 1);
    const cluster = this.#cluster;
    // Closed by the endpoint while it rested, or under the first bytes of the next request.
    if (c.h1.endedByPeer && c.restsSince >= 0 && (at >= 0 || !c.h1.heard)) {
      const until = at < 0 && c.takenMs !== undefined ? c.takenMs : cluster.services.clock.now();
      this.#host.rest.closedAfter(until - c.restsSince);
    }
    this.#breaker.releaseConnection();
    this.#host.releaseConnection();
    const stats = cluster.stats;
    stats.dec(CLUSTER.upstream_cx_active);
    countEnd(c.counted, c.h1.brokeOff);
    if (wasConnecting && !connected) {
      countFailure(stats, error, this.#waiting.length);
      this.#host.connectFailures++;
      cluster.report(this.#host, { kind: error?.kind === 'timeout' ? 'timeout' : 'connect-failed' });
      this.#failWaiting(error);
    } else this.#connectIfNeeded();
  }

  #give(c: PooledH1): void {
    const waiter = this.#waiting.length === 0 ? undefined : this.#waiting.shift();
    if (waiter !== undefined) {
      this.#unwait();
      waiter.onReady(c.h1);
      return;
    }
    if (this.#draining) {
      c.h1.conn.destroy();
      return;
    }
    c.idleSweeps = 0;
    const now = turnTime(this.#cluster.services.clock);
    c.restsSince = now;
    const said = c.h1.keepAliveParameters;
    if (said !== '' && said !== this.#saidLast) this.#host.rest.announced((this.#saidLast = said));
    this.#idle.push(c);
    const { idleMs } = this.#cluster.poolSettings;
    if (idleMs > 0 && !this.#sweep.armed) this.#cluster.services.wheel.arm(this.#sweep, idleMs / 4, now);
  }

  /** When the newest rests for too long, so do all; two stay to show when the endpoint closes them. */
  #newestMayServe(repeatable: boolean): boolean {
    const now = turnTime(this.#cluster.services.clock);
    const idle = this.#idle;
    const newest = idle[idle.length - 1] as PooledH1;
    const oldest = idle[0] as PooledH1;
    if (this.#host.rest.allows(now - newest.restsSince, now - oldest.restsSince, repeatable)) return true;
    for (const c of idle.splice(1, Math.max(0, idle.length - 2))) c.h1.conn.destroy();
    return false;
  }

  /** If one more is needed: now or, where this round has begun enough of them, in one of the next. */
  #connectIfNeeded(): void {
    if (this.#connecting.size >= this.#waiting.length || this.#connectsLater) return;
    if (mayConnectNow()) this.#connect();
    else {
      this.#connectsLater = true;
      connectLater(() => this.#connectNext());
    }
  }

  /** False: no more are needed, or may be made. */
  #connectNext(): boolean {
    const made = this.#connecting.size < this.#waiting.length && this.#connect();
    this.#connectsLater = made && this.#connecting.size < this.#waiting.length;
    return this.#connectsLater;
  }

  #connect(): boolean {
    const cluster = this.#cluster;
    if (!mayConnect(this.#host, cluster, this.#breaker, this.#all.size === 0)) return false;
    const c = new PooledH1(this);
    const conn = this.#transport.connect(this.#host, c, undefined, 'h1');
    c.open(conn, this.#cluster.poolSettings.heads);
    c.counted = countBytes(cluster, conn);
    this.#connecting.add(c);
    this.#all.add(c);
    this.#host.totalConnections++;
    cluster.stats.inc(CLUSTER.upstream_cx_total);
    cluster.stats.inc(CLUSTER.upstream_cx_http1_total);
    cluster.stats.inc(CLUSTER.upstream_cx_active);
    return true;
  }

  /** All that wait fail with the connection they waited for: others would only wait for the same refusal. */
  #failWaiting(error: ConnError | undefined): void {
    const waiting = this.#waiting.splice(0);
    const reason: ResetReason =
      error?.kind === 'timeout' ? 'connection-timeout' : error?.kind === 'tls' ? 'tls-failure' : 'connection-failure';
    for (const waiter of waiting) {
      this.#unwait();
      waiter.onFailure(reason, transportWords(error));
    }
  }

  #unwait(): void {
    this.#breaker.releasePending();
    this.#cluster.stats.dec(CLUSTER.upstream_rq_pending_active);
  }

  #sweepIdle(): void {
    // Oldest at the bottom of the stack; four sweeps without use are the idle time.
    const stay: PooledH1[] = [];
    for (const c of this.#idle.splice(0)) {
      if (++c.idleSweeps <= 4) stay.push(c);
      else {
        this.#cluster.stats.inc(CLUSTER.upstream_cx_idle_timeout);
        c.h1.conn.destroy();
      }
    }
    this.#idle.push(...stay);
    const { clock, wheel } = this.#cluster.services;
    if (stay.length > 0) wheel.arm(this.#sweep, this.#cluster.poolSettings.idleMs / 4, clock.now());
  }
}

/** The handler of a connection until it is up, and the pool's note about it afterwards. */
class PooledH1 implements ConnHandler {
  h1!: H1ClientConnection;
  counted!: CountedConn;
  idleSweeps = 0;
  /** Monotonic ms of its last response's end; -1 = it has carried none. */
  restsSince = -1;
  /** When the present request asked for it. */
  takenMs: number | undefined = undefined;
  life: Deadline | undefined = undefined;
  /** Has lasted as long as it may. */
  expired = false;
  #up = false;
  readonly #pool: H1Pool;

  constructor(pool: H1Pool) {
    this.#pool = pool;
  }

  open(conn: Conn, heads: HeadBounds | undefined): void {
    this.h1 = new H1ClientConnection(
      conn,
      {
        onReusable: () => this.#pool.reusable(this),
        onGone: (_connection, error) => this.#pool.gone(this, error, this.#up),
      },
      heads === undefined ? DEFAULT_H1_LIMITS : { ...DEFAULT_H1_LIMITS, ...heads },
    );
  }

  onConnected(): void {
    this.#up = true;
    this.h1.conn.handler = this.h1;
    this.#pool.connected(this);
  }

  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}
  onClose(error: ConnError | undefined): void {
    this.#pool.gone(this, error, this.#up);
  }
}

/** `then` is called once a connection that begins now has lasted as long as it may. */
export function limitLife({ poolSettings, services, stats }: Cluster, then: () => void): Deadline | undefined {
  if (poolSettings.maxConnectionMs === 0) return undefined;
  const life = new Deadline(() => {
    stats.inc(CLUSTER.upstream_cx_max_duration_reached);
    then();
  });
  services.wheel.arm(life, poolSettings.maxConnectionMs, services.clock.now());
  return life;
}

/**
 * Counts a connection against what the endpoint and the cluster may have. `first`: the pool has none that takes
 * requests, and gets one whatever others hold: its requests would wait for what never comes (Envoy's ConnPoolImplBase).
 */
export function mayConnect(host: Host, cluster: Cluster, breaker: Breaker, first: boolean): boolean {
  const ofHost = host.tryConnection(cluster.breakers.maxConnectionsPerHost);
  if (ofHost && breaker.tryConnection()) return true;
  cluster.stats.inc(CLUSTER.upstream_cx_overflow);
  if (first) {
    if (!ofHost) host.tryConnection(Number.POSITIVE_INFINITY);
    breaker.takeConnection();
  } else if (ofHost) host.releaseConnection();
  return first;
}

/** Envoy's transport failure reasons. */
export function transportWords(error: ConnError | undefined): string {
  switch (error?.kind) {
    case 'refused':
      return 'delayed connect error: Connection refused';
    case 'unreachable':
      return 'delayed connect error: No route to host';
    case 'reset':
      return 'delayed connect error: Connection reset by peer';
    case 'tls':
      // It quotes names in the endpoint's certificate.
      return `TLS_error: ${visibleText(error.message)}`;
    default:
      return '';
  }
}
