// Buffers that bulk is read into: kept for the next connection that needs one, a few of them.

/** What one read may bring. */
export const READ_BYTES = 64 * 1024;
/** As many connections as commonly carry bulk at the same moment; 1 MB in all. */
const KEPT_MAX = 16;

const kept: Buffer[] = [];

export function takeBulkBuffer(): Buffer {
  return kept.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
}

/** Only one that nobody reads from, and that no handle reads into any more. */
export function returnBulkBuffer(buffer: Buffer): void {
  if (kept.length < KEPT_MAX) kept.push(buffer);
}
