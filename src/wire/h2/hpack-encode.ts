// HPACK encoder (RFC 7541) into a caller's buffer: static table first, then a dynamic table kept in a
// Map; values that rarely repeat are never put into it. Strings go out as literals: Huffman costs more to make than it saves on a mesh's links.
import { writeLatin1 } from '../http/latin1.ts';
import { STATIC_COUNT, STATIC_NAME_INDEX, STATIC_PAIRS } from './static-table.ts';

const ENTRY_OVERHEAD = 32;

/** Fields whose values are as good as unique: indexing them would only push useful entries out. */
const NOT_INDEXED = new Set([
  ':path',
  'x-request-id',
  'traceparent',
  'tracestate',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'b3',
  'content-length',
  'date',
  'etag',
  'if-none-match',
  'if-modified-since',
  'last-modified',
  'age',
  'x-forwarded-for',
  'x-envoy-upstream-service-time',
  'x-envoy-peer-metadata',
  'grpc-timeout',
  'location',
  'x-amzn-trace-id',
]);
/** Secrets: never indexed, here or by any hop (RFC 7541 §7.1.3). */
const NEVER_INDEXED = new Set(['authorization', 'cookie', 'set-cookie', 'proxy-authorization']);

/** What one look-up by name tells. */
interface NameFacts {
  /** In the static table; 0 = not there. */
  readonly index: number;
  readonly values: ReadonlyMap<string, number> | undefined;
  /** Bits of the literal that this name is written as (RFC 7541 §6.2); -1 = it goes into the dynamic table. */
  readonly literal: number;
}

const UNKNOWN: NameFacts = { index: 0, values: undefined, literal: -1 };
const FACTS: ReadonlyMap<string, NameFacts> = new Map(
  [...STATIC_NAME_INDEX.keys(), ...NOT_INDEXED, ...NEVER_INDEXED].map((name): [string, NameFacts] => [
    name,
    {
      index: STATIC_NAME_INDEX.get(name) ?? 0,
      values: STATIC_PAIRS.get(name),
      literal: NEVER_INDEXED.has(name) ? 0x10 : NOT_INDEXED.has(name) ? 0x00 : -1,
    },
  ]),
);
/** Characters: up to this many are written one by one, which is quicker than the call. */
const SHORT_TEXT = 24;

export class HpackEncoder {
  /** name -> value -> serial number of its entry; entry i (from 0) has index STATIC_COUNT + inserted - serial. */
  readonly #pairs = new Map<string, Map<string, number>>();
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  readonly #sizes: number[] = [];
  #evicted = 0;
  #size = 0;
  #capacity = 4096;
  #pendingResize = -1;
  /** The smallest size since the last block: the peer must have evicted that far (RFC 7541 §4.2). */
  #pendingLeast = -1;

  /** The peer announced SETTINGS_HEADER_TABLE_SIZE; we never use more than 4096 of it. */
  setCapacity(peerBytes: number): void {
    const next = Math.min(4096, peerBytes);
    if (next === this.#capacity) return;
    this.#capacity = next;
    this.#evictTo(next);
    this.#pendingResize = next;
    if (this.#pendingLeast < 0 || next < this.#pendingLeast) this.#pendingLeast = next;
  }

  /** Most bytes that `field` can write for this pair. */
  static bound(name: string, value: string): number {
    return name.length + value.length + 16;
  }

  /** To be called first for every block. */
  begin(out: Buffer, at: number): number {
    if (this.#pendingResize < 0) return at;
    const size = this.#pendingResize;
    const least = this.#pendingLeast;
    this.#pendingResize = -1;
    this.#pendingLeast = -1;
    const start = least < size ? writeInteger(out, at, 0x20, 5, least) : at;
    return writeInteger(out, start, 0x20, 5, size);
  }

  /** Writes one field at `at` and returns the new end. `name` must be lower case. */
  field(out: Buffer, at: number, name: string, value: string): number {
    const facts = FACTS.get(name) ?? UNKNOWN;
    const fixed = facts.values?.get(value);
    if (fixed !== undefined) return writeInteger(out, at, 0x80, 7, fixed);
    if (facts.literal >= 0) return writeLiteral(out, at, facts.literal, 4, facts.index, name, value);
    const serial = this.#pairs.get(name)?.get(value);
    if (serial !== undefined)
      return writeInteger(out, at, 0x80, 7, STATIC_COUNT + this.#evicted + this.#names.length - serial);
    const size = name.length + value.length + ENTRY_OVERHEAD;
    if (size > this.#capacity / 4) return writeLiteral(out, at, 0x00, 4, facts.index, name, value);
    const end = writeLiteral(out, at, 0x40, 6, facts.index, name, value);
    this.#evictTo(this.#capacity - size);
    this.#insert(name, value);
    this.#sizes.push(size);
    this.#size += size;
    return end;
  }

  #insert(name: string, value: string): void {
    const serial = this.#evicted + this.#names.length;
    const values = this.#pairs.get(name);
    if (values === undefined) this.#pairs.set(name, new Map([[value, serial]]));
    else values.set(value, serial);
    this.#names.push(name);
    this.#values.push(value);
  }

  #forget(name: string, value: string): void {
    const values = this.#pairs.get(name);
    values?.delete(value);
    if (values?.size === 0) this.#pairs.delete(name);
  }

  #evictTo(bytes: number): void {
    let dropped = 0;
    while (this.#size > bytes && dropped < this.#names.length) {
      this.#forget(this.#names[dropped] as string, this.#values[dropped] as string);
      this.#size -= this.#sizes[dropped] as number;
      dropped += 1;
    }
    if (dropped === 0) return;
    this.#names.splice(0, dropped);
    this.#values.splice(0, dropped);
    this.#sizes.splice(0, dropped);
    this.#evicted += dropped;
  }
}

function writeInteger(out: Buffer, at: number, flags: number, prefixBits: number, value: number): number {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    out[at] = flags | value;
    return at + 1;
  }
  out[at++] = flags | mask;
  let rest = value - mask;
  while (rest >= 0x80) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}

function writeLiteral(
  out: Buffer,
  at: number,
  flags: number,
  prefixBits: number,
  nameIndex: number,
  name: string,
  value: string,
): number {
  let end = writeInteger(out, at, flags, prefixBits, nameIndex);
  if (nameIndex === 0) end = writeText(out, end, name);
  return writeText(out, end, value);
}

function writeText(out: Buffer, at: number, text: string): number {
  const { length } = text;
  const start = writeInteger(out, at, 0, 7, length);
  if (length > SHORT_TEXT) writeLatin1(out, text, start);
  else for (let i = 0; i < length; i++) out[start + i] = text.charCodeAt(i);
  return start + length;
}
