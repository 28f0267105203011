// The percent-encoding of grpc-message: printable ASCII but '%' as it is, every other byte of UTF-8 as %XX.

const utf8 = new TextEncoder();
const lenient = new TextDecoder();

export function encodeStatusMessage(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let out = '';
  for (const byte of utf8.encode(text)) {
    out +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** Never fails: what is no valid escape stays as it is, as the specification asks. */
export function decodeStatusMessage(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === '%' ? text.slice(i + 1, i + 3) : '';
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else {
      bytes.push(...utf8.encode(text[i] as string));
    }
  }
  return lenient.decode(new Uint8Array(bytes));
}
