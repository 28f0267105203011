// The same bytes as a Buffer, for filters, without a copy.

const { isBuffer } = Buffer;

export function asBuffer(data: Uint8Array): Buffer {
  return isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
