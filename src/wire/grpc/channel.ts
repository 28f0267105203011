// A client's channel to one target: it connects when a call needs it, reconnects with back-off, and keeps the connection alive.
import type { Clock, Random, Timer } from '#base';
import { Backoff, type BackoffOptions, GRPC_BACKOFF } from './backoff.ts';
import { type ClientCall, type ClientCallHandler, type ClientCallOptions, StreamClientCall } from './client-call.ts';
import { GRPC_ERRORS } from './errors.ts';
import { fairDeadline } from './fair-deadline.ts';
import type { Gunzip } from './frame.ts';
import { GRPC_LIMITS } from './limits.ts';
import { GRPC_STATUS, type GrpcStatus } from './status.ts';
import type { GrpcConnection, GrpcDialer, Metadata } from './transport.ts';

export interface GrpcChannelOptions {
  readonly dialer: GrpcDialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff?: BackoffOptions;
  readonly messageBytesMax?: number;
  readonly gunzip?: Gunzip;
  readonly userAgent?: string;
  /** A PING every so often while calls are open; Istio's 30 s unless told. 0 = never. */
  readonly keepaliveMs?: number;
  /** The connection is given up when a PING stays unanswered for so long; Istio's 10 s unless told. */
  readonly keepaliveTimeoutMs?: number;
}

export type ChannelState = 'idle' | 'connecting' | 'ready' | 'backoff' | 'closed';

export type UnaryResult =
  | { readonly ok: true; readonly message: Uint8Array; readonly metadata: Metadata; readonly trailers: Metadata }
  | { readonly ok: false; readonly status: GrpcStatus; readonly trailers: Metadata };

export class GrpcChannel {
  readonly #options: GrpcChannelOptions;
  readonly #backoff: Backoff;
  readonly #calls = new Set<StreamClientCall>();
  readonly #waiting = new Set<StreamClientCall>();
  #state: ChannelState = 'idle';
  #connection: GrpcConnection | undefined;
  #lastError = '';
  #backoffTimer: Timer | undefined;
  #pingTimer: Timer | undefined;
  #pongTimer: Timer | undefined;

  constructor(options: GrpcChannelOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff ?? GRPC_BACKOFF, options.random);
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** Why the last attempt failed or the last connection ended; '' when none did. */
  get lastError(): string {
    return this.#lastError;
  }

  get target(): string {
    return this.#options.dialer.target;
  }

  /** Begins a call of any shape; `handler.onStatus` ends it. */
  openStream(path: string, handler: ClientCallHandler, options: ClientCallOptions = {}): ClientCall {
    const call = new StreamClientCall(path, handler, options, {
      clock: this.#options.clock,
      dialer: this.#options.dialer,
      messageBytesMax: this.#options.messageBytesMax ?? GRPC_LIMITS.messageBytesMax,
      gunzip: this.#options.gunzip,
      userAgent: this.#options.userAgent ?? 'topsail-grpc',
      ended: (ended) => {
        this.#calls.delete(ended);
        this.#waiting.delete(ended);
      },
    });
    this.#calls.add(call);
    this.#place(call);
    return call;
  }

  /** One request, one response. Never rejects. */
  callUnary(path: string, request: Uint8Array, options: ClientCallOptions = {}): Promise<UnaryResult> {
    return new Promise((resolve) => {
      let message: Uint8Array | undefined;
      let metadata: Metadata = {};
      let count = 0;
      const call = this.openStream(
        path,
        {
          onHeaders: (headers) => {
            metadata = headers;
          },
          onMessage: (bytes) => {
            message = bytes;
            count++;
          },
          onStatus: (status, trailers) => {
            if (status.code !== GRPC_STATUS.ok) resolve({ ok: false, status, trailers });
            else if (message === undefined || count !== 1)
              resolve({ ok: false, status: GRPC_ERRORS.unaryCount(count), trailers });
            else resolve({ ok: true, message, metadata, trailers });
          },
        },
        options,
      );
      call.send(request);
      call.halfClose();
    });
  }

