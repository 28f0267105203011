// One attempt at one endpoint: waits for a connection, sends, and tells the router what comes back.

import { type Conn, Deadline } from '#base';
import { CLUSTER, type StreamRecord } from '#telemetry';
import type {
  ClientStream,
  ClientStreamHandler,
  HeaderBlock,
  RequestHead,
  ResetReason,
  ResponseHead,
} from '#wire/http';
import type { Host } from '../cluster/host.ts';
import { hostPort } from '../http/connection-facts.ts';
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
  /** It took longer than its time; outlier detection knows. */
  timedOut = false;
  readonly #router: Router;
  #stream: ClientStream | undefined = undefined;
  #connection: PooledConnection | undefined = undefined;
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
    if (router.requestEnded) this.armPerTry();
  }

  /** The request is whole: from now on the endpoint's time runs (an upload's length is not its fault). */
  armPerTry(): void {
    const { perTryMs, services } = this.#router;
    if (perTryMs === 0 || this.#perTry !== undefined || this.#over) return;
    this.#perTry = new Deadline(() => this.#router.onPerTryTimeout(this));
    services.wheel.arm(this.#perTry, perTryMs, services.clock.now());
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

  /** Sent, and not taken by the endpoint yet. */
  get queuedBytes(): number {
    return this.#stream?.queuedBytes ?? 0;
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

  /** Our end of its connection; '' while there is none. */
  get localAddress(): string {
    const connection = this.#connection;
    return connection === undefined ? '' : (connection.localText ??= localText(connection.conn));
  }

  namePrincipals(record: StreamRecord): void {
    const peer = this.#connection?.conn.tls?.peer;
    if (peer?.kind !== 'verified') return;
    record.upstreamPrincipal = peer.spiffeId;
    record.upstreamLocalPrincipal = this.#router.cluster.transportOf(this.host).localPrincipal;
    record.upstreamMtls = true;
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
    this.#countReset(CLUSTER.upstream_rq_tx_reset);
    stream.reset('local-reset');
  }

  /** Only where the stream ends alone: over HTTP/1.1 its connection goes with it, and Envoy counts none. */
  #countReset(slot: number): void {
    if (this.version === '2') this.#router.cluster.stats.inc(slot);
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
    this.#connection = connection;
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
    if (this.#over) return;
    // It has no body (RFC 9110 §8.6).
    headers.remove('content-length');
    this.#router.onInformational(this, status, headers);
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
    if (reason === 'remote-reset') this.#countReset(CLUSTER.upstream_rq_rx_reset);
    this.#router.onReset(this, reason, '', processed);
  }
}

function localText({ localAddress, localPort }: Conn): string {
  return hostPort(localAddress, localPort);
}
