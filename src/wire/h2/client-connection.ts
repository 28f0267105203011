// The client role of HTTP/2: opens streams, hands responses to their handlers, and says when it can take no more (RFC 9113 §8).
import type { Conn, ConnError } from '#base';
import type { ClientStream, ClientStreamHandler } from '../http/stream.ts';
import { H2Connection } from './connection.ts';
import { H2_ERROR } from './errors.ts';
import { CLIENT_PREFACE, SETTING, WINDOW_MAX } from './frame.ts';
import type { H2Options } from './h2-options.ts';
import { H2Stream } from './h2-stream.ts';
import type { Goaway } from './payload.ts';
import { contentLength, responseFromFields, trailersFromFields } from './head.ts';

export interface H2ClientObserver {
  /** `canOpen`, the number of open streams or the peer's settings changed. */
  onCapacity(): void;
  /** No new stream will be taken; those under way go on. */
  onGoaway(code: number, debug: string): void;
  onConnectionClosed(error: ConnError | undefined): void;
}

export class H2ClientConnection extends H2Connection {
  /** It ended with streams under way. */
  brokeOff = false;
  override readonly peerIsServer = true;
  readonly #observer: H2ClientObserver;
  #nextId = 1;
  #answered = false;
  /** It ends with its last stream. */
  #retired = false;
  readonly #concurrentMax: number;

  /** `concurrentMax`: our own bound on streams under way; the peer's applies too. */
  constructor(conn: Conn, observer: H2ClientObserver, options: H2Options & { readonly concurrentMax: number }) {
    super(conn, options);
    this.#observer = observer;
    this.#concurrentMax = options.concurrentMax;
    this.sendOpening(CLIENT_PREFACE, [[SETTING.ENABLE_PUSH, 0]]);
  }

  get activeStreams(): number {
    return this.streams.size;
  }

  /** It takes no more streams, and those under way may go on. */
  get leaving(): boolean {
    return this.closing || this.goawayReceived || this.goawaySent || this.#retired;
  }

  get canOpen(): boolean {
    return (
      !this.leaving &&
      this.#nextId < WINDOW_MAX - 2 &&
      this.streams.size < Math.min(this.#concurrentMax, this.peerConcurrentStreamsMax)
    );
  }

  /** Undefined when `canOpen` is false. */
  open(handler: ClientStreamHandler): ClientStream | undefined {
    if (!this.canOpen) return undefined;
    const id = this.#nextId;
    this.#nextId += 2;
    this.lastStreamId = id;
    const stream = new H2Stream(this, id, handler);
    this.streams.add(stream);
    return stream;
  }

  /** No new stream; GOAWAY when the last one has ended: servers refuse what they have not begun when it comes. */
  override drain(): void {
    this.#retired = true;
    if (this.streams.size === 0) super.drain();
  }

  override onClose(error: ConnError | undefined): void {
    this.brokeOff = this.streams.size > 0;
    super.onClose(error);
  }

  /** No response can come any more: what is asked from now on goes elsewhere. */
  override onEnd(): void {
    this.goawayReceived = true;
    super.onEnd();
  }

  protected override peerSettingsChanged(): void {
    this.#observer.onCapacity();
  }

  protected onHeaders(streamId: number, fields: readonly string[], end: boolean, tooLarge: boolean): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) {
      if (stream !== undefined)
        this.streamError(stream, H2_ERROR.STREAM_CLOSED, 'HEADERS after the end of the stream (RFC 9113 §5.1)');
      else this.lateFrame(streamId, 'HEADERS');
      return;
    }
    if (tooLarge) {
      this.streamError(stream, H2_ERROR.PROTOCOL_ERROR, 'the header list of the response is too large');
      return;
    }
    if (stream.headSeen) this.#onTrailers(stream, fields, end);
    else this.#onHead(stream, fields, end);
  }

  #onHead(stream: H2Stream, fields: readonly string[], end: boolean): void {
    const handler = stream.handler as ClientStreamHandler;
    const head = responseFromFields(fields);
    if (!head.ok) {
      this.streamError(stream, H2_ERROR.PROTOCOL_ERROR, head.detail);
      return;
    }
    const { status, headers } = head.value;
    if (status < 200) {
      if (end || status === 101)
        this.streamError(
          stream,
          H2_ERROR.PROTOCOL_ERROR,
          `an informational ${status} may not stand here (RFC 9113 §8.1, §8.6)`,
        );
      else handler.onInformational(status, headers);
      return;
    }
    const length = contentLength(headers);
    if (status === 204 || status === 304) stream.bodyless = true;
    if (length === undefined || (end && length > 0 && !stream.bodyless)) {
      this.streamError(
        stream,
        H2_ERROR.PROTOCOL_ERROR,
        'content-length is malformed or does not match (RFC 9113 §8.1.1)',
      );
      return;
    }
    stream.expectedBytes = length;
    stream.headSeen = true;
    this.#answered = true;
    if (end) stream.remoteEnded = true;
    handler.onHead(head.value, end);
    if (end) this.settle(stream);
  }

  #onTrailers(stream: H2Stream, fields: readonly string[], end: boolean): void {
    const trailers = trailersFromFields(fields);
    if (!end || !trailers.ok || stream.lengthIsWrong(true)) {
      const detail = !trailers.ok
        ? trailers.detail
        : end
          ? 'the body does not match content-length (RFC 9113 §8.1.1)'
          : 'a second HEADERS without END_STREAM (RFC 9113 §8.1)';
      this.streamError(stream, H2_ERROR.PROTOCOL_ERROR, detail);
      return;
    }
    stream.remoteEnded = true;
    stream.handler.onTrailers(trailers.value);
    this.settle(stream);
  }

  /** Streams of a peer that has had enough of this connection go on elsewhere, unless it refuses from the first one on. */
  protected override peerReset(stream: H2Stream, code: number): void {
    if (code === H2_ERROR.ENHANCE_YOUR_CALM && !stream.headSeen && this.#answered) this.drain();
  }

  /** An endpoint that refuses what we ask of it floods nobody. */
  protected streamWasted(): void {}

  protected lingers(): boolean {
    return false;
  }

  protected streamEnded(): void {
    if (this.streams.size === 0) {
      if (this.goawayReceived) this.conn.end();
      else if (this.#retired) super.drain();
    }
    this.#observer.onCapacity();
  }

  protected onPeerGoaway({ lastStreamId, code, debug }: Goaway): void {
    // What is above its id was not and will not be looked at (RFC 9113 §6.8): safe to repeat elsewhere.
    for (const stream of this.streams.values()) {
      if (stream.id <= lastStreamId) continue;
      this.forget(stream);
      this.resetHandler(stream, 'refused-stream', `the peer went away (GOAWAY ${code})`, false);
    }
    this.#observer.onGoaway(code, debug);
    if (this.streams.size === 0) this.conn.end();
  }

  protected connectionClosed(error: ConnError | undefined): void {
    this.#observer.onConnectionClosed(error);
  }
}
