// The server's end of one HTTP/1.1 request: what its owner sends goes to the connection, once and in order.

import type {
  HeaderBlock,
  RequestHead,
  ResetReason,
  ResponseHead,
  ServerStream,
  ServerStreamHandler,
} from '../http/index.ts';
import type { H1ServerConnection } from './server-connection.ts';

export class H1ServerStream implements ServerStream {
  handler: ServerStreamHandler | undefined = undefined;
  requestComplete = false;
  readonly version: '1.0' | '1.1';
  readonly method: string;
  readonly protocol: string;
  readonly connect: boolean;
  readonly #connection: H1ServerConnection;
  #ended = false;

  constructor(connection: H1ServerConnection, head: RequestHead, connect: boolean) {
    this.#connection = connection;
    this.version = head.version as '1.0' | '1.1';
    this.method = head.method;
    this.protocol = head.protocol;
    this.connect = connect;
  }

  get queuedBytes(): number {
    return this.#connection.conn.queuedBytes;
  }

  requestEnded(): void {
    this.requestComplete = true;
    if (this.#ended) this.#connection.responseDone(this);
  }

  sendInformational(status: number, headers: HeaderBlock): void {
    if (!this.#ended && this.version === '1.1') this.#connection.sendInformational(status, headers);
  }

  sendHead(head: ResponseHead, end: boolean): void {
    if (this.#ended) return;
    this.#ended = end;
    this.#connection.sendHead(this, head, end);
    if (end) this.#connection.responseDone(this);
  }

  sendData(data: Uint8Array, end: boolean): boolean {
    if (this.#ended) return true;
    this.#ended = end;
    const room = this.#connection.sendData(data, end);
    if (end) this.#connection.responseDone(this);
    return room;
  }

  sendTrailers(trailers: HeaderBlock): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection.sendTrailers(trailers);
    this.#connection.responseDone(this);
  }

  reset(_reason: ResetReason): void {
    this.#ended = true;
    this.#connection.resetByOwner(this);
  }

  pause(): void {
    this.#connection.setStreamPaused(this, true);
  }

  resume(): void {
    this.#connection.setStreamPaused(this, false);
  }
}
