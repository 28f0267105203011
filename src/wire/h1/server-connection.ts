// The server's side of an HTTP/1.1 connection: requests one after another, responses in the same order
// (RFC 9112 §9.3); pipelined bytes wait, with reading paused, until the response before them is out.

import { type Conn, type ConnError, type ConnHandler, consumeBytes } from '#base';
import type { HeaderBlock, RequestAcceptor, RequestHead, ResetReason, ResponseHead } from '../http/index.ts';
import { BodyReader, EMPTY } from './body-reader.ts';
import { BodyWriter, type Framing } from './body-writer.ts';
import { H1_ERRORS, type H1ErrorCode, h1ErrorText } from './errors.ts';
import { isToken } from './field-name.ts';
import { HeadBuffer, restOf } from './head-buffer.ts';
import { HeadFacts } from './head-facts.ts';
import { DEFAULT_H1_LIMITS, type H1Limits, UNREAD_BYTES_MAX } from './limits.ts';
import type { HeadBounds } from '../http/stream.ts';
import { parseRequest } from './parse-request.ts';
import { copyRequestHead, RepeatedHead } from './repeated-head.ts';
import { fieldsText, putField, reasonPhrase, statusLine } from './serialize.ts';
import { H1ServerStream } from './server-stream.ts';

export interface H1ServerOptions {
  readonly limits?: H1Limits;
  /** The connection is TLS: origin-form requests get scheme https. */
  readonly secure: boolean;
  /** Answers HTTP/1.0 with 426 when false, as Envoy does unless accept_http_10. */
  readonly acceptHttp10: boolean;
  /** Our side sent FIN or wants to: the owner bounds how long the client may take to close. */
  readonly onClosing?: () => void;
  /** No request is in progress any more. */
  readonly onIdle?: () => void;
  readonly onClosed?: (error: ConnError | undefined) => void;
  /** A head has begun and is not whole. */
  readonly onHeadPending?: () => void;
}

/** head: between requests · body: a request's body · wait: response outstanding · held: upgrade asked, not granted · tunnel · closed: only discarding. */
type State = 'head' | 'body' | 'wait' | 'held' | 'tunnel' | 'closed';

export class H1ServerConnection implements ConnHandler {
  readonly conn: Conn;
  /** Answer "connection: close" from now on. */
  draining = false;
  #state: State = 'head';
  #stream: H1ServerStream | undefined = undefined;
  #later: Buffer | undefined = undefined;
  #reading = false;
  #pausedByStream = false;
  #pausedByQueue = false;
  #peerKeepsAlive = true;
  readonly #acceptor: RequestAcceptor;
  readonly #options: H1ServerOptions;
  #limits: H1Limits;
  readonly #facts = new HeadFacts();
  readonly #head = new HeadBuffer();
  #repeated = new RepeatedHead(copyRequestHead);
  readonly #body: BodyReader;
  readonly #writer: BodyWriter;

  constructor(conn: Conn, acceptor: RequestAcceptor, options: H1ServerOptions) {
    this.conn = conn;
    this.#acceptor = acceptor;
    this.#options = options;
    this.#limits = options.limits ?? DEFAULT_H1_LIMITS;
    this.#body = new BodyReader(this.#limits, this, false);
    this.#writer = new BodyWriter(conn);
  }

