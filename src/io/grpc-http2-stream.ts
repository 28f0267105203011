// One node:http2 stream in the shape that gRPC needs, for both roles.
import { constants, type Http2Session, type Http2Stream, type ServerHttp2Stream } from 'node:http2';
import type { Metadata, TransportError, TransportHandler, TransportStream } from '#wire/grpc';

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;
/** How long a client that was told its call's end may go on sending, until its stream is reset. */
const LINGER_MS = 1000;

export class Http2GrpcStream implements TransportStream {
  handler: TransportHandler;
  readonly #stream: Http2Stream;
  /** A closed stream no longer knows its own. */
  readonly #session: Http2Session | undefined;
  readonly #connectionReason: () => string;
  #trailers: Metadata | undefined;
  #ended = false;
  #error = '';

  /** `connectionReason`: why the connection ended, '' where nobody said. */
  constructor(stream: Http2Stream, handler: TransportHandler, connectionReason: () => string = () => '') {
    this.#stream = stream;
    this.#session = stream.session;
    this.#connectionReason = connectionReason;
    this.handler = handler;
    stream.on('data', (data: Buffer) => this.handler.onData(data));
    // A stream that is cut with its connection ends too; that is no word of the peer's.
    stream.on('end', () => {
      if (!this.#cut) this.handler.onEnd();
    });
    stream.on('drain', () => this.handler.onDrain());
    stream.on('error', (error: Error) => {
      this.#error = error.message;
    });
    stream.on('wantTrailers', () => {
      (stream as ServerHttp2Stream).sendTrailers(outgoing(this.#trailers ?? {}));
    });
    stream.on('finish', () => this.#finished());
    // Node closes a stream that its peer has reset only when all is read: nobody reads what was paused.
    stream.on('aborted', () => stream.removeAllListeners('data').resume());
    stream.on('close', () => this.handler.onClose(this.#closeReason()));
  }

  get queuedBytes(): number {
    return this.#stream.writableLength;
  }

  sendHeaders(headers: Metadata): void {
    const stream = this.#stream as ServerHttp2Stream;
    if (!stream.destroyed && !stream.headersSent) stream.respond(outgoing(headers), { waitForTrailers: true });
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const stream = this.#stream;
    if (stream.destroyed || this.#ended) return false;
    stream.cork();
    let more = true;
    for (const chunk of chunks) more = stream.write(chunk);
    stream.uncork();
    return more;
  }

  end(trailers?: Metadata): void {
    const stream = this.#stream;
    if (stream.destroyed || this.#ended) return;
    this.#ended = true;
    if (trailers === undefined) {
      stream.end();
    } else if ((stream as ServerHttp2Stream).headersSent) {
      this.#trailers = trailers;
      stream.end();
    } else {
      (stream as ServerHttp2Stream).respond(outgoing(trailers), { endStream: true });
      this.#finished();
    }
  }

  reset(http2Code: number): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    // A response that has been ended goes out whole before the stream is closed.
    if (this.#ended && http2Code === NGHTTP2_NO_ERROR) return;
    stream.close(http2Code);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /**
   * A server that has said all tells a client that still sends to stop (RFC 9113 §8.1): not at once, because
   * nghttp2 drops trailers that still wait in this process when their stream is reset.
   */
  #finished(): void {
    const stream = this.#stream;
    if (stream.session?.type !== constants.NGHTTP2_SESSION_SERVER || stream.readableEnded) return;
    const stop = (): void => {
      if (!stream.destroyed && !stream.readableEnded) stream.close(NGHTTP2_NO_ERROR);
    };
    const timer = setTimeout(() => setImmediate(stop), LINGER_MS).unref();
    stream.once('close', () => clearTimeout(timer));
  }

  get #cut(): boolean {
    return this.#session === undefined || this.#session.destroyed;
  }

  #closeReason(): TransportError | undefined {
    const code = this.#stream.rstCode ?? NGHTTP2_CANCEL;
    const cut = this.#cut;
    if (code === NGHTTP2_NO_ERROR && this.#error === '') {
      if (!cut) return undefined;
      return { kind: 'closed', http2Code: code, message: this.#connectionReason() || 'the connection was closed' };
    }
    const message = this.#error === '' ? `the stream was reset with HTTP/2 code ${code}` : this.#error;
    if (code === NGHTTP2_REFUSED_STREAM) return { kind: 'refused', http2Code: code, message };
    if (cut) return { kind: 'closed', http2Code: code, message: `the connection was closed: ${message}` };
    return { kind: 'reset', http2Code: code, message };
  }
}

/** Node's header type has neither undefined values nor read-only lists. */
export function outgoing(headers: Metadata): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) out[name] = typeof value === 'string' ? value : [...value];
  }
  return out;
}
