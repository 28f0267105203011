// A client's bytes within one HTTP exchange (tunneling_config): an HTTP proxy is asked by CONNECT for another place (RFC 9110 §9.3.6,
// RFC 9113 §8.5), or both directions are the bodies of a POST. To its session it is a connection.

import type { ConnError, ConnHandler, TlsFacts } from '#base';
import { CLUSTER } from '#telemetry';
import {
  type ClientStream,
  type ClientStreamHandler,
  HeaderBlock,
  type ResetReason,
  type ResponseHead,
} from '#wire/http';
import type { Breaker, Host } from '../cluster/index.ts';
import { type ClientHolder, UpstreamClient } from '../upstream/client-pools.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { HttpPool, PooledConnection, PoolWaiter } from '../upstream/http-pool.ts';
import type { ClientAddresses } from '../upstream/proxy-header.ts';
import type { UpstreamLeg } from './upstream-leg.ts';

export interface TunnelSettings {
  /** `host:port` that the HTTP proxy is to reach. */
  readonly authority: string;
  /** Of a POST; undefined: CONNECT. */
  readonly postPath: string | undefined;
}

/** `code` of the error that a session hears of where the cluster may have no more requests. */
export const TUNNEL_OVERFLOW = 'OVERFLOW';

export class HttpTunnel implements UpstreamLeg, PoolWaiter, ClientStreamHandler {
  /** `onConnected` once the proxy agrees; after `destroy` nothing more is called. */
  handler: ConnHandler;
  endedByPeer = false;
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #settings: TunnelSettings;
  readonly #client: ClientHolder;
  readonly #breaker: Breaker;
  #pool: HttpPool | undefined = undefined;
  #connection: PooledConnection | undefined = undefined;
  #stream: ClientStream | undefined = undefined;
  /** The proxy agreed. */
  #open = false;
  #ended = false;
  #over = false;

  constructor(cluster: Cluster, host: Host, settings: TunnelSettings, client: ClientAddresses, handler: ConnHandler) {
    this.#cluster = cluster;
    this.#host = host;
    this.#settings = settings;
    this.#breaker = cluster.breaker();
    this.#client = { upstreamClient: new UpstreamClient(client), downstream: client };
    this.handler = handler;
  }

  /** The handler may be called before this returns. */
  dial(): void {
    const { stats } = this.#cluster;
    if (!this.#breaker.tryRequest()) {
      this.#over = true;
      stats.inc(CLUSTER.upstream_rq_pending_overflow);
      return this.handler.onClose(failure(TUNNEL_OVERFLOW, ''));
    }
    this.#host.activeRequests++;
    this.#host.totalRequests++;
    stats.inc(CLUSTER.upstream_rq_active);
    this.#pool = this.#cluster.pool(this.#host, 'default', false, this.#client);
    // A kept connection that turns out to be closed would cost the client its own.
    this.#pool.request(this, true);
  }

  get destroyed(): boolean {
    return this.#over;
  }
  get queuedBytes(): number {
    return this.#stream?.queuedBytes ?? 0;
  }
  get localAddress(): string {
    return this.#connection?.conn.localAddress ?? '';
  }
  get localPort(): number {
    return this.#connection?.conn.localPort ?? 0;
  }
  get tls(): TlsFacts | undefined {
    return this.#connection?.conn.tls;
  }

  // From the session.

  write(data: Uint8Array): boolean {
    return this.#stream?.sendData(data, false) ?? true;
  }

  end(): void {
    if (this.#ended || this.#over) return;
    this.#ended = true;
    this.#stream?.sendData(EMPTY, true);
    this.#settle();
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  destroy(): void {
    if (this.#over) return;
    const stream = this.#stream;
    if (stream === undefined) this.#pool?.cancel(this);
    this.#leave();
    stream?.reset('local-reset');
  }

  // From the pool.

  onReady(connection: PooledConnection): void {
    if (this.#over) return;
    this.#connection = connection;
    const stream = connection.start(this);
    this.#stream = stream;
    this.#cluster.stats.inc(CLUSTER.upstream_rq_total);
    const { authority, postPath } = this.#settings;
    stream.sendHead(
      {
        method: postPath === undefined ? 'CONNECT' : 'POST',
        path: postPath ?? '',
        authority,
        scheme: connection.conn.tls === undefined ? 'http' : 'https',
        version: stream.version,
        protocol: '',
        headers: new HeaderBlock(),
      },
      false,
    );
  }

  onFailure(reason: ResetReason, transport: string): void {
    this.#close(failure(reason === 'overflow' ? TUNNEL_OVERFLOW : 'TUNNEL', transport));
  }

  // From the stream.

  onInformational(): void {}

  onHead({ status }: ResponseHead, end: boolean): void {
    if (this.#over) return;
    this.#cluster.report(this.#host, { kind: 'answer', status });
    if (status < 200 || status > 299 || end) {
      const stream = this.#stream;
      this.#close(failure('TUNNEL', `http_proxy_answered_${status}`));
      return stream?.reset('local-reset');
    }
    this.#open = true;
    this.handler.onConnected?.();
  }

  onData(data: Buffer, end: boolean): void {
    if (this.#over || !this.#open) return;
    if (data.length > 0) this.handler.onData(data);
    if (end) this.#endByProxy();
  }

  onTrailers(): void {
    if (!this.#over && this.#open) this.#endByProxy();
  }

  onDrain(): void {
    if (!this.#over) this.handler.onDrain();
  }

  onReset(reason: ResetReason, detail: string): void {
    this.#close(
      this.#open ? undefined : failure('TUNNEL', `http_proxy_${reason}${detail === '' ? '' : `: ${detail}`}`),
    );
  }

  #endByProxy(): void {
    this.endedByPeer = true;
    this.handler.onEnd();
    // An HTTP/1.1 exchange is over with its response; only CONNECT leaves the other direction open.
    if (this.#settings.postPath !== undefined && this.#stream?.version === '1.1') this.#close(undefined);
    else this.#settle();
  }

  /** Both sides have said all, and it has gone out: the stream says nothing more. */
  #settle(): void {
    if (this.#ended && this.endedByPeer && this.queuedBytes === 0) this.#close(undefined);
  }

  #close(error: ConnError | undefined): void {
    if (this.#over) return;
    this.#leave();
    this.handler.onClose(error);
  }

  #leave(): void {
    this.#over = true;
    this.#host.activeRequests--;
    this.#cluster.stats.dec(CLUSTER.upstream_rq_active);
    this.#breaker.releaseRequest();
    this.#client.upstreamClient.close();
  }
}

function failure(code: string, message: string): ConnError {
  return { kind: 'other', code, message };
}

const EMPTY = Buffer.alloc(0);
