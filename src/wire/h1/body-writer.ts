// Sends a head and its body with as few system calls as it can: the head waits for the first piece
// of the body until the end of the present turn of the loop, and goes alone when none came.

import { atTurnEnd, type Conn, consumeBytes } from '#base';
import type { HeaderBlock } from '../http/index.ts';
import { latin1Of } from '../http/latin1.ts';
import { SMALL_BODY_BYTES } from './limits.ts';
import { chunkHead, fieldsText } from './serialize.ts';

export type Framing = 'none' | 'length' | 'chunked' | 'raw';

export class BodyWriter {
  #head = '';
  #queued = false;
  #framing: Framing = 'none';
  readonly #conn: Conn;
  readonly #flush = (): void => this.flush();

  constructor(conn: Conn) {
    this.#conn = conn;
  }

  /** `text` includes the closing empty line. */
  head(text: string, framing: Framing, end: boolean): void {
    this.#framing = framing;
    if (end) {
      this.#conn.writeText(this.#head === '' ? text : this.#head + text);
      this.#head = '';
      return;
    }
    this.#head += text;
    if (this.#queued) return;
    this.#queued = true;
    atTurnEnd(this.#flush);
  }

  /** False when the socket's queue is above its high mark. */
  data(data: Uint8Array, end: boolean): boolean {
    if (this.#framing === 'none') return true;
    const chunked = this.#framing === 'chunked';
    if (data.length === 0) return end ? this.#finish(chunked ? '0\r\n\r\n' : '') : true;
    const before = chunked ? this.#head + chunkHead(data.length) : this.#head;
    const after = chunked ? (end ? '\r\n0\r\n\r\n' : '\r\n') : '';
    this.#head = '';
    if (before === '' && after === '') return this.#conn.write(data);
    if (data.length <= SMALL_BODY_BYTES) {
      consumeBytes(data);
      return this.#conn.writeText(before + latin1Of(data) + after);
    }
    this.#conn.cork();
    if (before !== '') this.#conn.writeText(before);
    let room = this.#conn.write(data);
    if (after !== '') room = this.#conn.writeText(after);
    this.#conn.uncork();
    return room;
  }

  trailers(trailers: HeaderBlock): void {
    this.#finish(this.#framing === 'chunked' ? `0\r\n${fieldsText(trailers)}\r\n` : '');
  }

  flush(): void {
    this.#queued = false;
    const head = this.#head;
    this.#head = '';
    if (head !== '') this.#conn.writeText(head);
  }

  #finish(text: string): boolean {
    const all = this.#head + text;
    this.#head = '';
    return all === '' ? true : this.#conn.writeText(all);
  }
}
