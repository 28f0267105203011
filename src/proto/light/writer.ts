// Writes the protobuf wire format into one growing buffer; for the few messages that are encoded by hand.

const utf8 = new TextEncoder();

export class ProtoWriter {
  #buf: Uint8Array;
  #view: DataView;
  #pos = 0;

  constructor(capacity = 256) {
    this.#buf = new Uint8Array(capacity);
    this.#view = new DataView(this.#buf.buffer);
  }

  /** What was written, as a view: the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#buf.subarray(0, this.#pos);
  }

  tag(field: number, wire: number): this {
    return this.varint((field << 3) | wire);
  }

  /** An unsigned 32-bit varint. */
  varint(value: number): this {
    this.#room(5);
    let n = value >>> 0;
    while (n > 0x7f) {
      this.#buf[this.#pos++] = (n & 0x7f) | 0x80;
      n >>>= 7;
    }
    this.#buf[this.#pos++] = n;
    return this;
  }

  varint64(value: bigint): this {
    this.#room(10);
    let n = BigInt.asUintN(64, value);
    while (n > 0x7fn) {
      this.#buf[this.#pos++] = Number(n & 0x7fn) | 0x80;
      n >>= 7n;
    }
    this.#buf[this.#pos++] = Number(n);
    return this;
  }

  /** A signed number of the int32 type: negative ones take ten bytes. */
  int32(value: number): this {
    return value < 0 ? this.varint64(BigInt(value)) : this.varint(value);
  }

  double(value: number): this {
    this.#room(8);
    this.#view.setFloat64(this.#pos, value, true);
    this.#pos += 8;
    return this;
  }

  float(value: number): this {
    this.#room(4);
    this.#view.setFloat32(this.#pos, value, true);
    this.#pos += 4;
    return this;
  }

  fixed32(value: number): this {
    this.#room(4);
    this.#view.setUint32(this.#pos, value >>> 0, true);
    this.#pos += 4;
    return this;
  }

  fixed64(value: bigint): this {
    this.#room(8);
    this.#view.setBigUint64(this.#pos, BigInt.asUintN(64, value), true);
    this.#pos += 8;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#buf.set(bytes, this.#pos);
    this.#pos += bytes.length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  string(text: string): this {
    return this.bytes(utf8.encode(text));
  }

  /** A string field, left out when empty as proto3 does. */
  stringField(field: number, text: string): this {
    return text === '' ? this : this.tag(field, 2).string(text);
  }

  bytesField(field: number, bytes: Uint8Array): this {
    return bytes.length === 0 ? this : this.tag(field, 2).bytes(bytes);
  }

  /** A message field; written also when it is empty. */
  message(field: number, write: (inner: ProtoWriter) => void): this {
    const inner = new ProtoWriter(64);
    write(inner);
    return this.tag(field, 2).bytes(inner.finish());
  }

  #room(size: number): void {
    const need = this.#pos + size;
    if (need <= this.#buf.length) return;
    const grown = new Uint8Array(Math.max(need, this.#buf.length * 2));
    grown.set(this.#buf.subarray(0, this.#pos));
    this.#buf = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Bytes that an unsigned varint takes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
