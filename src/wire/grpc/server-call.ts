// One call on the server's side: frames in, frames out, deadline, exactly one status.
import type { Clock, Timer } from '#base';
import { GRPC_ERRORS } from './errors.ts';
import { frame, FrameDecoder, type Gunzip } from './frame.ts';
import { applicationMetadata, statusTrailers } from './metadata.ts';
import { GRPC_OK, GRPC_STATUS, type GrpcStatus } from './status.ts';
import {
  type GrpcPeer,
  HTTP2_CODE,
  type Metadata,
  type ServerTransportStream,
  type TransportError,
} from './transport.ts';

export interface ServerCallHandler {
  onMessage(bytes: Uint8Array): void;
  /** The client will send no more. */
  onHalfClose(): void;
  /** Follows a `send` that returned false. */
  onDrain?(): void;
  /** The last call, exactly once, however the call ended; nothing can be sent any more. */
  onClosed?(status: GrpcStatus): void;
}

export interface ServerCall {
  /** '/package.Service/Method' */
  readonly path: string;
  readonly metadata: Metadata;
  readonly peer: GrpcPeer;
  /** Monotonic; undefined without a deadline. */
  readonly deadline: number | undefined;
  readonly open: boolean;
  /** False: the receiver is slow; only the latest state is worth sending, after `onDrain`. */
  readonly writable: boolean;
  /** Headers go out with the first message unless this was called before. */
  sendHeaders(metadata?: Metadata): void;
  /** One message, given in parts that may be shared between calls. False: stop until `onDrain`. */
  send(...parts: readonly Uint8Array[]): boolean;
  end(status?: GrpcStatus, trailers?: Metadata): void;
  pause(): void;
  resume(): void;
}

export interface ServerCallOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly messageBytesMax: number;
  readonly gunzip: Gunzip | undefined;
  readonly timeoutMs: number | undefined;
}

export class StreamServerCall implements ServerCall {
  readonly path: string;
  readonly metadata: Metadata;
  readonly peer: GrpcPeer;
  readonly deadline: number | undefined;
  readonly #stream: ServerTransportStream;
  readonly #decoder: FrameDecoder;
  #handler: ServerCallHandler | undefined;
  #timer: Timer | undefined;
  #headersSent = false;
  #blocked = false;
  #open = true;

  constructor(stream: ServerTransportStream, options: ServerCallOptions) {
    this.#stream = stream;
    this.path = options.path;
    this.metadata = applicationMetadata(stream.headers);
    this.peer = stream.peer;
    this.#decoder = new FrameDecoder(options.messageBytesMax, options.gunzip);
    if (options.timeoutMs !== undefined) {
      this.deadline = options.clock.now() + options.timeoutMs;
      this.#timer = options.clock.setTimer(options.timeoutMs, () => this.end(GRPC_ERRORS.deadline), { unref: true });
    }
  }

  /** Begins to read; before, nothing of the request is looked at. */
  start(handler: ServerCallHandler): void {
    this.#handler = handler;
    this.#stream.handler = {
      onData: (data) => this.#read(data),
      onEnd: () => this.#readEnd(),
      onDrain: () => {
        this.#blocked = false;
        if (this.#open) handler.onDrain?.();
      },
      onGivenUp: (reason) => this.end({ code: GRPC_STATUS.unavailable, message: reason }),
      onClose: (error) => this.#transportClosed(error),
    };
    if (!this.#open) this.#handler.onClosed?.(GRPC_ERRORS.deadline);
  }

  get open(): boolean {
    return this.#open;
  }

  get writable(): boolean {
    return this.#open && !this.#blocked;
  }

  sendHeaders(metadata: Metadata = {}): void {
    if (this.#headersSent || !this.#open) return;
    this.#headersSent = true;
    this.#stream.sendHeaders({
      ':status': '200',
      'content-type': 'application/grpc',
      'grpc-accept-encoding': 'identity,gzip',
      ...metadata,
    });
  }

  send(...parts: readonly Uint8Array[]): boolean {
    if (!this.#open) return false;
    this.sendHeaders();
    this.#blocked = !this.#stream.write(frame(parts));
    return !this.#blocked;
  }

  end(status: GrpcStatus = GRPC_OK, trailers: Metadata = {}): void {
    if (!this.#open) return;
    const block = statusTrailers(status, trailers);
    this.#stream.end(this.#headersSent ? block : { ':status': '200', 'content-type': 'application/grpc', ...block });
    this.#close(status);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #read(data: Uint8Array): void {
    if (!this.#open) return;
    const failure = this.#decoder.push(data, (bytes) => {
      if (this.#open) this.#handler?.onMessage(bytes);
    });
    if (failure === undefined) return;
    this.end(failure);
    this.#stream.reset(HTTP2_CODE.noError);
  }

  #readEnd(): void {
    if (!this.#open) return;
    if (!this.#decoder.empty) this.end(GRPC_ERRORS.truncated);
    else this.#handler?.onHalfClose();
  }

  #transportClosed(error: TransportError | undefined): void {
    this.#close({ code: GRPC_STATUS.cancelled, message: error?.message ?? 'the client went away' });
  }

  #close(status: GrpcStatus): void {
    if (!this.#open) return;
    this.#open = false;
    this.#timer?.cancel();
    this.#handler?.onClosed?.(status);
  }
}
