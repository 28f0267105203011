// The client's side of an HTTP/1.1 connection: one request at a time (RFC 9112 §9); after a response it
// says whether it can carry another.

import type { Conn, ConnError, ConnHandler } from '#base';
import {
  type ClientStream,
  type ClientStreamHandler,
  HeaderBlock,
  type RequestHead,
  type ResetReason,
  type ResponseHead,
} from '../http/index.ts';
import { BodyReader, EMPTY } from './body-reader.ts';
import { BodyWriter, type Framing } from './body-writer.ts';
import { EarlyBytes } from './early-bytes.ts';
import { type H1ErrorCode, h1ErrorText } from './errors.ts';
import { HeadBuffer, restOf } from './head-buffer.ts';
import { HeadFacts } from './head-facts.ts';
import { DEFAULT_H1_LIMITS, type H1Limits } from './limits.ts';
import { parseResponse } from './parse-response.ts';
import { copyResponseHead, RepeatedHead } from './repeated-head.ts';
import { putField } from './serialize.ts';

export interface H1ClientOwner {
  /** The last exchange ended and the connection may carry another request. */
  onReusable(connection: H1ClientConnection): void;
  /** The connection is gone. Comes after the stream's own reset. */
  onGone(connection: H1ClientConnection, error: ConnError | undefined): void;
}

type State = 'idle' | 'head' | 'body' | 'tunnel' | 'closed';

export class H1ClientConnection implements ConnHandler {
  readonly conn: Conn;
  /** Requests begun on this connection. */
  requests = 0;
  /** Our end as logs name it, once somebody asked. */
  localText: string | undefined = undefined;
  /** Something came since the last request began. */
  heard = false;
  /** The peer closed it, not we. */
  endedByPeer = false;
  /** It ended in the middle of an exchange. */
  brokeOff = false;
  #state: State = 'idle';
  #stream: H1ClientStream | undefined = undefined;
  #keepAlive = true;
  #released = false;
  readonly #owner: H1ClientOwner;
  readonly #limits: H1Limits;
  readonly #facts = new HeadFacts();
  readonly #head = new HeadBuffer();
  readonly #repeated = new RepeatedHead(copyResponseHead);
  /** Of the response that is being read. */
  #version: '1.0' | '1.1' = '1.1';
  readonly #body: BodyReader;
  readonly #writer: BodyWriter;

  constructor(conn: Conn, owner: H1ClientOwner, limits: H1Limits = DEFAULT_H1_LIMITS) {
    this.conn = conn;
    this.#owner = owner;
    this.#limits = limits;
    this.#body = new BodyReader(limits, this, true);
    this.#writer = new BodyWriter(conn);
  }

  /** True when a request can begin now. */
  get usable(): boolean {
    return this.#state === 'idle' && !this.conn.destroyed;
  }

  /** What the last response said about how long this connection may rest. */
  get keepAliveParameters(): string {
    return this.#facts.keepAliveParameters;
  }

  start(handler: ClientStreamHandler): ClientStream {
    const stream = new H1ClientStream(this, handler);
    this.#stream = stream;
    this.#state = 'head';
    this.requests++;
    this.heard = false;
    return stream;
  }

  onData(data: Buffer): void {
    this.heard = true;
    let bytes: Buffer | undefined = data;
    while (bytes !== undefined && bytes.length > 0) bytes = this.#consume(bytes);
    this.#release();
  }

