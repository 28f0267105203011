// Reads the first field of a message that has only one: the tiny extension configs of routes, without a protobuf library on the path.

/** A string or bytes field with number 1; '' when it is absent. */
export function readStringField(bytes: Uint8Array): string {
  if (bytes[0] !== 0x0a) return '';
  const length = readVarint(bytes, 1);
  return Buffer.from(bytes.subarray(length.next, length.next + length.value)).toString('utf8');
}

/** An int32 or uint32 field with number 1; 0 when it is absent. */
export function readNumberField(bytes: Uint8Array): number {
  return bytes[0] === 0x08 ? readVarint(bytes, 1).value : 0;
}

function readVarint(bytes: Uint8Array, start: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let at = start;
  for (let shift = 1; at < bytes.length && at < start + 5; shift *= 128) {
    const byte = bytes[at++] as number;
    value += (byte & 0x7f) * shift;
    if (byte < 0x80) break;
  }
  return { value, next: at };
}
