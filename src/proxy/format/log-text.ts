// Header values are bytes in latin1; what is logged is text. Bytes that are UTF-8 become the characters they stand for, and
// none of them a control character.
import { visibleBeyondAscii } from '#base';

const BEYOND_ASCII = /[\x80-\uffff]/;
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

export function logText(value: string): string {
  if (!BEYOND_ASCII.test(value)) return value;
  // Not bytes: it came from configuration or a certificate and is text already.
  if (BEYOND_LATIN1.test(value)) return visibleBeyondAscii(value);
  const decoded = Buffer.from(value, 'latin1').toString('utf8');
  return visibleBeyondAscii(decoded.includes('\ufffd') ? value : decoded);
}
