// Connections to one endpoint that carry HTTP/2: few, each with many streams; another one only when all are full.

import { atRoundEnd, type Conn, type ConnError, type ConnHandler, Deadline, turnTime } from '#base';
import { CLUSTER } from '#telemetry';
import { DEFAULT_H2_LIMITS, H2ClientConnection, h2HeadLimits } from '#wire/h2';
import type { ClientStream, ClientStreamHandler, ResetReason } from '#wire/http';
import type { Breaker, Host } from '../cluster/index.ts';
import { H2KeepAlive } from '../http/h2-keep-alive.ts';
import type { H2Settings } from '../http/h2-settings.ts';
import type { CountedConn } from '../open-bytes.ts';
import type { ProxyServices } from '../services.ts';
import type { Cluster } from './cluster.ts';
import { countBytes, countConnected, countEnd, countFailure } from './connection-counts.ts';
import type { PoolSettings } from './http-pool.ts';
import {
  type HttpPool,
  limitLife,
  mayConnect,
  type PooledConnection,
  type PoolWaiter,
  transportWords,
} from './http-pool.ts';
import type { Transport } from './transport.ts';

export class H2Pool implements HttpPool {
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #transport: Transport;
  readonly #breaker: Breaker;
  readonly #open: PooledH2[] = [];
  readonly #waiting: PoolWaiter[] = [];
  #connecting = 0;
  #draining = false;
  readonly #sweep = new Deadline(() => this.#sweepIdle());

  constructor(cluster: Cluster, host: Host, transport: Transport, breaker: Breaker) {
    this.#cluster = cluster;
    this.#host = host;
    this.#transport = transport;
    this.#breaker = breaker;
  }

  get activeConnections(): number {
    return this.#open.length + this.#connecting;
  }

