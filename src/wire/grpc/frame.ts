// gRPC's length-prefixed messages (PROTOCOL-HTTP2): one flag byte, four bytes of length, the message.
import { GRPC_ERRORS } from './errors.ts';
import type { GrpcStatus } from './status.ts';

/** Unpacks gzip; undefined when it is damaged or larger than `bytesMax`. */
export type Gunzip = (bytes: Uint8Array, bytesMax: number) => Uint8Array | undefined;

export const FRAME_HEADER_BYTES = 5;

export function frameHeader(messageBytes: number): Uint8Array {
  return new Uint8Array([
    0,
    messageBytes >>> 24,
    (messageBytes >>> 16) & 0xff,
    (messageBytes >>> 8) & 0xff,
    messageBytes & 0xff,
  ]);
}

/** The chunks of one frame around a message that is given in parts; the parts are not copied. */
export function frame(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  let size = 0;
  for (const part of parts) size += part.length;
  return [frameHeader(size), ...parts];
}

export class FrameDecoder {
  readonly #bytesMax: number;
  readonly #gunzip: Gunzip | undefined;
  #chunks: Uint8Array[] = [];
  #buffered = 0;

  /** `gunzip` is given when the peer announced grpc-encoding: gzip. */
  constructor(bytesMax: number, gunzip: Gunzip | undefined) {
    this.#bytesMax = bytesMax;
    this.#gunzip = gunzip;
  }

  /** True when the peer may end here. */
  get empty(): boolean {
    return this.#buffered === 0;
  }

  /** Calls `message` for every message that `data` completes; returns a status when the stream is broken. */
  push(data: Uint8Array, message: (bytes: Uint8Array) => void): GrpcStatus | undefined {
    let rest = data;
    for (;;) {
      const whole = this.#buffered === 0 ? rest : this.#joined(rest);
      if (whole === undefined) return undefined;
      if (whole.length < FRAME_HEADER_BYTES) return this.#keep(whole);
      const size = lengthOf(whole);
      if (size > this.#bytesMax) return GRPC_ERRORS.tooLarge(size, this.#bytesMax);
      if (whole.length < FRAME_HEADER_BYTES + size) return this.#keep(whole);
      const flag = whole[0] as number;
      const body = whole.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + size);
      rest = whole.subarray(FRAME_HEADER_BYTES + size);
      const failure = this.#deliver(flag, body, message);
      if (failure !== undefined) return failure;
      if (rest.length === 0) return undefined;
    }
  }

  #deliver(flag: number, body: Uint8Array, message: (bytes: Uint8Array) => void): GrpcStatus | undefined {
    if (flag === 0) {
      message(body);
      return undefined;
    }
    if (flag !== 1) return GRPC_ERRORS.badFlag(flag);
    if (this.#gunzip === undefined) return GRPC_ERRORS.compressedWithoutEncoding;
    const plain = this.#gunzip(body, this.#bytesMax);
    if (plain === undefined) return GRPC_ERRORS.badGzip;
    message(plain);
    return undefined;
  }

  #keep(bytes: Uint8Array): undefined {
    if (bytes.length > 0) this.#chunks = [bytes];
    this.#buffered = bytes.length;
  }

  /** What is buffered and `data` in one piece, once a frame is complete; undefined until then, so that a large message is copied once. */
  #joined(data: Uint8Array): Uint8Array | undefined {
    const first = this.#chunks[0] as Uint8Array;
    this.#chunks.push(data);
    this.#buffered += data.length;
    if (first.length >= FRAME_HEADER_BYTES) {
      const size = lengthOf(first);
      if (size <= this.#bytesMax && this.#buffered < FRAME_HEADER_BYTES + size) return undefined;
    }
    const whole = new Uint8Array(this.#buffered);
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [];
    this.#buffered = 0;
    return whole;
  }
}

function lengthOf(bytes: Uint8Array): number {
  return (
    (((bytes[1] as number) << 24) |
      ((bytes[2] as number) << 16) |
      ((bytes[3] as number) << 8) |
      (bytes[4] as number)) >>>
    0
  );
}
