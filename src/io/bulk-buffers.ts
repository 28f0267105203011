// Buffers that bulk is read into: kept for the next connection that needs one, a few of them.

/** What one read may bring: HTTP/2's usual window of 64 kB with the headers of its frames, or the rest costs a read and a write of its own. */
export const READ_BYTES = 72 * 1024;
/** The same where bulk comes as fast as it is taken: a third of the system calls. */
const LARGE_BYTES = 256 * 1024;
/** As many connections as commonly carry bulk at the same moment; 1 MB in all. */
const KEPT_MAX = 16;
/** Reads below this show that it does not; a message's last piece is longer. */
const SPARSE_BYTES = 16 * 1024;
/** Connections that read so much at once, 2 MB in all; the others read as usual. */
const LARGE_MAX = 8;

const kept: Buffer[] = [];
const keptLarge: Buffer[] = [];
let largeLent = 0;

export function takeBulkBuffer(): Buffer {
  return kept.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
}

/** Only one that nobody reads from, and that no handle reads into any more. */
export function returnBulkBuffer(buffer: Buffer): void {
  if (buffer.length === LARGE_BYTES) {
    largeLent--;
    keptLarge.push(buffer);
  } else if (kept.length < KEPT_MAX) kept.push(buffer);
}

/**
 * Nothing is read for now: a connection that rests holds no buffer, but a large one, of which there are few. Gives where the next
 * read goes, undefined where that is decided when it has come.
 */
export function leaveBulkBuffer(buffer: Buffer, reusable: boolean): Buffer | undefined {
  const large = buffer.length === LARGE_BYTES;
  if (!reusable) {
    if (large) largeLent--;
    return undefined;
  }
  if (large) return buffer;
  returnBulkBuffer(buffer);
  return undefined;
}

/**
 * Where the next read goes after one of `length` bytes into `buffer`. `reusable`: nobody keeps any of them;
 * whoever does not take them as fast as they come gets no large buffers, which he would only hold.
 */
export function nextBulkBuffer(buffer: Buffer, length: number, reusable: boolean): Buffer {
  const large = buffer.length === LARGE_BYTES;
  if (!reusable) {
    if (large) largeLent--;
    return takeBulkBuffer();
  }
  if (large ? length >= SPARSE_BYTES : length < READ_BYTES || largeLent === LARGE_MAX) return buffer;
  returnBulkBuffer(buffer);
  if (large) return takeBulkBuffer();
  largeLent++;
  return keptLarge.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
}
