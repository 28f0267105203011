// The server role of HTTP/2: turns streams that the client opens into requests (RFC 9113 §8).
import { type Conn, type ConnError, consumeSome } from '#base';
import { HeaderBlock } from '../http/headers.ts';
import type { HeadBounds, RequestAcceptor, ServerStreamHandler } from '../http/stream.ts';
import { H2Connection } from './connection.ts';
import { ConnectionError, H2_ERROR } from './errors.ts';
import { CLIENT_PREFACE, SETTING } from './frame.ts';
import type { H2Violation } from './flood-guard.ts';
import type { H2Options } from './h2-options.ts';
import { H2Stream } from './h2-stream.ts';
import { contentLength, requestFromFields, trailersFromFields } from './head.ts';
import { h2HeadLimits } from './limits.ts';

/** Stands in until the acceptor has made the real handler. */
const NOBODY: ServerStreamHandler = { onData: () => {}, onTrailers: () => {}, onDrain: () => {}, onReset: () => {} };

/** Streams that a client may open above our limit before it has acknowledged it. */
const EARLY_REFUSALS_MAX = 1000;
/** In Envoy's word first. */
const TOO_LARGE = 'http2.too_many_headers: the header list is too large';

export interface H2ServerObserver {
  /** A stream is over; how many are left. */
  onStreamClosed(open: number): void;
  onConnectionClosed(error: ConnError | undefined): void;
  /** The connection ends for a breach by the client. */
  onViolation?(violation: H2Violation): void;
  /** Our end is sent: the owner bounds how long the client may take to close. */
  onClosing?(): void;
  /** A header block has begun and is not whole. `false`: it is now. */
  onHeadPending?(pending: boolean): void;
}

export class H2ServerConnection extends H2Connection {
  readonly #acceptor: RequestAcceptor;
  readonly #observer: H2ServerObserver | undefined;
  #prefaceLeft: number = CLIENT_PREFACE.length;
  #earlyRefusals = 0;

  constructor(conn: Conn, acceptor: RequestAcceptor, options: H2Options, observer?: H2ServerObserver) {
    super(conn, options);
    this.#acceptor = acceptor;
    this.#observer = observer;
    const extra: (readonly [number, number])[] = [
      [SETTING.MAX_CONCURRENT_STREAMS, options.limits.concurrentStreamsMax],
    ];
    if (options.connectProtocol === true) extra.push([SETTING.ENABLE_CONNECT_PROTOCOL, 1]);
    this.sendOpening(new Uint8Array(0), extra);
  }

  protected override consume(data: Buffer): void {
    let rest = data;
    if (this.#prefaceLeft > 0) {
      const n = Math.min(this.#prefaceLeft, data.length);
      const from = CLIENT_PREFACE.length - this.#prefaceLeft;
      if (!data.subarray(0, n).equals(CLIENT_PREFACE.subarray(from, from + n))) {
        throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'the connection preface is wrong (RFC 9113 §3.4)');
      }
      this.#prefaceLeft -= n;
      consumeSome(data, n);
      rest = data.subarray(n);
    }
    if (rest.length > 0) super.consume(rest);
  }

  protected onHeaders(streamId: number, fields: readonly string[], end: boolean, tooLarge: boolean): void {
    const open = this.streams.get(streamId);
    if (open !== undefined) {
      this.#onTrailers(open, fields, end, tooLarge);
      return;
    }
    if (streamId % 2 === 0)
      throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'a client opened an even stream (RFC 9113 §5.1.1)');
    if (streamId <= this.lastStreamId) {
      this.lateFrame(streamId, 'HEADERS');
      return;
    }
    this.lastStreamId = streamId;
    // It crossed the GOAWAY, whose id tells the client to ask elsewhere (RFC 9113 §6.8).
    if (this.finalGoaway) return this.graves.add(streamId, this.limits.streamWindowBytes);
    if (this.streams.size >= this.limits.concurrentStreamsMax) {
      this.#refuse(streamId);
      // Until our SETTINGS are acknowledged, the client could not know.
      if (this.settingsAcknowledged || ++this.#earlyRefusals > EARLY_REFUSALS_MAX) this.floods.wasted();
      return;
    }
    if (!this.floods.opened(this.writer.queuedBytes)) return this.#refuse(streamId);
    const stream = new H2Stream(this, streamId, NOBODY);
    stream.headSeen = true;
    this.streams.add(stream);
    if (tooLarge) {
      stream.remoteEnded = end;
      this.#answerTooLarge(stream);
      if (!stream.closed) stream.reset('local-reset');
      // One of them is what the answer earned.
      this.floods.wasted(2);
      return;
    }
    this.#open(stream, fields, end);
  }

