// Body that waits for a window: copied into blocks that are used again, so that the buffer it was read into is free for the next read.
//
// Small pieces come together on the way: a thousand waiting messages leave in a few full frames.
import { consumeBytes } from '#base';

/** A frame of the usual size. The frame writer copies so much at once: a block is free as soon as it was written. */
const BLOCK_BYTES = 16 * 1024;
/** Where little waits: a thousand streams with an answer of a few bytes each would hold 16 MB. */
const SMALL_BYTES = 512;
/** 1 MB in all. */
const KEPT_MAX = 64;

const kept: Buffer[] = [];

interface Piece {
  bytes: Uint8Array;
  /** A block of ours, or what somebody gave us and does not change. */
  readonly block: boolean;
  from: number;
  to: number;
}

export class BodyQueue {
  /** Bytes that wait. */
  bytes = 0;
  readonly #pieces: Piece[] = [];

  push(data: Uint8Array): void {
    if (data.length === 0) return;
    this.bytes += data.length;
    if (data.length > BLOCK_BYTES) {
      this.#pieces.push({ bytes: data, block: false, from: 0, to: data.length });
      return;
    }
    const tail = this.#pieces.at(-1);
    let room = 0;
    if (tail?.block === true) {
      if (tail.bytes.length < tail.to + data.length && tail.bytes.length < BLOCK_BYTES) enlarge(tail);
      room = Math.min(tail.bytes.length - tail.to, data.length);
      tail.bytes.set(room === data.length ? data : data.subarray(0, room), tail.to);
      tail.to += room;
    }
    if (room < data.length) {
      const few = this.#pieces.length === 0 && data.length <= SMALL_BYTES;
      const block = few ? Buffer.allocUnsafe(SMALL_BYTES) : takeBlock();
      block.set(room === 0 ? data : data.subarray(room));
      this.#pieces.push({ bytes: block, block: true, from: 0, to: data.length - room });
    }
    consumeBytes(data);
  }

  /** What is first, at most so much of it: valid until `drop`. */
  first(bytesMax: number): Uint8Array {
    const piece = this.#pieces[0] as Piece;
    return piece.bytes.subarray(piece.from, Math.min(piece.to, piece.from + bytesMax));
  }

  /** The first bytes were written. */
  drop(bytes: number): void {
    const piece = this.#pieces[0] as Piece;
    this.bytes -= bytes;
    piece.from += bytes;
    if (piece.from < piece.to) return;
    this.#pieces.shift();
    if (piece.block && piece.bytes.length === BLOCK_BYTES && kept.length < KEPT_MAX) kept.push(piece.bytes as Buffer);
  }
}

function takeBlock(): Buffer {
  return kept.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
}

function enlarge(piece: Piece): void {
  const block = takeBlock();
  block.set(piece.bytes.subarray(piece.from, piece.to));
  piece.bytes = block;
  piece.to -= piece.from;
  piece.from = 0;
}
