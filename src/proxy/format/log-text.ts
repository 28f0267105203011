// Header values are bytes in latin1; what is logged is text. Bytes that are UTF-8 become the characters they stand for.

export function logText(value: string): string {
  let beyondAscii = false;
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    // Not bytes: it came from configuration or a certificate and is text already.
    if (c > 0xff) return value;
    if (c > 0x7f) beyondAscii = true;
  }
  if (!beyondAscii) return value;
  const decoded = Buffer.from(value, 'latin1').toString('utf8');
  return decoded.includes('\ufffd') ? value : decoded;
}
