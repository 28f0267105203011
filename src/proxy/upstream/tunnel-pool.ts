// Raw connections to one endpoint for CONNECT that ends here (Envoy's connect_config): one per request, never kept.

import type { Conn, ConnError, ConnHandler } from '#base';
import { CLUSTER } from '#telemetry';
import {
  type ClientStream,
  type ClientStreamHandler,
  HeaderBlock,
  type RequestHead,
  type ResetReason,
} from '#wire/http';
import type { Breaker, Host } from '../cluster/index.ts';
import type { CountedConn } from '../open-bytes.ts';
import type { Cluster } from './cluster.ts';
import { countBytes, countConnected, countEnd, countFailure } from './connection-counts.ts';
import { type HttpPool, type PooledConnection, type PoolWaiter, transportWords } from './http-pool.ts';
import type { Transport } from './transport.ts';

export class TunnelPool implements HttpPool {
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #transport: Transport;
  readonly #breaker: Breaker;
  readonly #connecting = new Map<PoolWaiter, Tunnel>();
  #open = 0;

  constructor(cluster: Cluster, host: Host, transport: Transport, breaker: Breaker) {
    this.#cluster = cluster;
    this.#host = host;
    this.#transport = transport;
    this.#breaker = breaker;
  }

  get activeConnections(): number {
    return this.#open;
  }

  request(waiter: PoolWaiter): void {
    const { stats } = this.#cluster;
    if (!this.#transport.ready)
      return waiter.onFailure('connection-failure', 'TLS_error:_Secret_is_not_supplied_by_SDS');
    if (!this.#breaker.tryConnection()) {
      stats.inc(CLUSTER.upstream_cx_overflow);
      return waiter.onFailure('overflow', '');
    }
    this.#open++;
    this.#host.tryConnection(Number.POSITIVE_INFINITY);
    this.#host.totalConnections++;
    stats.inc(CLUSTER.upstream_cx_total);
    stats.inc(CLUSTER.upstream_cx_active);
    stats.inc(CLUSTER.upstream_rq_pending_total);
    const tunnel = new Tunnel(this, waiter);
    this.#connecting.set(waiter, tunnel);
    tunnel.conn = this.#transport.connect(this.#host, tunnel);
    tunnel.counted = countBytes(this.#cluster, tunnel.conn);
  }

  cancel(waiter: PoolWaiter): void {
    const tunnel = this.#connecting.get(waiter);
    if (tunnel === undefined) return;
    this.#connecting.delete(waiter);
    this.#cluster.stats.inc(CLUSTER.upstream_rq_cancelled);
    tunnel.conn.destroy();
  }

  /** Bytes of unknown meaning can't be asked to stop: a tunnel lives until its ends close it. */
  drain(): void {}

  // From tunnels.

  connected(tunnel: Tunnel, waiter: PoolWaiter): void {
    if (!this.#connecting.delete(waiter)) return;
    countConnected(tunnel.counted);
    this.#cluster.report(this.#host, { kind: 'connected' });
    waiter.onReady(tunnel);
  }

  gone(tunnel: Tunnel, waiter: PoolWaiter, error: ConnError | undefined): void {
    const { stats } = this.#cluster;
    this.#open--;
    this.#host.releaseConnection();
    this.#breaker.releaseConnection();
    stats.dec(CLUSTER.upstream_cx_active);
    const connecting = this.#connecting.delete(waiter);
    // Where the endpoint had said all, nothing was under way.
    if (tunnel.ended) countEnd(tunnel.counted, false, true);
    else countEnd(tunnel.counted, !connecting);
    if (!connecting) return;
    countFailure(stats, error, 1);
    this.#host.connectFailures++;
    this.#cluster.report(this.#host, { kind: error?.kind === 'timeout' ? 'timeout' : 'connect-failed' });
    waiter.onFailure(
      error?.kind === 'timeout' ? 'connection-timeout' : error?.kind === 'tls' ? 'tls-failure' : 'connection-failure',
      transportWords(error),
    );
  }
}

/** A connection that looks like a stream: the head is answered by us, bodies are its bytes. */
class Tunnel implements ConnHandler, PooledConnection, ClientStream {
  conn!: Conn;
  counted!: CountedConn;
  /** By the endpoint. */
  ended = false;
  readonly requests = 0;
  readonly version = '1.1';
  readonly #pool: TunnelPool;
  readonly #waiter: PoolWaiter;
  #handler: ClientStreamHandler | undefined = undefined;

  constructor(pool: TunnelPool, waiter: PoolWaiter) {
    this.#pool = pool;
    this.#waiter = waiter;
  }

  start(handler: ClientStreamHandler): ClientStream {
    this.#handler = handler;
    return this;
  }

  get queuedBytes(): number {
    return this.conn.queuedBytes;
  }

  sendHead(_head: RequestHead, _end: boolean): void {
    this.#handler?.onHead({ status: 200, headers: new HeaderBlock() }, false);
  }

  sendData(data: Uint8Array, end: boolean): boolean {
    const room = data.length === 0 || this.conn.write(data);
    if (end) this.conn.end();
    return room;
  }

  sendTrailers(): void {
    this.conn.end();
  }

  reset(_reason: ResetReason): void {
    this.#handler = undefined;
    this.conn.destroy(true);
  }

  pause(): void {
    this.conn.pause();
  }

  resume(): void {
    this.conn.resume();
  }

  onConnected(): void {
    this.#pool.connected(this, this.#waiter);
  }

  onData(data: Buffer): void {
    this.#handler?.onData(data, false);
  }

  /** The whole answer is here: as with any HTTP exchange, nothing that follows in the other direction counts. */
  onEnd(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.ended = true;
    handler?.onData(EMPTY, true);
    this.conn.end();
    this.conn.destroy();
  }

  onDrain(): void {
    this.#handler?.onDrain();
  }

  onClose(error: ConnError | undefined): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#pool.gone(this, this.#waiter, error);
    handler?.onReset(
      'connection-termination',
      error === undefined ? 'connection closed' : `${error.code}: ${error.message}`,
      true,
    );
  }
}

const EMPTY = Buffer.alloc(0);