  onShortData(lent: Buffer, length: number): boolean {
    if (this.#state !== 'head' || !this.#head.empty) return false;
    const known = this.#repeated.takeShort(lent, length);
    const text = known === undefined ? this.#head.takeShort(lent, length, this.#limits.headBytesMax) : '';
    if (text === undefined) return false;
    this.heard = true;
    const rest = restOf(lent, known === undefined ? this.#head.bodyAt : this.#repeated.bodyAt, length);
    if (known === undefined) this.#begin(text);
    else this.#start(known);
    if (rest === undefined) this.#release();
    else this.onData(rest);
    return true;
  }

  #release(): void {
    // Only now is it known that nothing follows the response.
    if (!this.#released) return;
    this.#released = false;
    if (this.#state === 'idle') this.#owner.onReusable(this);
  }

  onEnd(): void {
    this.endedByPeer = true;
    const stream = this.#stream;
    switch (this.#state) {
      case 'body':
        if (this.#body.kind === 'until-close') {
          this.#keepAlive = false;
          this.#body.finishAtClose();
          return;
        }
        break;
      case 'tunnel':
        stream?.handler.onData(EMPTY, true);
        if (stream?.requestComplete === true) this.#finish(stream);
        return;
      default:
        break;
    }
    this.#drop('connection-termination', 'upstream closed the connection');
    this.#state = 'closed';
    this.conn.destroy();
  }

  onDrain(): void {
    this.#stream?.handler.onDrain();
  }

  onClose(error: ConnError | undefined): void {
    if (error !== undefined) this.endedByPeer = true;
    this.#drop('connection-termination', error === undefined ? 'connection closed' : `${error.code}: ${error.message}`);
    this.#state = 'closed';
    this.#head.clear();
    this.#owner.onGone(this, error);
  }

  onBody(data: Buffer, end: boolean): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (end) this.#detach();
    stream.handler.onData(data, end);
    if (end) this.#finish(stream);
  }

  onBodyTrailers(trailers: HeaderBlock): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#detach();
    stream.handler.onTrailers(trailers);
    this.#finish(stream);
  }

  // Called by the stream.

  sendHead(stream: H1ClientStream, head: RequestHead, end: boolean): void {
    if (this.#stream !== stream) return;
    const { method, protocol: upgrade } = head;
    stream.method = method;
    stream.upgrade = upgrade !== '';
    stream.early = method === 'CONNECT' || stream.upgrade ? new EarlyBytes() : undefined;
    const flat = head.headers.flat;
    const { lines, linesEnd } = head.headers;
    const out = this.#writer.begin();
    out.text(method);
    out.text(' ');
    out.text(method === 'CONNECT' ? head.authority : head.path);
    out.text(' HTTP/1.1\r\nhost: ');
    out.text(head.authority);
    out.text('\r\n');
    out.text(lines);
    let hasLength = false;
    for (let i = 0; i < flat.length; i += 3) {
      if (flat[i] === 'content-length') hasLength = true;
      if (i >= linesEnd) putField(out, flat[i + 1] as string, flat[i + 2] as string);
    }
    let framing: Framing = 'none';
    if (method === 'CONNECT') framing = 'raw';
    else if (upgrade !== '') {
      framing = 'raw';
      out.text(`connection: Upgrade\r\nupgrade: ${upgrade}\r\n`);
    } else if (!end) {
      framing = hasLength ? 'length' : 'chunked';
      if (!hasLength) out.text('transfer-encoding: chunked\r\n');
    } else if (!hasLength && (method === 'POST' || method === 'PUT' || method === 'PATCH'))
      out.text('content-length: 0\r\n');
    stream.requestComplete = end || framing === 'raw';
    // An upgrade's head goes at once: its first bytes only follow the 101.
    out.text('\r\n');
    this.#writer.head(framing, end || framing === 'raw');
  }

  sendData(stream: H1ClientStream, data: Uint8Array, end: boolean): boolean {
    if (this.#stream !== stream) return true;
    if (stream.early !== undefined) return stream.early.take(data, end);
    const room = this.#writer.data(data, end);
    if (end) this.#requestEnded(stream);
    return room;
  }

  sendTrailers(stream: H1ClientStream, trailers: HeaderBlock): void {
    if (this.#stream !== stream) return;
    if (stream.early !== undefined) return void stream.early.take(EMPTY, true);
    this.#writer.trailers(trailers);
    this.#requestEnded(stream);
  }

  resetByOwner(stream: H1ClientStream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#state = 'closed';
    this.brokeOff = true;
    this.conn.destroy();
  }

  setStreamPaused(stream: H1ClientStream, paused: boolean): void {
    if (this.#stream !== stream) return;
    if (paused) this.conn.pause();
    else this.conn.resume();
  }

  #requestEnded(stream: H1ClientStream): void {
    stream.requestComplete = true;
    if (this.#state === 'tunnel') this.conn.end();
  }

  #consume(bytes: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'head': {
        const text = this.#head.take(bytes, 0, this.#limits.headBytesMax);
        if (text === undefined) return this.#fail('http1.headers_too_large');
        if (text === '') return undefined;
        const joined = this.#head.joined as Buffer;
        this.#head.joined = undefined;
        const at = this.#head.bodyAt;
        this.#begin(text);
        return at === joined.length ? undefined : joined.subarray(at);
      }
      case 'body': {
        const used = this.#body.feed(bytes, 0);
        if (used < 0) return this.#fail(this.#body.error as H1ErrorCode);
        return used === bytes.length ? undefined : bytes.subarray(used);
      }
      case 'tunnel':
        this.#stream?.handler.onData(bytes, false);
        return undefined;
      case 'idle':
        // Whatever this is, it would be taken for the next request's response (RFC 9112 §9.2).
        this.#state = 'closed';
        this.conn.destroy();
        return undefined;
      default:
        return undefined;
    }
  }

  #begin(text: string): void {
    let head = this.#repeated.take(text);
    if (head === undefined) {
      const parsed = parseResponse(text, this.#facts, this.#limits.fieldsMax);
      if (parsed.error !== undefined) {
        this.#fail(parsed.error);
        return;
      }
      head = parsed.head;
      this.#version = parsed.version;
      this.#repeated.note(text, head);
    }
    this.#start(head);
  }

  #start(head: ResponseHead): void {
    const stream = this.#stream as H1ClientStream;
    const facts = this.#facts;
    const status = head.status;
    stream.responseStarted = true;
    if (status === 101) {
      if (!stream.upgrade) {
        this.#fail('http1.status_line');
        return;
      }
      this.#tunnel(stream, head);
      return;
    }
    if (status < 200) return stream.handler.onInformational(status, head.headers);
    if (stream.method === 'CONNECT' && status < 300) return this.#tunnel(stream, head);
    stream.early?.refuse();
    // Who refuses a tunnel often closes without a word: the next request would be lost with it.
    this.#keepAlive = stream.method !== 'CONNECT' && !facts.close && (this.#version === '1.1' || facts.keepAlive);
    if (stream.method === 'HEAD' || status === 204 || status === 304) this.#body.begin('none', 0);
    else if (facts.chunked) this.#body.begin('chunked', 0);
    else if (facts.contentLength >= 0) this.#body.begin('length', facts.contentLength);
    else this.#body.begin('until-close', 0);
    if (this.#body.done) {
      this.#detach();
      stream.handler.onHead(head, true);
      this.#finish(stream);
    } else {
      this.#state = 'body';
      stream.handler.onHead(head, false);
    }
  }

  #tunnel(stream: H1ClientStream, head: ResponseHead): void {
    this.#state = 'tunnel';
    this.#keepAlive = false;
    stream.requestComplete = false;
    const { early } = stream;
    stream.early = undefined;
    stream.handler.onHead(head, false);
    if (early === undefined || early.empty) return;
    if (this.sendData(stream, early.all(), early.ended)) stream.handler.onDrain();
  }

