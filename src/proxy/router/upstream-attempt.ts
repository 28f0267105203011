// One attempt at one endpoint: waits for a connection, sends, and tells the router what comes back.

import { Deadline } from '#base';
import { CLUSTER } from '#telemetry';
import type {
  ClientStream,
  ClientStreamHandler,
  HeaderBlock,
  RequestHead,
  ResetReason,
  ResponseHead,
} from '#wire/http';
import type { Host } from '../cluster/host.ts';
import type { HttpPool, PooledConnection, PoolWaiter } from '../upstream/http-pool.ts';
import type { Router } from './router.ts';

export class UpstreamAttempt implements ClientStreamHandler, PoolWaiter {
  readonly host: Host;
  readonly startMs: number;
  /** Where it waits for a connection: settings that change meanwhile make others. */
  pool: HttpPool | undefined = undefined;
  /** A connection was there. */
  connected = false;
  /** It had carried requests before. */
  reused = false;
  congested = false;
  readonly #router: Router;
  #stream: ClientStream | undefined = undefined;
  #over = false;
  /** Our side of the stream has ended. */
  #sentAll = false;
  #perTry: Deadline | undefined = undefined;
  #idle: Deadline | undefined = undefined;

  constructor(router: Router, host: Host, startMs: number) {
    this.#router = router;
    this.host = host;
    this.startMs = startMs;
    host.activeRequests++;
    host.totalRequests++;
    const ms = router.perTryMs;
    if (ms > 0) {
      this.#perTry = new Deadline(() => router.onPerTryTimeout(this));
      router.services.wheel.arm(this.#perTry, ms, startMs);
    }
  }

  /** The idle time begins anew. */
  #touch(): void {
    const { perTryIdleMs, services } = this.#router;
    if (perTryIdleMs === 0 || this.#over) return;
    const idle = (this.#idle ??= new Deadline(() => this.#router.onPerTryIdle(this)));
    services.wheel.cancel(idle);
    services.wheel.arm(idle, perTryIdleMs, services.clock.now());
  }

  get version(): string {
    return this.#stream?.version ?? '';
  }

  get ready(): boolean {
    return this.#stream !== undefined;
  }

  // Towards the endpoint.

  sendHead(head: RequestHead, end: boolean): void {
    this.#sentAll ||= end;
    this.#stream?.sendHead(head, end);
    this.#touch();
  }

  sendData(data: Uint8Array, end: boolean): boolean {
    this.#sentAll ||= end;
    const room = this.#stream?.sendData(data, end) ?? true;
    this.congested = !room;
    this.#touch();
    return room;
  }

  sendTrailers(trailers: HeaderBlock): void {
    this.#sentAll = true;
    this.#stream?.sendTrailers(trailers);
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  /** Nobody waits for the answer any more. */
  abandon(): void {
    if (this.#over) {
      // The endpoint said all and still waits for our side: half a tunnel, or a request that was answered early.
      if (!this.#sentAll) this.#stream?.reset('local-reset');
      return;
    }
    this.complete();
    const stream = this.#stream;
    if (stream === undefined) {
      this.pool?.cancel(this);
      return;
    }
    this.#router.cluster.stats.inc(CLUSTER.upstream_rq_tx_reset);
    stream.reset('local-reset');
  }

  /** The answer is whole. */
  complete(): void {
    if (this.#over) return;
    this.#over = true;
    this.host.activeRequests--;
    if (this.#perTry !== undefined) this.#router.services.wheel.cancel(this.#perTry);
    if (this.#idle !== undefined) this.#router.services.wheel.cancel(this.#idle);
  }

  // From the pool.

  onReady(connection: PooledConnection): void {
    if (this.#over) return;
    this.connected = true;
    this.reused = connection.requests > 0;
    const record = this.#router.stream.record;
    const tls = connection.conn.tls;
    if (tls !== undefined && tls.peer.kind === 'verified') {
      record.upstreamPrincipal = tls.peer.spiffeId;
      record.upstreamLocalPrincipal = this.#router.cluster.transportOf(this.host).localPrincipal;
      record.upstreamMtls = true;
    }
    if (record.upstreamStartMs < 0) record.upstreamStartMs = this.startMs;
    this.#stream = connection.start(this);
    this.#router.onReady(this);
  }

  onFailure(reason: ResetReason, transport: string): void {
    if (this.#over) return;
    this.complete();
    this.#router.onReset(this, reason, transport, false);
  }

  // From the stream.

  onInformational(status: number, headers: HeaderBlock): void {
    if (!this.#over) this.#router.onInformational(status, headers);
  }

  onHead(head: ResponseHead, end: boolean): void {
    if (this.#over) return;
    if (this.#perTry !== undefined) this.#router.services.wheel.cancel(this.#perTry);
    this.#touch();
    this.#router.onHead(this, head, end);
  }

  onData(data: Buffer, end: boolean): void {
    if (this.#over) return;
    this.#touch();
    this.#router.onData(this, data, end);
  }

  onTrailers(trailers: HeaderBlock): void {
    if (!this.#over) this.#router.onTrailers(this, trailers);
  }

  onDrain(): void {
    this.congested = false;
    if (!this.#over) this.#router.onDrain();
  }

  onReset(reason: ResetReason, _detail: string, processed: boolean): void {
    if (this.#over) return;
    this.complete();
    this.#router.cluster.stats.inc(CLUSTER.upstream_rq_rx_reset);
    this.#router.onReset(this, reason, '', processed);
  }
}
