// Bytes as latin1 text and back: the calls behind toString('latin1') and write(…, 'latin1') after they looked their arguments over.

interface Latin1 {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number, length: number): number;
}

export function latin1(data: Buffer, start: number, end: number): string {
  return (data as unknown as Latin1).latin1Slice(start, end);
}

let lastData: Uint8Array | undefined;
let lastText = '';

/** Whoever made `data` has its text as well: most of the time `latin1Of` is asked for it next. */
export function rememberText(data: Uint8Array, text: string): void {
  lastData = data;
  lastText = text;
}

export function latin1Of(data: Uint8Array): string {
  if (data === lastData) return lastText;
  const buffer = Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return latin1(buffer, 0, buffer.length);
}

/** Writes `text` at `at`; characters above U+00FF are cut to their low byte. */
export function writeLatin1(data: Buffer, text: string, at: number): void {
  (data as unknown as Latin1).latin1Write(text, at, text.length);
}
