// Finds the end of a head; keeps bytes only while a head is incomplete (RFC 9112 §2.1).

import { consumeSome } from '#base';
import { latin1 } from '../http/latin1.ts';
import { LEADING_EMPTY_LINES_MAX } from './limits.ts';

const { allocUnsafe } = Buffer;
const CR = 0x0d;
const LF = 0x0a;

export class HeadBuffer {
  /** Where the head's text ended in the buffer that `take` was given or joined. */
  bodyAt = 0;
  /** What `bodyAt` counts in: the incoming bytes, joined with what was kept. */
  joined: Buffer | undefined = undefined;
  #kept: Buffer | undefined = undefined;

  get empty(): boolean {
    return this.#kept === undefined;
  }

  /** The first character of an incomplete head, '' while there is none. */
  get first(): string {
    return this.#kept === undefined ? '' : String.fromCharCode(this.#kept[0] as number);
  }

  /** The head's text, '' while incomplete, or undefined when longer than `bytesMax`. */
  take(data: Buffer, at: number, bytesMax: number): string | undefined {
    let from = at;
    let searchFrom = at;
    const kept = this.#kept;
    if (kept !== undefined) {
      searchFrom = Math.max(0, kept.length - 3);
      data = Buffer.concat([kept, at === 0 ? data : data.subarray(at)]);
      from = 0;
      this.#kept = undefined;
    }
    from = skipEmptyLines(data, from);
    const end = data.indexOf('\r\n\r\n', Math.max(from, searchFrom), 'latin1');
    if (end < 0) {
      if (data.length - from > bytesMax) return undefined;
      // Whoever ends lines with LF alone waits for us now. No head may hold one: what is there is refused as it stands.
      if (hasBareLf(data, Math.max(from, searchFrom))) return this.#give(data, from, data.length, data.length, at);
      if (data.length > from) this.#kept = data.subarray(from);
      return '';
    }
    if (end - from > bytesMax) return undefined;
    return this.#give(data, from, end, end + 4, at);
  }

  #give(data: Buffer, from: number, end: number, bodyAt: number, at: number): string {
    this.joined = data;
    this.bodyAt = bodyAt;
    consumeSome(data, bodyAt - at);
    return latin1(data, from, end);
  }

  /** Nothing is kept: the text of a head that begins and ends within one short read; undefined in all other cases, which are `take`'s. */
  takeShort(lent: Buffer, length: number, bytesMax: number): string | undefined {
    if (lent[0] === CR) return undefined;
    const text = latin1(lent, 0, length);
    const end = text.indexOf('\r\n\r\n');
    if (end < 0 || end > bytesMax) return undefined;
    this.bodyAt = end + 4;
    return text.slice(0, end);
  }

  clear(): void {
    this.#kept = undefined;
    this.joined = undefined;
  }
}

/** A copy of what follows a head in a read that is only lent; undefined when nothing does. */
export function restOf(lent: Buffer, at: number, length: number): Buffer | undefined {
  if (at === length) return undefined;
  const rest = allocUnsafe(length - at);
  lent.copy(rest, 0, at, length);
  return rest;
}

function hasBareLf(data: Buffer, from: number): boolean {
  for (let i = data.indexOf(LF, from); i >= 0; i = data.indexOf(LF, i + 1)) if (data[i - 1] !== CR) return true;
  return false;
}

function skipEmptyLines(data: Buffer, at: number): number {
  for (let i = 0; i < LEADING_EMPTY_LINES_MAX && data[at] === CR && data[at + 1] === LF; i++) at += 2;
  return at;
}