  /** From the next header block on; what was announced stays as it was. */
  limitHeads(bounds: HeadBounds): void {
    const { headerListBytesMax, headersMax } = this.limits;
    if (headerListBytesMax === bounds.headBytesMax && headersMax === bounds.fieldsMax) return;
    this.limits = { ...this.limits, ...h2HeadLimits(bounds) };
  }

  /** What the client sends on it before it knows is nobody's fault. */
  #refuse(streamId: number): void {
    this.writer.reset(streamId, H2_ERROR.REFUSED_STREAM);
    this.graves.add(streamId, this.limits.streamWindowBytes);
  }

  #answerTooLarge(stream: H2Stream): void {
    const body = this.#acceptor.refusalBody?.(431, TOO_LARGE) ?? '';
    this.#acceptor.onProtocolError(431, TOO_LARGE);
    const headers = new HeaderBlock();
    if (body !== '') headers.push('content-type', 'content-type', 'text/plain');
    stream.sendHead({ status: 431, headers }, body === '');
    if (body !== '') stream.sendData(Buffer.from(body, 'utf8'), true);
  }

  #open(stream: H2Stream, fields: readonly string[], end: boolean): void {
    const head = requestFromFields(fields);
    const length = head.ok ? contentLength(head.value.headers) : -1;
    if (!head.ok || length === undefined || (end && length > 0)) {
      const detail = head.ok ? 'content-length is malformed or does not match (RFC 9113 §8.1.1)' : head.detail;
      this.#acceptor.onProtocolError(400, detail);
      this.writer.reset(stream.id, H2_ERROR.PROTOCOL_ERROR);
      this.forget(stream);
      this.floods.wasted();
      return;
    }
    stream.expectedBytes = length;
    stream.remoteEnded = end;
    stream.tunnel = head.value.method === 'CONNECT' || head.value.protocol !== '';
    stream.handler = this.#acceptor.onRequest(stream, head.value, end);
    if (end) this.settle(stream);
  }

  #onTrailers(stream: H2Stream, fields: readonly string[], end: boolean, tooLarge: boolean): void {
    if (stream.remoteEnded) {
      this.streamError(stream, H2_ERROR.STREAM_CLOSED, 'HEADERS after the end of the stream (RFC 9113 §5.1)');
      return;
    }
    const trailers = trailersFromFields(fields);
    const shortBody = stream.expectedBytes >= 0 && stream.receivedBytes !== stream.expectedBytes;
    if (!end || tooLarge || !trailers.ok || shortBody) {
      const detail = !trailers.ok
        ? trailers.detail
        : !end
          ? 'a second HEADERS without END_STREAM (RFC 9113 §8.1)'
          : 'trailers are too large or the body is short';
      this.streamError(stream, H2_ERROR.PROTOCOL_ERROR, detail);
      return;
    }
    stream.remoteEnded = true;
    stream.handler.onTrailers(trailers.value);
    this.settle(stream);
  }

  /** The response is whole: what is left of the request is of no use (RFC 9113 §8.1), but a tunnel may be half closed. */
  override settle(stream: H2Stream): void {
    if (stream.localEnded && !stream.remoteEnded && !stream.tunnel) {
      this.writer.reset(stream.id, H2_ERROR.NO_ERROR);
      this.forget(stream);
    } else super.settle(stream);
  }

  override fail(code: number, detail: string, violation: H2Violation = 'protocol_errors'): void {
    if (!this.closing) this.#observer?.onViolation?.(violation);
    super.fail(code, detail, violation);
  }

  protected streamWasted(): void {
    this.floods.wasted();
  }

  protected lingers(): boolean {
    if (this.#observer?.onClosing === undefined) return false;
    this.#observer.onClosing();
    return true;
  }

  protected override headPending(pending: boolean): void {
    this.#observer?.onHeadPending?.(pending);
  }

  protected streamEnded(): void {
    this.#observer?.onStreamClosed(this.streams.size);
  }

  /** The client asks for nothing more, and closes when it wants to. */
  protected onPeerGoaway(): void {}

  protected connectionClosed(error: ConnError | undefined): void {
    this.#observer?.onConnectionClosed(error);
  }
}
