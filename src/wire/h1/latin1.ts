// Bytes as latin1 text. Buffer.latin1Slice is what toString('latin1') calls after looking its arguments over.

type Latin1 = { latin1Slice(start: number, end: number): string };

export function latin1(data: Buffer, start: number, end: number): string {
  return (data as unknown as Latin1).latin1Slice(start, end);
}

export function latin1Of(data: Uint8Array): string {
  return Buffer.isBuffer(data) ? latin1(data, 0, data.length) : latin1(Buffer.from(data.buffer, data.byteOffset, data.byteLength), 0, data.byteLength);
}
