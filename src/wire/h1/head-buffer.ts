// Finds the end of a head; keeps bytes only while a head is incomplete (RFC 9112 §2.1).

import { consumeSome, copyOfRead } from '#base';
import { latin1 } from '../http/latin1.ts';
import type { H1ErrorCode } from './errors.ts';
import { LEADING_EMPTY_LINES_MAX } from './limits.ts';

const { allocUnsafe } = Buffer;
const CR = 0x0d;
const LF = 0x0a;

export class HeadBuffer {
  /** Where the head's text ended in the buffer that `take` was given or joined. */
  bodyAt = 0;
  /** What `bodyAt` counts in: the incoming bytes, joined with what was kept. */
  joined: Buffer | undefined = undefined;
  /** Why `take` gave undefined. */
  excess: H1ErrorCode = 'http1.headers_too_large';
  #kept: Buffer | undefined = undefined;
  /** Ended lines of what is kept. */
  #lines = 0;

  get empty(): boolean {
    return this.#kept === undefined;
  }

  /** The first character of an incomplete head, '' while there is none. */
  get first(): string {
    return this.#kept === undefined ? '' : String.fromCharCode(this.#kept[0] as number);
  }

  /**
   * The head's text, '' while incomplete, or undefined when longer than `bytesMax`, or incomplete with more than `fieldsMax`
   * fields: then nobody wants the bytes behind it.
   */
  take(data: Buffer, at: number, bytesMax: number, fieldsMax = Number.POSITIVE_INFINITY): string | undefined {
    this.excess = 'http1.headers_too_large';
    let from = at;
    let searchFrom = at;
    const kept = this.#kept;
    if (kept !== undefined) {
      this.#kept = undefined;
      consumeSome(data, data.length - at);
      if (isTooLong(kept, data, at, bytesMax)) return undefined;
      searchFrom = Math.max(0, kept.length - 3);
      data = Buffer.concat([kept, at === 0 ? data : data.subarray(at)]);
      at = 0;
      from = 0;
    }
    from = skipEmptyLines(data, from);
    const end = data.indexOf('\r\n\r\n', Math.max(from, searchFrom), 'latin1');
    // Of the empty line that ends it three bytes may be there.
    if (end < 0 ? data.length - from > bytesMax + 3 : end - from > bytesMax) {
      consumeSome(data, data.length - at);
      return undefined;
    }
    if (end >= 0) return this.#give(data, from, end, end + 4, at);
    // Whoever ends lines with LF alone waits for us now. No head may hold one: what is there is refused as it stands.
    if (hasBareLf(data, Math.max(from, searchFrom))) return this.#give(data, from, data.length, data.length, at);
    consumeSome(data, from - at);
    return this.#keep(data, from, kept, fieldsMax);
  }

  /** '' while more may come. */
  #keep(data: Buffer, from: number, kept: Buffer | undefined, fieldsMax: number): '' | undefined {
    if (data.length === from) return '';
    // Only those that end in what came now.
    const [lines, begin] = kept === undefined ? [0, from] : [this.#lines, Math.max(from, kept.length - 1)];
    this.#lines = countLines(data, begin, lines, fieldsMax + 1);
    if (this.#lines > fieldsMax + 1) {
      this.excess = 'http1.too_many_headers';
      consumeSome(data, data.length - from);
      return undefined;
    }
    this.#kept = copyOfRead(from === 0 ? data : data.subarray(from));
    return '';
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

/** Seen before the two are joined: whoever sends too much costs no copy of it. */
function isTooLong(kept: Buffer, data: Buffer, at: number, bytesMax: number): boolean {
  const room = bytesMax + 2 * LEADING_EMPTY_LINES_MAX - kept.length;
  if (data.length - at <= room + 4) return false;
  const seam = Buffer.concat([kept.subarray(-3), data.subarray(at, at + 3)]);
  if (seam.includes('\r\n\r\n', 0, 'latin1')) return false;
  const end = data.indexOf('\r\n\r\n', at, 'latin1');
  return end < 0 || end - at > room;
}

/** `lines` and those that end from `at` on, until there are more than `most`. */
function countLines(data: Buffer, at: number, lines: number, most: number): number {
  for (let eol = at - 2; lines <= most; lines++) {
    eol = data.indexOf('\r\n', eol + 2, 'latin1');
    if (eol < 0) break;
  }
  return lines;
}

function hasBareLf(data: Buffer, from: number): boolean {
  for (let i = data.indexOf(LF, from); i >= 0; i = data.indexOf(LF, i + 1)) if (data[i - 1] !== CR) return true;
  return false;
}

function skipEmptyLines(data: Buffer, at: number): number {
  for (let i = 0; i < LEADING_EMPTY_LINES_MAX && data[at] === CR && data[at + 1] === LF; i++) at += 2;
  return at;
}
