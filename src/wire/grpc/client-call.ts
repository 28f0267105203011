// One call on the client's side; it may begin before there is a connection.
import type { Clock, Timer } from '#base';
import { GRPC_ERRORS } from './errors.ts';
import { frame, FrameDecoder, type Gunzip } from './frame.ts';
import { GRPC_LIMITS } from './limits.ts';
import { applicationMetadata, messageEncoding, statusOf, statusOfHead } from './metadata.ts';
import { GRPC_STATUS, type GrpcStatus, statusFromReset } from './status.ts';
import { formatTimeout } from './timeout.ts';
import {
  type GrpcConnection,
  type GrpcDialer,
  HTTP2_CODE,
  type Metadata,
  type TransportError,
  type TransportStream,
} from './transport.ts';

export interface ClientCallHandler {
  onHeaders?(metadata: Metadata): void;
  onMessage(bytes: Uint8Array): void;
  /** Follows a `send` that returned false. */
  onDrain?(): void;
  /** The last call, exactly once. */
  onStatus(status: GrpcStatus, trailers: Metadata): void;
}

export interface ClientCall {
  readonly open: boolean;
  readonly writable: boolean;
  send(...parts: readonly Uint8Array[]): boolean;
  halfClose(): void;
  cancel(): void;
  pause(): void;
  resume(): void;
}

export interface ClientCallOptions {
  readonly metadata?: Metadata;
  readonly timeoutMs?: number;
  /** Wait for a connection through failed attempts, instead of failing with the first. */
  readonly waitForReady?: boolean;
}

export interface ClientCallContext {
  readonly clock: Clock;
  readonly dialer: GrpcDialer;
  readonly messageBytesMax: number;
  readonly gunzip: Gunzip | undefined;
  readonly userAgent: string;
  /** Called once when the call has ended. */
  readonly ended: (call: StreamClientCall) => void;
}

export class StreamClientCall implements ClientCall {
  readonly options: ClientCallOptions;
  readonly #path: string;
  readonly #handler: ClientCallHandler;
  readonly #context: ClientCallContext;
  readonly #deadline: number | undefined;
  #stream: TransportStream | undefined;
  #decoder: FrameDecoder | undefined;
  #timer: Timer | undefined;
  #queued: (readonly Uint8Array[])[] = [];
  #halfClosed = false;
  #blocked = false;
  #open = true;
  #headersSeen = false;
  #trailers: Metadata | undefined;

  constructor(path: string, handler: ClientCallHandler, options: ClientCallOptions, context: ClientCallContext) {
    this.#path = path;
    this.#handler = handler;
    this.options = options;
    this.#context = context;
    if (options.timeoutMs !== undefined) {
      this.#deadline = context.clock.now() + options.timeoutMs;
      this.#timer = context.clock.setTimer(options.timeoutMs, () => this.#abort(GRPC_ERRORS.deadline), { unref: true });
    }
  }

  get open(): boolean {
    return this.#open;
  }

  get writable(): boolean {
    return this.#open && !this.#blocked;
  }

