// Serves gRPC calls from transport streams: the table of methods and the checks before a method runs.
import { type Clock, type Logger, silentLogger } from '#base';
import { GRPC_ERRORS, GrpcError } from './errors.ts';
import type { Gunzip } from './frame.ts';
import { GRPC_LIMITS } from './limits.ts';
import { isGrpcContentType, messageEncoding, metadataValue, statusTrailers } from './metadata.ts';
import { type ServerCall, type ServerCallHandler, StreamServerCall } from './server-call.ts';
import { GRPC_STATUS, type GrpcStatus } from './status.ts';
import { parseTimeout } from './timeout.ts';
import type { Metadata, ServerTransportStream } from './transport.ts';

/** Called at a call's headers; the result receives what the client sends. Throw a GrpcError to refuse. */
export type MethodHandler = (call: ServerCall) => ServerCallHandler;

export interface GrpcServerOptions {
  readonly clock: Clock;
  readonly log?: Logger;
  readonly messageBytesMax?: number;
  readonly gunzip?: Gunzip;
}

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #log: Logger;
  readonly #methods = new Map<string, MethodHandler>();
  readonly #calls = new Set<StreamServerCall>();

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
  }

  /** `path` is '/package.Service/Method'. */
  register(path: string, handler: MethodHandler): this {
    this.#methods.set(path, handler);
    return this;
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /** Takes a new stream from the transport. */
  accept(stream: ServerTransportStream): void {
    const path = metadataValue(stream.headers, ':path') ?? '';
    if (
      metadataValue(stream.headers, ':method') !== 'POST' ||
      !isGrpcContentType(metadataValue(stream.headers, 'content-type'))
    ) {
      refuse(stream, { ':status': '415' });
      return;
    }
    const handler = this.#methods.get(path);
    if (handler === undefined) {
      refuseWith(stream, GRPC_ERRORS.unknownMethod(path));
      return;
    }
    const encoding = messageEncoding(stream.headers, this.#options.gunzip !== undefined);
    if (!encoding.ok) {
      refuseWith(stream, encoding.status);
      return;
    }
    const timeoutText = metadataValue(stream.headers, 'grpc-timeout');
    const timeoutMs = timeoutText === undefined ? undefined : parseTimeout(timeoutText);
    if (timeoutText !== undefined && timeoutMs === undefined) {
      refuseWith(stream, GRPC_ERRORS.badTimeout(timeoutText));
      return;
    }
    const call = new StreamServerCall(stream, {
      path,
      clock: this.#options.clock,
      messageBytesMax: this.#options.messageBytesMax ?? GRPC_LIMITS.messageBytesMax,
      gunzip: encoding.gzip ? this.#options.gunzip : undefined,
      timeoutMs,
    });
    this.#run(call, handler);
  }

  /** Ends every open call as unavailable, so that clients go elsewhere. */
  endAll(message: string): void {
    for (const call of [...this.#calls]) call.end({ code: GRPC_STATUS.unavailable, message });
  }

  #run(call: StreamServerCall, handler: MethodHandler): void {
    this.#calls.add(call);
    let inner: ServerCallHandler;
    try {
      inner = handler(call);
    } catch (error) {
      inner = { onMessage: () => {}, onHalfClose: () => {} };
      call.end(this.#statusOfThrown(call.path, error));
    }
    const guard = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        call.end(this.#statusOfThrown(call.path, error));
      }
    };
    call.start({
      onMessage: (bytes) => guard(() => inner.onMessage(bytes)),
      onHalfClose: () => guard(() => inner.onHalfClose()),
      onDrain: () => guard(() => inner.onDrain?.()),
      onClosed: (status) => {
        this.#calls.delete(call);
        inner.onClosed?.(status);
      },
    });
    if (!call.open) this.#calls.delete(call);
  }

  #statusOfThrown(path: string, error: unknown): GrpcStatus {
    if (error instanceof GrpcError) return error.status;
    this.#log.error('a gRPC method failed', {
      path,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return { code: GRPC_STATUS.internal, message: 'the method failed; its server has logged why' };
  }
}

/** A method of one request and one response. */
export function unaryMethod(
  run: (request: Uint8Array, call: ServerCall) => Promise<Uint8Array> | Uint8Array,
): MethodHandler {
  return (call) => {
    let request: Uint8Array | undefined;
    return {
      onMessage(bytes) {
        if (request !== undefined) throw new GrpcError(GRPC_STATUS.internal, GRPC_ERRORS.unaryCount(2).message);
        request = bytes;
      },
      onHalfClose() {
        if (request === undefined) throw new GrpcError(GRPC_STATUS.internal, GRPC_ERRORS.unaryCount(0).message);
        const answer = run(request, call);
        if (answer instanceof Uint8Array) finish(call, answer);
        else
          answer.then(
            (bytes) => finish(call, bytes),
            (error: unknown) =>
              call.end(
                error instanceof GrpcError
                  ? error.status
                  : { code: GRPC_STATUS.internal, message: 'the method failed' },
              ),
          );
      },
    };
  };
}

function finish(call: ServerCall, bytes: Uint8Array): void {
  call.send(bytes);
  call.end();
}

function refuseWith(stream: ServerTransportStream, status: GrpcStatus): void {
  refuse(stream, { ':status': '200', 'content-type': 'application/grpc', ...statusTrailers(status) });
}

function refuse(stream: ServerTransportStream, headers: Metadata): void {
  const nothing = (): void => {};
  stream.handler = { onData: nothing, onEnd: nothing, onDrain: nothing, onClose: nothing };
  stream.end(headers);
}