  /** Gives up the present connection for a new one (after a certificate changed); open calls end as they are. */
  reconnect(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    this.#state = 'idle';
    this.#stopKeepalive();
    connection.close();
    if (this.#waiting.size > 0) this.#connect();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#backoffTimer?.cancel();
    this.#stopKeepalive();
    for (const call of [...this.#calls]) call.fail(GRPC_ERRORS.closed);
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  #place(call: StreamClientCall): void {
    if (this.#state === 'closed') {
      call.fail(GRPC_ERRORS.closed);
    } else if (this.#state === 'ready' && this.#connection !== undefined && call.attach(this.#connection)) {
      this.#armKeepalive();
    } else if (this.#state === 'backoff' && call.options.waitForReady !== true) {
      call.fail(this.#unavailable());
    } else if (this.#waiting.size >= GRPC_LIMITS.waitingCallsMax) {
      call.fail(GRPC_ERRORS.queueFull);
    } else {
      this.#waiting.add(call);
      if (this.#state === 'ready') this.#lost(this.#connection);
      if (this.#state === 'idle') this.#connect();
    }
  }

  #connect(): void {
    this.#state = 'connecting';
    let connection: GrpcConnection | undefined = undefined;
    connection = this.#options.dialer.dial({
      onReady: () => {
        if (this.#connection === connection) this.#ready();
      },
      onGoaway: () => this.#lost(connection),
      onClose: (reason) => this.#closed(connection, reason),
    });
    this.#connection = connection;
  }

  #ready(): void {
    this.#state = 'ready';
    this.#backoff.reset();
    const connection = this.#connection as GrpcConnection;
    for (const call of [...this.#waiting]) {
      this.#waiting.delete(call);
      if (!call.attach(connection)) this.#waiting.add(call);
    }
    this.#armKeepalive();
  }

  /** The connection takes no new calls; its open ones go on. */
  #lost(connection: GrpcConnection | undefined): void {
    if (connection === undefined || this.#connection !== connection) return;
    this.#connection = undefined;
    this.#state = 'idle';
    this.#stopKeepalive();
    if (this.#waiting.size > 0) this.#connect();
  }

  #closed(connection: GrpcConnection | undefined, reason: string): void {
    if (this.#state === 'closed' || this.#connection !== connection) return;
    const wasReady = this.#state === 'ready';
    this.#connection = undefined;
    this.#stopKeepalive();
    this.#lastError = reason;
    if (wasReady) {
      this.#state = 'idle';
      if (this.#waiting.size > 0) this.#connect();
      return;
    }
    this.#state = 'backoff';
    for (const call of [...this.#waiting]) if (call.options.waitForReady !== true) call.fail(this.#unavailable());
    this.#backoffTimer = this.#options.clock.setTimer(
      this.#backoff.next(),
      () => {
        this.#state = 'idle';
        if (this.#waiting.size > 0) this.#connect();
      },
      { unref: true },
    );
  }

  #unavailable(): GrpcStatus {
    return { code: GRPC_STATUS.unavailable, message: `no connection to ${this.target}: ${this.#lastError}` };
  }

  #armKeepalive(): void {
    const every = this.#options.keepaliveMs ?? 30_000;
    if (every === 0 || this.#pingTimer !== undefined) return;
    this.#pingTimer = this.#options.clock.setTimer(every, () => this.#ping(), { unref: true });
  }

  #ping(): void {
    this.#pingTimer = undefined;
    const connection = this.#connection;
    if (connection === undefined || this.#state !== 'ready' || this.#calls.size === 0) return;
    const timeoutMs = this.#options.keepaliveTimeoutMs ?? 10_000;
    this.#pongTimer = fairDeadline(this.#options.clock, timeoutMs, () =>
      connection.destroy(`no answer to a PING within ${timeoutMs} ms`),
    );
    connection.ping(() => {
      if (this.#connection !== connection) return;
      this.#pongTimer?.cancel();
      this.#pongTimer = undefined;
      this.#armKeepalive();
    });
  }

  #stopKeepalive(): void {
    this.#pingTimer?.cancel();
    this.#pongTimer?.cancel();
    this.#pingTimer = undefined;
    this.#pongTimer = undefined;
  }
}