  /** Puts the call on a connection. False when the connection is closing. */
  attach(connection: GrpcConnection): boolean {
    if (!this.#open) return true;
    const stream = connection.openStream(this.#head(), {
      onHeaders: (headers, endStream) => this.#onHeaders(headers, endStream),
      onTrailers: (trailers) => {
        this.#trailers = trailers;
      },
      onData: (data) => this.#onData(data),
      onEnd: () => this.#onEnd(),
      onDrain: () => {
        this.#blocked = false;
        if (this.#open) this.#handler.onDrain?.();
      },
      onClose: (error) => this.#onClose(error),
    });
    if (stream === undefined) return false;
    this.#stream = stream;
    const wasBlocked = this.#blocked;
    this.#blocked = false;
    for (const parts of this.#queued) this.#blocked = !stream.write(parts);
    this.#queued = [];
    if (this.#halfClosed) stream.end();
    if (wasBlocked && !this.#blocked && this.#open) this.#handler.onDrain?.();
    return true;
  }

  /** Ends the call without a server's word. */
  fail(status: GrpcStatus): void {
    this.#finish(status, {});
  }

  send(...parts: readonly Uint8Array[]): boolean {
    if (!this.#open || this.#halfClosed) return false;
    const framed = frame(parts);
    if (this.#stream !== undefined) {
      this.#blocked = !this.#stream.write(framed);
      return !this.#blocked;
    }
    if (this.#queued.length >= GRPC_LIMITS.queuedMessagesMax) {
      this.fail(GRPC_ERRORS.queueFull);
      return false;
    }
    this.#queued.push(framed);
    this.#blocked = this.#queued.length >= GRPC_LIMITS.queuedMessagesMax / 2;
    return !this.#blocked;
  }

  halfClose(): void {
    if (this.#halfClosed || !this.#open) return;
    this.#halfClosed = true;
    this.#stream?.end();
  }

  cancel(): void {
    this.#abort(GRPC_ERRORS.cancelled);
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  #head(): Metadata {
    const { dialer, clock, userAgent } = this.#context;
    const head: Record<string, string | readonly string[] | undefined> = {
      ':method': 'POST',
      ':scheme': dialer.scheme,
      ':path': this.#path,
      ':authority': dialer.authority,
      te: 'trailers',
      'content-type': 'application/grpc',
      'user-agent': userAgent,
      'grpc-accept-encoding': this.#context.gunzip === undefined ? 'identity' : 'identity,gzip',
    };
    if (this.#deadline !== undefined) head['grpc-timeout'] = formatTimeout(this.#deadline - clock.now());
    return { ...this.options.metadata, ...head };
  }

  #onHeaders(headers: Metadata, endStream: boolean): void {
    if (!this.#open) return;
    if (endStream) {
      this.#trailers = headers;
      const status = statusOf(headers) ?? statusOfHead(headers) ?? GRPC_ERRORS.noStatus;
      this.#finish(status, applicationMetadata(headers));
      return;
    }
    const refusal = statusOfHead(headers);
    if (refusal !== undefined) {
      this.#abort(refusal);
      return;
    }
    const encoding = messageEncoding(headers, this.#context.gunzip !== undefined);
    if (!encoding.ok) {
      this.#abort(encoding.status);
      return;
    }
    this.#headersSeen = true;
    this.#decoder = new FrameDecoder(this.#context.messageBytesMax, encoding.gzip ? this.#context.gunzip : undefined);
    this.#handler.onHeaders?.(applicationMetadata(headers));
  }

  #onData(data: Uint8Array): void {
    if (!this.#open || this.#decoder === undefined) return;
    const failure = this.#decoder.push(data, (bytes) => {
      if (this.#open) this.#handler.onMessage(bytes);
    });
    if (failure !== undefined) this.#abort(failure);
  }

  #onEnd(): void {
    if (!this.#open) return;
    const trailers = this.#trailers ?? {};
    const status = statusOf(trailers);
    if (status?.code === GRPC_STATUS.ok && this.#decoder?.empty === false) this.#finish(GRPC_ERRORS.truncated, {});
    else if (status !== undefined) this.#finish(status, applicationMetadata(trailers));
    else if (this.#headersSeen) this.#finish(GRPC_ERRORS.noStatus, {});
  }

  #onClose(error: TransportError | undefined): void {
    if (!this.#open) return;
    if (this.#trailers !== undefined) this.#onEnd();
    else if (error === undefined) this.#finish(GRPC_ERRORS.noStatus, {});
    else if (error.kind === 'reset')
      this.#finish({ code: statusFromReset(error.http2Code), message: error.message }, {});
    else this.#finish({ code: GRPC_STATUS.unavailable, message: error.message }, {});
  }

  #abort(status: GrpcStatus): void {
    if (!this.#open) return;
    const stream = this.#stream;
    this.#finish(status, {});
    stream?.reset(HTTP2_CODE.cancel);
  }

  #finish(status: GrpcStatus, trailers: Metadata): void {
    if (!this.#open) return;
    this.#open = false;
    this.#timer?.cancel();
    this.#queued = [];
    this.#context.ended(this);
    this.#handler.onStatus(status, trailers);
  }
}
