// Body that waits for a window: copied into blocks that are used again, so that the buffer it was read into is free for the next read.
//
// Small pieces come together on the way: a thousand waiting messages leave in a few full frames.
import { consumeBytes } from '#base';

/** A frame of the usual size. The frame writer copies so much at once: a block is free as soon as it was written. */
const BLOCK_BYTES = 16 * 1024;
/** 1 MB in all. */
const KEPT_MAX = 64;

const kept: Buffer[] = [];

interface Piece {
  readonly bytes: Uint8Array;
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
    const room = tail?.block === true ? Math.min(BLOCK_BYTES - tail.to, data.length) : 0;
    if (tail !== undefined && room > 0) {
      tail.bytes.set(room === data.length ? data : data.subarray(0, room), tail.to);
      tail.to += room;
    }
    if (room < data.length) {
      const block = kept.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
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
    if (piece.block && kept.length < KEPT_MAX) kept.push(piece.bytes as Buffer);
  }
}