  request(waiter: PoolWaiter): void {
    for (const c of this.#open) {
      if (c.h2.canOpen) return waiter.onReady(c);
    }
    if (!this.#transport.ready)
      return waiter.onFailure('connection-failure', 'TLS_error:_Secret_is_not_supplied_by_SDS');
    if (!this.#breaker.tryPending()) {
      this.#cluster.stats.inc(CLUSTER.upstream_rq_pending_overflow);
      return waiter.onFailure('overflow', '');
    }
    this.#waiting.push(waiter);
    this.#cluster.stats.inc(CLUSTER.upstream_rq_pending_total);
    this.#cluster.stats.inc(CLUSTER.upstream_rq_pending_active);
    // One that comes up takes many of those who wait.
    if (this.#connecting === 0) this.#connect();
  }

  cancel(waiter: PoolWaiter): void {
    const at = this.#waiting.indexOf(waiter);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#unwait();
  }

  drain(): void {
    this.#draining = true;
    this.#cluster.services.wheel.cancel(this.#sweep);
    for (const c of [...this.#open]) c.h2.drain();
  }

  // From connections.

  connected(c: PooledH2): void {
    this.#connecting--;
    this.#open.push(c);
    countConnected(c.counted);
    this.#cluster.report(this.#host, { kind: 'connected' });
    c.life = limitLife(this.#cluster, () => c.h2.drain());
    this.capacity();
    if (this.#draining) c.h2.drain();
    else this.#watchIdle();
  }

  capacity(): void {
    while (this.#waiting.length > 0) {
      const c = this.#open.find((one) => one.h2.canOpen);
      if (c === undefined) break;
      const waiter = this.#waiting.shift() as PoolWaiter;
      this.#unwait();
      waiter.onReady(c);
    }
    // Also when draining: who waited before still gets a connection.
    if (this.#waiting.length > 0 && this.#connecting === 0) this.#connect();
  }

  gone(c: PooledH2, error: ConnError | undefined): void {
    const cluster = this.#cluster;
    if (c.life !== undefined) cluster.services.wheel.cancel(c.life);
    this.#breaker.releaseConnection();
    this.#host.releaseConnection();
    cluster.stats.dec(CLUSTER.upstream_cx_active);
    const at = this.#open.indexOf(c);
    countEnd(c.counted, at >= 0 && c.h2.brokeOff);
    if (at >= 0) {
      this.#open.splice(at, 1);
      this.capacity();
      return;
    }
    this.#connecting--;
    countFailure(cluster.stats, error, this.#waiting.length);
    this.#host.connectFailures++;
    cluster.report(this.#host, { kind: error?.kind === 'timeout' ? 'timeout' : 'connect-failed' });
    const reason: ResetReason =
      error?.kind === 'timeout' ? 'connection-timeout' : error?.kind === 'tls' ? 'tls-failure' : 'connection-failure';
    for (const waiter of this.#waiting.splice(0)) {
      this.#unwait();
      waiter.onFailure(reason, transportWords(error));
    }
  }

  #connect(): void {
    const cluster = this.#cluster;
    const first = this.#connecting === 0 && this.#open.every((c) => c.h2.leaving);
    if (!mayConnect(this.#host, cluster, this.#breaker, first)) return;
    const c = new PooledH2(this, cluster);
    this.#connecting++;
    this.#host.totalConnections++;
    cluster.stats.inc(CLUSTER.upstream_cx_total);
    cluster.stats.inc(CLUSTER.upstream_cx_http2_total);
    cluster.stats.inc(CLUSTER.upstream_cx_active);
    c.conn = this.#transport.connect(this.#host, c, undefined, 'h2');
    c.counted = countBytes(cluster, c.conn);
  }

  #watchIdle(): void {
    const { idleMs } = this.#cluster.poolSettings;
    const { wheel, clock } = this.#cluster.services;
    if (idleMs > 0 && !this.#sweep.armed) wheel.arm(this.#sweep, idleMs / 4, turnTime(clock));
  }

  /** Four sweeps without a stream are the idle time. */
  #sweepIdle(): void {
    for (const c of [...this.#open]) {
      if (c.h2.activeStreams > 0) c.idleSweeps = 0;
      else if (++c.idleSweeps === 5) {
        this.#cluster.stats.inc(CLUSTER.upstream_cx_idle_timeout);
        c.h2.drain();
      } else if (c.idleSweeps > 6) c.conn.destroy();
    }
    if (this.#open.length > 0) this.#watchIdle();
  }

  /** A connection has had as many streams as it may. */
  spent(c: PooledH2): void {
    const max = this.#cluster.poolSettings.maxRequestsPerConnection;
    if (max === 0 || c.requests < max) return;
    this.#cluster.stats.inc(CLUSTER.upstream_cx_max_requests);
    c.h2.drain();
  }

  #unwait(): void {
    this.#breaker.releasePending();
    this.#cluster.stats.dec(CLUSTER.upstream_rq_pending_active);
  }
}

class PooledH2 implements ConnHandler, PooledConnection {
  conn!: Conn;
  counted!: CountedConn;
  h2!: H2ClientConnection;
  requests = 0;
  localText: string | undefined = undefined;
  idleSweeps = 0;
  life: Deadline | undefined = undefined;
  readonly #pool: H2Pool;
  readonly #settings: H2Settings;
  readonly #heads: PoolSettings['heads'];
  readonly #services: ProxyServices;
  #keepAlive: H2KeepAlive | undefined = undefined;

  constructor(pool: H2Pool, { settings, services }: Cluster) {
    this.#pool = pool;
    this.#settings = settings.h2;
    this.#heads = settings.pool.heads;
    this.#services = services;
  }

  start(handler: ClientStreamHandler): ClientStream {
    const stream = this.h2.open(handler);
    if (stream === undefined)
      throw new Error('an HTTP/2 connection was given to a request although it takes no stream');
    this.requests++;
    this.idleSweeps = 0;
    this.#pool.spent(this);
    return stream;
  }

  onConnected(): void {
    const { limits, keepAlive } = this.#settings;
    const heads = this.#heads;
    const { clock, stats } = this.#services;
    this.h2 = new H2ClientConnection(
      this.conn,
      {
        onCapacity: () => this.#pool.capacity(),
        onGoaway: () => this.#pool.capacity(),
        onConnectionClosed: (error) => {
          this.#keepAlive?.stop();
          this.#pool.gone(this, error);
        },
      },
      {
        limits: { ...DEFAULT_H2_LIMITS, ...(heads === undefined ? {} : h2HeadLimits(heads)), ...limits },
        defer: atRoundEnd,
        concurrentMax: limits.concurrentStreamsMax ?? DEFAULT_H2_LIMITS.concurrentStreamsMax,
        now: () => turnTime(clock),
      },
    );
    if (keepAlive !== undefined)
      this.#keepAlive = new H2KeepAlive(keepAlive, this.h2, this.#services, () => {
        stats.counter('http2.keepalive_timeout').inc();
        this.conn.destroy();
      });
    this.conn.handler = this.h2;
    this.#pool.connected(this);
  }

  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}
  onClose(error: ConnError | undefined): void {
    this.#pool.gone(this, error);
  }
}