  /** From the next head on, and the trailers that belong to it. */
  limitHeads({ headBytesMax, fieldsMax }: HeadBounds): void {
    if (this.#limits.headBytesMax === headBytesMax && this.#limits.fieldsMax === fieldsMax) return;
    this.#limits = { ...this.#limits, headBytesMax, fieldsMax };
    this.#body.limit(this.#limits);
    // What is repeated is not measured again.
    this.#repeated = new RepeatedHead(copyRequestHead);
  }

  get activeStream(): boolean {
    return this.#stream !== undefined;
  }
  /** A head has begun and is not complete. */
  get headPending(): boolean {
    return !this.#head.empty;
  }

  /** No further request; closes at once when none is in progress. */
  drain(): void {
    this.draining = true;
    const waiting = this.headPending || this.#later !== undefined;
    if (this.#stream === undefined && this.#state === 'head' && !waiting) this.#close();
  }

  /** The client takes no responses: before it does, its next request waits unread. */
  #isUnread(): boolean {
    return this.conn.queuedBytes >= UNREAD_BYTES_MAX;
  }

  onData(data: Buffer): void {
    const inTurn = this.#state === 'head' && this.#later !== undefined;
    if (inTurn || this.#state === 'wait' || this.#state === 'held') this.#hold(data);
    else if (this.#reading) this.#hold(data);
    else this.#process(data);
  }

  onShortData(lent: Buffer, length: number): boolean {
    if (this.#state !== 'head' || this.#reading || this.#later !== undefined || !this.#head.empty) return false;
    if (this.#isUnread()) return false;
    const known = this.#repeated.takeShort(lent, length);
    const text = known === undefined ? this.#head.takeShort(lent, length, this.#limits.headBytesMax) : '';
    if (text === undefined) return false;
    const rest = restOf(lent, known === undefined ? this.#head.bodyAt : this.#repeated.bodyAt, length);
    this.#reading = true;
    if (known === undefined) this.#begin(text);
    else this.#start(known);
    this.#reading = false;
    if (rest !== undefined) this.onData(rest);
    return true;
  }

  onEnd(): void {
    if (this.#state === 'tunnel') {
      this.#stream?.handler?.onData(EMPTY, true);
      this.#stream?.requestEnded();
      return;
    }
    const stream = this.#stream;
    if (stream === undefined) {
      this.#state = 'closed';
      this.conn.end();
      return;
    }
    // As Envoy: HTTP/1.1 has no half-closed client; a FIN means that it went away.
    this.#drop('connection-termination', 'downstream_remote_disconnect');
    this.conn.destroy();
  }

  onDrain(): void {
    if (this.#stream !== undefined) this.#stream.handler?.onDrain();
    else if (this.#state === 'head' && this.#later !== undefined) this.#goOn();
  }

  onClose(error: ConnError | undefined): void {
    this.#drop('connection-termination', 'downstream_remote_disconnect');
    this.#state = 'closed';
    this.#later = undefined;
    this.#head.clear();
    this.#options.onClosed?.(error);
  }

  onBody(data: Buffer, end: boolean): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (end) this.#requestDone(stream);
    stream.handler?.onData(data, end);
  }

  onBodyTrailers(trailers: HeaderBlock): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#requestDone(stream);
    stream.handler?.onTrailers(trailers);
  }

  // Called by the stream.

  sendHead(stream: H1ServerStream, head: ResponseHead, end: boolean): void {
    const status = head.status;
    const tunnel = (status === 101 && stream.protocol !== '') || (stream.connect && status >= 200 && status < 300);
    const bodiless = stream.method === 'HEAD' || status === 204 || status === 304;
    const flat = head.headers.flat;
    // RFC 9110 §8.6: never with 1xx, 204 or a successful CONNECT.
    const noLength = tunnel || status === 204;
    const linesEnd = noLength ? 0 : head.headers.linesEnd;
    const out = this.#writer.begin();
    out.text(statusLine(status));
    if (linesEnd > 0) out.text(head.headers.lines);
    let hasLength = false;
    let close = this.draining || !this.#peerKeepsAlive;
    for (let i = 0; i < flat.length; i += 3) {
      const lower = flat[i] as string;
      if (lower === 'connection') {
        if (flat[i + 2] === 'close') close = true;
        continue;
      }
      if (lower === 'content-length') {
        if (noLength) continue;
        hasLength = true;
      }
      if (i >= linesEnd) putField(out, flat[i + 1] as string, flat[i + 2] as string);
    }
    let framing: Framing = 'none';
    if (tunnel) {
      framing = 'raw';
      if (status === 101) out.text(`connection: Upgrade\r\nupgrade: ${stream.protocol}\r\n`);
    } else if (!bodiless) {
      if (hasLength) framing = 'length';
      else if (end) out.text('content-length: 0\r\n');
      else if (stream.version === '1.1') {
        framing = 'chunked';
        out.text('transfer-encoding: chunked\r\n');
      } else {
        framing = 'raw';
        close = true;
      }
    }
    if (!tunnel && close) {
      this.draining = true;
      out.text('connection: close\r\n');
    } else if (!tunnel && stream.version === '1.0') out.text('connection: keep-alive\r\n');
    out.text('\r\n');
    this.#writer.head(framing, end);
    if (tunnel) this.#openTunnel();
    else if (this.#state === 'held') this.#state = 'wait';
  }

  sendInformational(status: number, headers: HeaderBlock): void {
    // Endpoints may say as many as they like, and no window bounds them.
    if (!this.#isUnread()) this.conn.writeText(`${statusLine(status)}${fieldsText(headers)}\r\n`);
  }

  sendData(data: Uint8Array, end: boolean): boolean {
    return this.#writer.data(data, end);
  }

  sendTrailers(trailers: HeaderBlock): void {
    this.#writer.trailers(trailers);
  }

  responseDone(stream: H1ServerStream): void {
    if (this.#stream !== stream) return;
    if (this.#state === 'tunnel') {
      // Our direction ended; the client's may go on.
      this.#writer.flush();
      this.conn.end();
      if (stream.requestComplete) this.#stream = undefined;
      return;
    }
    this.#stream = undefined;
    const complete = stream.requestComplete || this.#state === 'wait';
    if (this.draining || !complete) return this.#close();
    this.#state = 'head';
    this.#pausedByStream = false;
    this.#options.onIdle?.();
    this.#goOn();
  }

  resetByOwner(stream: H1ServerStream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#state = 'closed';
    this.#writer.flush();
    this.conn.destroy();
  }

  setStreamPaused(stream: H1ServerStream, paused: boolean): void {
    if (this.#stream !== stream) return;
    this.#pausedByStream = paused;
    this.#applyPause();
    if (!paused && !this.#reading && this.#later !== undefined && (this.#state === 'body' || this.#state === 'tunnel'))
      this.#goOn();
  }

  #process(data: Buffer): void {
    this.#reading = true;
    let bytes: Buffer | undefined = data;
    while (bytes !== undefined) {
      bytes = this.#consume(bytes);
      if (bytes !== undefined && bytes.length === 0) bytes = undefined;
    }
    this.#reading = false;
    if (this.#later !== undefined && (this.#state === 'head' || this.#state === 'body' || this.#state === 'tunnel'))
      this.#goOn();
  }

  /** Uses a part of `bytes` and gives the rest, or undefined when nothing more can be done with it now. */
  #consume(bytes: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'head': {
        const begun = !this.#head.empty;
        if (!begun && this.#isUnread()) {
          this.#hold(bytes);
          return undefined;
        }
        const text = this.#head.take(bytes, 0, this.#limits.headBytesMax, this.#limits.fieldsMax);
        if (text === undefined) return this.#refuse(this.#head.excess);
        if (text === '') {
          if (begun || this.#head.empty) return undefined;
          // A TLS client that came to a plaintext port sends no line's end, and waits for us.
          const { first } = this.#head;
          if (first !== '\r' && !isToken(first)) return this.#refuse('http1.invalid_method');
          this.#options.onHeadPending?.();
          return undefined;
        }
        const joined = this.#head.joined as Buffer;
        this.#head.joined = undefined;
        const rest = this.#head.bodyAt;
        this.#begin(text);
        return rest === joined.length ? undefined : joined.subarray(rest);
      }
      case 'body': {
        const used = this.#body.feed(bytes, 0);
        if (used < 0) return this.#refuse(this.#body.error as H1ErrorCode);
        return used === bytes.length ? undefined : bytes.subarray(used);
      }
      case 'tunnel':
        this.#stream?.handler?.onData(bytes, false);
        return undefined;
      case 'closed':
        consumeBytes(bytes);
        return undefined;
      default:
        this.#hold(bytes);
        return undefined;
    }
  }

  #begin(text: string): void {
    let head = this.#repeated.take(text);
    if (head === undefined) {
      const parsed = parseRequest(text, this.#facts, this.#limits.fieldsMax, this.#options.secure);
      if (parsed.error !== undefined) {
        this.#refuse(parsed.error);
        return;
      }
      head = parsed.head;
      this.#repeated.note(text, head);
    }
    this.#start(head);
  }

  #start(head: RequestHead): void {
    const facts = this.#facts;
    if (head.version === '1.0' && !this.#options.acceptHttp10) {
      this.#answerAndClose(426, 'http1.version');
      return;
    }
    this.#peerKeepsAlive = head.version === '1.1' ? !facts.close : facts.keepAlive && !facts.close;
    const hasBody = facts.chunked || facts.contentLength > 0;
    // RFC 9110 §7.8: an upgrade may be ignored; with a body in front its early bytes could not be told apart.
    if (hasBody || head.version === '1.0') head.protocol = '';
    const connect = head.method === 'CONNECT';
    const waits = connect || head.protocol !== '';
    const stream = new H1ServerStream(this, head, connect);
    this.#stream = stream;
    if (waits) this.#state = 'held';
    else if (hasBody) {
      this.#body.begin(facts.chunked ? 'chunked' : 'length', facts.contentLength);
      this.#state = 'body';
    } else {
      stream.requestComplete = true;
      this.#state = 'wait';
    }
    const handler = this.#acceptor.onRequest(stream, head, !hasBody && !waits);
    if (this.#stream === stream) stream.handler = handler;
  }

  #requestDone(stream: H1ServerStream): void {
    stream.requestComplete = true;
    this.#state = 'wait';
  }

  #openTunnel(): void {
    this.#state = 'tunnel';
    this.#goOn();
  }

  #goOn(): void {
    if (this.#reading) return;
    const later = this.#later;
    if (later !== undefined && this.#state === 'head' && this.#isUnread()) return this.#applyPause();
    this.#later = undefined;
    this.#pausedByQueue = false;
    this.#applyPause();
    if (later !== undefined) this.#process(later);
  }

  #hold(data: Buffer): void {
    this.#later = this.#later === undefined ? data : Buffer.concat([this.#later, data]);
    this.#pausedByQueue = true;
    this.#applyPause();
  }

  #paused = false;

  #applyPause(): void {
    const paused = this.#pausedByStream || this.#pausedByQueue;
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.conn.pause();
    else this.conn.resume();
  }

  #refuse(code: H1ErrorCode): undefined {
    const detail = h1ErrorText(code);
    const stream = this.#stream;
    if (stream !== undefined) {
      // Within a request the stream's owner answers nothing more: what came before is already routed.
      this.#drop('protocol-error', detail);
      this.#state = 'closed';
      this.conn.destroy();
      return;
    }
    this.#answerAndClose(H1_ERRORS[code].status, code);
  }

  #answerAndClose(status: number, code: H1ErrorCode): void {
    const detail = h1ErrorText(code);
    const body = this.#acceptor.refusalBody?.(status, detail) ?? reasonPhrase(status);
    this.#state = 'closed';
    this.conn.writeText(
      `${statusLine(status)}content-length: ${Buffer.byteLength(body)}\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${body}`,
    );
    this.#acceptor.onProtocolError(status, detail);
    this.#close();
  }

  #drop(reason: ResetReason, detail: string): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.handler?.onReset(reason, detail);
  }

  #close(): void {
    this.#state = 'closed';
    this.#later = undefined;
    this.#pausedByQueue = false;
    this.#pausedByStream = false;
    this.#applyPause();
    this.#writer.flush();
    this.conn.end();
    this.#options.onClosing?.();
  }
}
