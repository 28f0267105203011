// Sends a head and its body with as few system calls as it can: the head waits for the first piece
// of the body until the end of the present turn of the loop, and goes alone when none came.

import { atTurnEnd, type Conn, consumeBytes, Draft, type DraftHolder } from '#base';
import type { HeaderBlock } from '../http/index.ts';
import { SMALL_BODY_BYTES } from './limits.ts';
import { chunkHead, fieldsText } from './serialize.ts';
import { type HeldPiece, type SmallPieces, smallPieces } from './small-pieces.ts';

export type Framing = 'none' | 'length' | 'chunked' | 'raw';

/** One for all connections: a message leaves it before the next one begins, or is copied out. */
const draft = new Draft();

export class BodyWriter implements DraftHolder, HeldPiece {
  /** A head that had to leave the draft before its body came, or a small piece that is held. */
  #kept: Buffer | undefined = undefined;
  #queued = false;
  #inLine = false;
  #framing: Framing = 'none';
  readonly #conn: Conn;
  readonly #pieces: SmallPieces;
  readonly #flush = (): void => this.flush();

  constructor(conn: Conn, pieces = smallPieces) {
    this.#conn = conn;
    this.#pieces = pieces;
  }

  /** Where the head's text goes, with its closing empty line; `head` follows. */
  begin(): Draft {
    draft.begin(this);
    if (this.#kept !== undefined) draft.data(this.#kept);
    this.#kept = undefined;
    return draft;
  }

  /** The head is in the draft. */
  head(framing: Framing, end: boolean): void {
    this.#framing = framing;
    if (end) {
      this.#send();
      return;
    }
    if (this.#queued) return;
    this.#queued = true;
    atTurnEnd(this.#flush);
  }

  /** False when the socket's queue is above its high mark. */
  data(data: Uint8Array, end: boolean): boolean {
    if (this.#framing === 'none') return true;
    const chunked = this.#framing === 'chunked';
    if (data.length === 0) return end ? this.#finish(chunked ? '0\r\n\r\n' : '') : true;
    const waiting = this.#waiting();
    const after = chunked ? (end ? '\r\n0\r\n\r\n' : '\r\n') : '';
    const small = data.length <= SMALL_BODY_BYTES;
    const held = small && !end && !waiting && !this.#leavesNow();
    if (!waiting && !chunked && !held) return this.#conn.write(data);
    const out = this.begin();
    if (chunked) out.text(chunkHead(data.length));
    if (small) {
      consumeBytes(data);
      out.data(data);
      out.text(after);
      if (!held) return this.#send();
      if (!this.#inLine) this.#pieces.hold(this);
      this.#inLine = true;
      return true;
    }
    this.#conn.cork();
    this.#send();
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
    if (!this.#waiting()) return;
    this.begin();
    this.#send();
  }

  release(): void {
    this.#inLine = false;
    this.flush();
  }

  makeRoom(from: Draft): void {
    this.#kept = Buffer.from(from.view());
  }

  /** What must wait for the socket costs no system call now. */
  #leavesNow(): boolean {
    return this.#framing === 'raw' || this.#conn.queuedBytes > 0 || this.#pieces.leavesNow();
  }

  #waiting(): boolean {
    return this.#kept !== undefined || draft.heldBy(this);
  }

  #finish(text: string): boolean {
    if (text === '' && !this.#waiting()) return true;
    this.begin().text(text);
    return this.#send();
  }

  #send(): boolean {
    draft.finish();
    const conn = this.#conn;
    return conn.writeDraft === undefined ? conn.write(Buffer.from(draft.view())) : conn.writeDraft(draft);
  }
}