  /** The response is whole: the stream's later calls have no effect, but bytes that follow are not its. */
  #detach(): void {
    this.#stream = undefined;
    this.#state = 'idle';
  }

  #finish(stream: H1ClientStream): void {
    if (this.#state === 'tunnel') this.#detach();
    // The request is not whole (early answer), or the peer closes: nothing can follow on this connection.
    if (!this.#keepAlive || !stream.requestComplete || this.#state !== 'idle') {
      this.#state = 'closed';
      if (!this.conn.destroyed) {
        this.conn.end();
        this.conn.destroy();
      }
      return;
    }
    this.conn.resume();
    this.#released = true;
  }

  #fail(code: H1ErrorCode): undefined {
    this.#drop('protocol-error', h1ErrorText(code));
    this.#state = 'closed';
    this.conn.destroy();
  }

  #drop(reason: ResetReason, detail: string): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.brokeOff ||= stream !== undefined;
    stream?.handler.onReset(reason, detail, true);
  }
}

class H1ClientStream implements ClientStream {
  readonly version = '1.1' as const;
  readonly handler: ClientStreamHandler;
  method = '';
  upgrade = false;
  /** Until an upgrade or a tunnel is granted. */
  early: EarlyBytes | undefined = undefined;
  requestComplete = false;
  responseStarted = false;
  readonly #connection: H1ClientConnection;

  constructor(connection: H1ClientConnection, handler: ClientStreamHandler) {
    this.#connection = connection;
    this.handler = handler;
  }

  get queuedBytes(): number {
    return this.#connection.conn.queuedBytes;
  }
  sendHead(head: RequestHead, end: boolean): void {
    this.#connection.sendHead(this, head, end);
  }
  sendData(data: Uint8Array, end: boolean): boolean {
    return this.#connection.sendData(this, data, end);
  }
  sendTrailers(trailers: HeaderBlock): void {
    this.#connection.sendTrailers(this, trailers);
  }
  reset(_reason: ResetReason): void {
    this.#connection.resetByOwner(this);
  }
  pause(): void {
    this.#connection.setStreamPaused(this, true);
  }
  resume(): void {
    this.#connection.setStreamPaused(this, false);
  }
}
