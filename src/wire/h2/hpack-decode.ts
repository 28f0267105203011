// HPACK decoder (RFC 7541): bytes of one header block in, names and values out, with the limits checked as it goes.
import { latin1 } from '../http/latin1.ts';
import { ConnectionError, H2_ERROR } from './errors.ts';
import { decodeHuffman } from './huffman.ts';
import { STATIC_COUNT, STATIC_NAMES, STATIC_VALUES } from './static-table.ts';

const ENTRY_OVERHEAD = 32;
/**
 * So many fields beyond the limit are decoded to keep the table in step. Who sends more is no client that has a cookie too many, and a
 * block names a hundred thousand of them: milliseconds of everybody's time for each 431.
 */
const EXCESS_FIELDS_MAX = 1_000;

export type DecodeVerdict = 'ok' | 'too-large';

export class HpackDecoder {
  /** Newest first would need a shift per insert: a ring, newest at `#head - 1`. */
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  #first = 0;
  #size = 0;
  #capacity: number;
  readonly #capacityMax: number;

  constructor(tableBytesMax = 4096) {
    this.#capacity = tableBytesMax;
    this.#capacityMax = tableBytesMax;
  }

  /**
   * Pushes name, value pairs to `out`. The whole block is always decoded, because the dynamic table
   * must stay in step; what is over the limits is decoded but not kept, and `too-large` says so. Throws a ConnectionError for a
   * malformed block, and for one of so many fields that it is a flood.
   */
  decode(
    block: Buffer,
    out: string[],
    limits: { readonly bytesMax: number; readonly countMax: number },
  ): DecodeVerdict {
    const reader = { bytes: block, at: 0 };
    let size = 0;
    let count = 0;
    let updatesAllowed = true;
    while (reader.at < block.length) {
      const byte = block[reader.at] as number;
      let name: string;
      let value: string;
      if (byte & 0x80) {
        const index = readInteger(reader, 7);
        name = this.#name(index);
        value = this.#value(index);
      } else if ((byte & 0xe0) === 0x20) {
        if (!updatesAllowed) throw compression('a table size update after the first field');
        this.#resize(readInteger(reader, 5));
        continue;
      } else {
        const indexed = (byte & 0x40) !== 0;
        const index = readInteger(reader, indexed ? 6 : 4);
        name = index === 0 ? readString(reader, limits.bytesMax) : this.#name(index);
        value = readString(reader, limits.bytesMax);
        if (indexed) this.#insert(name, value);
      }
      updatesAllowed = false;
      size += name.length + value.length + ENTRY_OVERHEAD;
      count += 1;
      if (count > limits.countMax + EXCESS_FIELDS_MAX) throw excess();
      if (size <= limits.bytesMax && count <= limits.countMax) out.push(name, value);
    }
    return size <= limits.bytesMax && count <= limits.countMax ? 'ok' : 'too-large';
  }

  #name(index: number): string {
    if (index >= 1 && index <= STATIC_COUNT) return STATIC_NAMES[index] as string;
    return this.#names[this.#slot(index)] as string;
  }

  #value(index: number): string {
    if (index >= 1 && index <= STATIC_COUNT) return STATIC_VALUES[index] as string;
    return this.#values[this.#slot(index)] as string;
  }

  #slot(index: number): number {
    const slot = this.#names.length - (index - STATIC_COUNT);
    if (index === 0 || slot < this.#first) throw compression(`index ${index} is not in the table`);
    return slot;
  }

  #insert(name: string, value: string): void {
    const size = name.length + value.length + ENTRY_OVERHEAD;
    this.#evictTo(this.#capacity - size);
    if (size > this.#capacity) return;
    this.#names.push(name);
    this.#values.push(value);
    this.#size += size;
  }

  #resize(capacity: number): void {
    if (capacity > this.#capacityMax)
      throw compression(`a table of ${capacity} bytes, over the announced ${this.#capacityMax}`);
    this.#capacity = capacity;
    this.#evictTo(capacity);
  }

  #evictTo(bytes: number): void {
    while (this.#size > bytes && this.#first < this.#names.length) {
      this.#size -=
        (this.#names[this.#first] as string).length + (this.#values[this.#first] as string).length + ENTRY_OVERHEAD;
      this.#first += 1;
    }
    // The dead front is dropped in one go once it outweighs the living rest.
    if (this.#first > 64 && this.#first * 2 > this.#names.length) {
      this.#names.splice(0, this.#first);
      this.#values.splice(0, this.#first);
      this.#first = 0;
    }
  }
}

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

/** RFC 7541 §5.1; more than 28 bits are refused. */
function readInteger(reader: Reader, prefixBits: number): number {
  const mask = (1 << prefixBits) - 1;
  let value = (reader.bytes[reader.at++] as number) & mask;
  if (value < mask) return value;
  for (let shift = 0; shift <= 21; shift += 7) {
    const byte = reader.bytes[reader.at++];
    if (byte === undefined) throw compression('an integer is cut off');
    value += (byte & 0x7f) << shift;
    if ((byte & 0x80) === 0) return value;
  }
  throw compression('an integer is too large');
}

function readString(reader: Reader, bytesMax: number): string {
  const first = reader.bytes[reader.at];
  if (first === undefined) throw compression('a string is cut off');
  const length = readInteger(reader, 7);
  const end = reader.at + length;
  if (end > reader.bytes.length) throw compression('a string is cut off');
  // A Huffman code is at most 8/5 times longer decoded; the block's own limit bounds it.
  if (length > bytesMax * 2) throw compression('a string is too large');
  const start = reader.at;
  reader.at = end;
  if ((first & 0x80) === 0) return latin1(reader.bytes, start, end);
  const text = decodeHuffman(reader.bytes, start, end);
  if (text === undefined) throw compression('a Huffman code is malformed');
  return text;
}

function excess(): ConnectionError {
  return new ConnectionError(H2_ERROR.ENHANCE_YOUR_CALM, 'a header list of far too many fields', 'header_overflow');
}

function compression(detail: string): ConnectionError {
  return new ConnectionError(H2_ERROR.COMPRESSION_ERROR, `HPACK: ${detail}`);
}
