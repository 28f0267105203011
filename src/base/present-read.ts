// The read whose bytes are being handled right now: tells the socket whether its buffer can take the next read.
//
// A buffer of 64 kB that is handed on is mapped, faulted in page by page, and unmapped again by the garbage collector:
// more than half of what passing bulk on costs. So whoever is done with bytes within the call counts them here; when
// all were counted the buffer is read into again. Who keeps bytes counts nothing, and the buffer is theirs for good.
// Only who sends bytes *and* keeps them has to say so (`keepRead`).

/** Copying so much costs less than a new buffer. */
const KEPT_COPY_MAX = 16 * 1024;

let buffer: ArrayBufferLike | undefined;
/** All of `buffer`. */
let whole: Uint8Array | undefined;
let consumed = 0;
/** Where bytes begin whose header before them was read, and is of no use any more; -1: nowhere. */
let relayed = -1;

/** `into` holds the bytes that are about to be handled; all of its memory is its own. */
export function beginRead(into: Uint8Array): void {
  buffer = into.buffer;
  whole = into;
  consumed = 0;
  relayed = -1;
}

/** The bytes before `at` in `data` are a header that was read and counted: whoever sends on what follows may write another one there. */
export function offerHeader(data: Uint8Array, at: number): void {
  relayed = data.buffer === buffer ? data.byteOffset + at : -1;
}

/** All of the read's memory, where `data` may be sent from as it is, with a header before it. At most once for each offer. */
export function takeHeader(data: Uint8Array): Uint8Array | undefined {
  if (data.byteOffset !== relayed || data.buffer !== buffer) return undefined;
  relayed = -1;
  return whole;
}

/** Nobody needs these bytes any more: the kernel has them, or their text was taken. Each byte at most once. */
export function consumeBytes(data: Uint8Array): void {
  if (data.buffer === buffer) consumed += data.length;
}

/** `length` bytes of `data`, as with `consumeBytes`. */
export function consumeSome(data: Uint8Array, length: number): void {
  if (data.buffer === buffer) consumed += length;
}

/** Somebody keeps bytes of this read though they were, or will be, sent on. */
export function keepRead(): void {
  consumed = Number.NaN;
}

/** Bytes that are sent on, and needed after that: a copy where a short piece would cost all of the read's buffer. */
export function keptBytes(data: Uint8Array): Uint8Array {
  if (data.buffer !== buffer) return data;
  if (data.length <= KEPT_COPY_MAX) return Buffer.from(data);
  keepRead();
  return data;
}

/** Bytes that wait for more: as many as they are, and not the read's whole buffer. They are counted. */
export function copyOfRead(data: Buffer): Buffer {
  if (data.buffer !== buffer) return data;
  consumed += data.length;
  return Buffer.from(data);
}

/** True when nobody needs any of the `length` bytes that were read. */
export function endRead(length: number): boolean {
  buffer = whole = undefined;
  relayed = -1;
  return consumed === length;
}
