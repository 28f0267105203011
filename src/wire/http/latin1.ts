// Bytes as latin1 text and back: the calls behind toString('latin1') and write(…, 'latin1') after they looked their arguments over.

interface Latin1 {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number, length: number): number;
}

export function latin1(data: Buffer, start: number, end: number): string {
  return (data as unknown as Latin1).latin1Slice(start, end);
}

/** Writes `text` at `at`; characters above U+00FF are cut to their low byte. */
export function writeLatin1(data: Buffer, text: string, at: number): void {
  (data as unknown as Latin1).latin1Write(text, at, text.length);
}
