// One stream of an HTTP/2 connection: its windows, its queue of unsent body, and which sides have ended (RFC 9113 §5).
import type { HeaderBlock } from '../http/headers.ts';
import type {
  ClientStream,
  ClientStreamHandler,
  RequestHead,
  ResetReason,
  ResponseHead,
  ServerStream,
  ServerStreamHandler,
} from '../http/stream.ts';
import { BodyQueue } from './body-queue.ts';
import type { H2Connection } from './connection.ts';
import { codeForReset } from './errors.ts';
import { fieldsOfRequest, fieldsOfResponse, fieldsOfTrailers } from './head.ts';
import type { WaitingStream } from './stream-waiters.ts';

/** Queued body above this stops the sender; half of it wakes it. */
const QUEUE_HIGH_BYTES = 64 * 1024;

export type StreamHandler = ServerStreamHandler | ClientStreamHandler;

export class H2Stream implements ServerStream, ClientStream, WaitingStream<H2Stream> {
  readonly version = '2' as const;
  readonly connection: H2Connection;
  readonly id: number;
  handler: StreamHandler;
  sendWindow: number;
  recvWindow: number;
  localEnded = false;
  remoteEnded = false;
  closed = false;
  headSeen = false;
  /** The response, or as a client the request, has begun. */
  headSent = false;
  /** Of content-length; -1 = none. */
  expectedBytes = -1;
  receivedBytes = 0;
  /** A response to HEAD or a 204/304 declares a length and carries no body. */
  bodyless = false;
  /** CONNECT: either direction may end by itself. */
  tunnel = false;
  /** Received bytes whose window is not given back while the reader is paused. */
  withheldCredit = 0;
  paused = false;
  nextWaiting: H2Stream | undefined = undefined;
  previousWaiting: H2Stream | undefined = undefined;
  waitsForWindow = false;
  waitsForDrain = false;
  readonly #queue = new BodyQueue();
  #endAfterQueue = false;
  #trailers: HeaderBlock | undefined = undefined;
  #wantsDrain = false;

  constructor(connection: H2Connection, id: number, handler: StreamHandler) {
    this.connection = connection;
    this.id = id;
    this.handler = handler;
    this.sendWindow = connection.peerInitialWindow;
    this.recvWindow = connection.limits.streamWindowBytes;
  }

  get queuedBytes(): number {
    return this.closed ? 0 : this.#queue.bytes;
  }

  /** More body than content-length says, or at its end another amount (RFC 9113 §8.1.1). */
  lengthIsWrong(end: boolean): boolean {
    if (this.expectedBytes < 0) return false;
    return (
      this.receivedBytes > this.expectedBytes || (end && !this.bodyless && this.receivedBytes !== this.expectedBytes)
    );
  }

  sendInformational(status: number, headers: HeaderBlock): void {
    // Endpoints may say as many as they like, and no window bounds them: who does not read goes without.
    if (this.closed || this.localEnded || this.connection.congested) return;
    this.connection.writer.headers(
      this.id,
      fieldsOfResponse({ status, headers }),
      false,
      this.connection.peerFrameBytesMax,
    );
  }

  sendHead(head: ResponseHead | RequestHead, end: boolean): void {
    if (this.closed || this.localEnded) return;
    this.headSent = true;
    const fields = 'status' in head ? fieldsOfResponse(head) : fieldsOfRequest(head);
    if ('method' in head && head.method === 'HEAD') this.bodyless = true;
    if ('status' in head && head.status >= 300) this.tunnel = false;
    this.connection.writer.headers(this.id, fields, end, this.connection.peerFrameBytesMax);
    if (end) this.#finishLocal();
  }

  sendData(data: Uint8Array, end: boolean): boolean {
    if (this.closed || this.localEnded || this.#endAfterQueue) return true;
    if (this.#queue.bytes > 0 || data.length > this.#room()) {
      this.#queue.push(data);
      if (end) this.#endAfterQueue = true;
      this.flushQueue();
    } else {
      this.#write(data, end);
    }
    const pause = this.#queue.bytes > QUEUE_HIGH_BYTES || this.connection.congested;
    if (pause && !this.closed) {
      this.#wantsDrain = true;
      this.connection.waitForDrain(this);
    }
    return !pause;
  }

  sendTrailers(trailers: HeaderBlock): void {
    if (this.closed || this.localEnded || this.#endAfterQueue) return;
    if (this.#queue.bytes > 0) {
      this.#trailers = trailers;
      this.#endAfterQueue = true;
      return;
    }
    this.connection.writer.headers(this.id, fieldsOfTrailers(trailers), true, this.connection.peerFrameBytesMax);
    this.#finishLocal();
  }

  /** A reset by our side: no call reaches the handler any more. */
  reset(reason: ResetReason): void {
    if (this.closed) return;
    this.connection.writer.reset(this.id, codeForReset(reason));
    this.connection.forget(this);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (!this.closed && !this.remoteEnded) this.connection.creditLater(this, 0);
  }

  /** Sends what the windows now allow. Called when one of them grew. */
  flushQueue(): void {
    while (this.#queue.bytes > 0 && !this.closed) {
      const room = this.#room();
      if (room <= 0) {
        this.connection.waitForWindow(this);
        break;
      }
      const data = this.#queue.first(room);
      const last = data.length === this.#queue.bytes;
      this.#write(data, last && this.#endAfterQueue && this.#trailers === undefined);
      this.#queue.drop(data.length);
    }
    if (this.#queue.bytes === 0 && this.#endAfterQueue && !this.localEnded && !this.closed) this.#sendEnd();
  }

  /** The connection's output or this stream's queue shrank. */
  drained(): boolean {
    if (!this.#wantsDrain || this.closed) return true;
    if (this.#queue.bytes > QUEUE_HIGH_BYTES / 2) return false;
    this.#wantsDrain = false;
    this.handler.onDrain();
    return true;
  }

  #sendEnd(): void {
    if (this.#trailers === undefined) {
      this.connection.writer.data(this.id, new Uint8Array(0), true);
    } else {
      this.connection.writer.headers(
        this.id,
        fieldsOfTrailers(this.#trailers),
        true,
        this.connection.peerFrameBytesMax,
      );
    }
    this.#finishLocal();
  }

  #room(): number {
    return Math.min(this.sendWindow, this.connection.sendWindow);
  }

  #write(data: Uint8Array, end: boolean): void {
    const max = this.connection.peerFrameBytesMax;
    this.connection.noteProgress(Math.max(1, Math.ceil(data.length / max)));
    this.sendWindow -= data.length;
    this.connection.sendWindow -= data.length;
    let from = 0;
    while (data.length - from > max) {
      this.connection.writer.data(this.id, data.subarray(from, from + max), false);
      from += max;
    }
    this.connection.writer.data(this.id, from === 0 ? data : data.subarray(from), end);
    if (end) this.#finishLocal();
  }

  #finishLocal(): void {
    this.localEnded = true;
    this.connection.settle(this);
  }
}
