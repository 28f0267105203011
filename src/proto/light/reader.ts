// Reads the protobuf wire format (protobuf.dev/programming-guides/encoding); bounds-checked, no allocation of its own.

const TAG = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;
export const WIRE_TYPE = TAG;

/** Characters put together one by one: from 13 on V8 keeps each step of that, 1 kB for a cluster's name. */
const PIECED_MAX = 12;
const GROUP_DEPTH_MAX = 32;
/** Node's own, a third of a TextDecoder's time; it works on any Uint8Array. */
const { latin1Slice } = Buffer.prototype as unknown as {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string;
};
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes are no message of this type. */
export class MalformedProtobuf extends Error {
  readonly code = 'TSP-PROTO-001';

  constructor(detail: string) {
    super(`malformed protobuf: ${detail}; the sender encoded another type or the bytes were damaged`);
    this.name = 'MalformedProtobuf';
  }
}

export class ProtoReader {
  pos: number;
  end: number;
  /** Field number and wire type of the last `next()`. */
  field = 0;
  wire = 0;
  readonly #buf: Uint8Array;
  #view: DataView | undefined;

  constructor(buf: Uint8Array, start = 0, end = buf.length) {
    this.#buf = buf;
    this.pos = start;
    this.end = end;
  }

  /** Reads the next tag; false at the end of the message. */
  next(): boolean {
    if (this.pos >= this.end) return false;
    const tag = this.uint32();
    this.field = tag >>> 3;
    this.wire = tag & 7;
    if (this.field === 0 || this.wire > 5) throw new MalformedProtobuf(`illegal tag ${tag}`);
    return true;
  }

  uint32(): number {
    const buf = this.#buf;
    let byte = this.#byte(buf);
    let value = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      if (shift > 63) throw new MalformedProtobuf('a varint is longer than 10 bytes');
      byte = this.#byte(buf);
      if (shift < 32) value |= (byte & 0x7f) << shift;
    }
    return value >>> 0;
  }

  int32(): number {
    return this.uint32() | 0;
  }

  sint32(): number {
    const n = this.uint32();
    return (n >>> 1) ^ -(n & 1);
  }

  bool(): boolean {
    const buf = this.#buf;
    let any = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte(buf);
      any |= byte & 0x7f;
      if (byte <= 0x7f) return any !== 0;
    }
    throw new MalformedProtobuf('a varint is longer than 10 bytes');
  }

  uint64(): bigint {
    const buf = this.#buf;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte(buf);
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte <= 0x7f) return high === 0 ? BigInt(low >>> 0) : (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    }
    throw new MalformedProtobuf('a varint is longer than 10 bytes');
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  sint64(): bigint {
    const n = this.uint64();
    return (n >> 1n) ^ -(n & 1n);
  }

  fixed32(): number {
    return this.#fixed(4).getUint32(this.pos - 4, true);
  }

  sfixed32(): number {
    return this.#fixed(4).getInt32(this.pos - 4, true);
  }

  float(): number {
    return this.#fixed(4).getFloat32(this.pos - 4, true);
  }

  fixed64(): bigint {
    return this.#fixed(8).getBigUint64(this.pos - 8, true);
  }

  sfixed64(): bigint {
    return this.#fixed(8).getBigInt64(this.pos - 8, true);
  }

  double(): number {
    return this.#fixed(8).getFloat64(this.pos - 8, true);
  }

  /** A view into the input, not a copy. */
  bytes(): Uint8Array {
    const start = this.enter();
    return this.#buf.subarray(start, this.pos);
  }

  string(): string {
    const start = this.enter();
    const end = this.pos;
    const buf = this.#buf;
    if (end - start <= PIECED_MAX) {
      let text = '';
      let i = start;
      for (; i < end; i++) {
        const code = buf[i] as number;
        if (code > 0x7f) break;
        text += String.fromCharCode(code);
      }
      if (i === end) return text;
    } else if (isAscii(buf, start, end)) return latin1Slice.call(buf, start, end);
    try {
      return strictUtf8.decode(buf.subarray(start, end));
    } catch {
      throw new MalformedProtobuf('a string is not UTF-8');
    }
  }

  /** Steps over a length-delimited value and returns where it started; `pos` is its end. */
  enter(): number {
    if (this.wire !== TAG.bytes) throw new MalformedProtobuf(`field ${this.field} has wire type ${this.wire}, not 2`);
    return this.length();
  }

  /** As `enter`, whatever the tag was (inside packed lists). */
  length(): number {
    const size = this.uint32();
    const start = this.pos;
    if (size > this.end - start) throw new MalformedProtobuf('a length reaches past the end');
    this.pos = start + size;
    return start;
  }

  /** Reads a message of `size` with the same reader: set `end`, read, and put it back. */
  sub(): ProtoReader {
    const start = this.enter();
    return new ProtoReader(this.#buf, start, this.pos);
  }

  skip(depth = 0): void {
    switch (this.wire) {
      case TAG.varint:
        for (let i = 0; i < 10; i++) if (this.#byte(this.#buf) <= 0x7f) return;
        throw new MalformedProtobuf('a varint is longer than 10 bytes');
      case TAG.fixed64:
        this.#fixed(8);
        return;
      case TAG.bytes:
        this.length();
        return;
      case TAG.fixed32:
        this.#fixed(4);
        return;
      case TAG.startGroup:
        this.#skipGroup(depth);
        return;
      default:
        throw new MalformedProtobuf('a group ends that did not begin');
    }
  }

  #skipGroup(depth: number): void {
    if (depth >= GROUP_DEPTH_MAX) throw new MalformedProtobuf('groups are nested too deeply');
    const field = this.field;
    while (this.next()) {
      if (this.wire === TAG.endGroup) {
        if (this.field !== field) throw new MalformedProtobuf('a group ends that did not begin');
        return;
      }
      this.skip(depth + 1);
    }
    throw new MalformedProtobuf('a group does not end');
  }

  #byte(buf: Uint8Array): number {
    if (this.pos >= this.end) throw new MalformedProtobuf('it ends inside a number');
    return buf[this.pos++] as number;
  }

  #fixed(size: number): DataView {
    if (this.end - this.pos < size) throw new MalformedProtobuf('it ends inside a number');
    this.pos += size;
    this.#view ??= new DataView(this.#buf.buffer, this.#buf.byteOffset, this.#buf.byteLength);
    return this.#view;
  }
}

function isAscii(buf: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((buf[i] as number) > 0x7f) return false;
  return true;
}
