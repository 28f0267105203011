// Domain names on the wire: labels and compression pointers in (RFC 1035 §4.1.4), lower-case text out.
// Bytes that are no host name's are written \DDD, as in master files (§5.1), so that every name has one text.
import { DnsError } from './errors.ts';
import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from './limits.ts';

export interface ReadName {
  /** Without the final dot; '' is the root. */
  readonly text: string;
  /** Where the field after the name begins. */
  readonly end: number;
}

export function readName(bytes: Uint8Array, start: number): ReadName {
  const labels: string[] = [];
  let at = start;
  let end = -1;
  let total = 1;
  // Each pointer must point before the one followed last: what is read gets shorter, so this ends.
  let floor = start;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) throw new DnsError('dns_truncated', 'name');
    if (length === 0) break;
    if ((length & 0xc0) === 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) throw new DnsError('dns_truncated', 'name');
      const target = ((length & 0x3f) << 8) | low;
      if (target >= floor) throw new DnsError('dns_pointer', 'name');
      if (end < 0) end = at + 2;
      floor = target;
      at = target;
      continue;
    }
    if (length > LABEL_BYTES_MAX) throw new DnsError('dns_label', 'name');
    total += length + 1;
    if (total > NAME_BYTES_MAX) throw new DnsError('dns_name_too_long', 'name');
    if (at + 1 + length > bytes.length) throw new DnsError('dns_truncated', 'name');
    labels.push(labelText(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return { text: labels.join('.'), end: end < 0 ? at + 1 : end };
}

/** Uncompressed. Throws for text that is no name. */
export function writeName(text: string): Uint8Array {
  if (text === '') return Uint8Array.of(0);
  const out: number[] = [];
  for (const label of text.split(/(?<!\\)\./)) {
    const bytes = labelBytes(label);
    if (bytes.length === 0 || bytes.length > LABEL_BYTES_MAX) throw new DnsError('dns_label', text);
    out.push(bytes.length, ...bytes);
  }
  out.push(0);
  if (out.length > NAME_BYTES_MAX) throw new DnsError('dns_name_too_long', text);
  return Uint8Array.from(out);
}

function labelText(bytes: Uint8Array): string {
  let text = '';
  for (const b of bytes) {
    const lower = b >= 0x41 && b <= 0x5a ? b + 32 : b;
    const plain =
      (lower >= 0x61 && lower <= 0x7a) || (b >= 0x30 && b <= 0x39) || b === 0x2d || b === 0x5f || b === 0x2a;
    text += plain ? String.fromCharCode(lower) : `\\${String(b).padStart(3, '0')}`;
  }
  return text;
}

function labelBytes(label: string): number[] {
  const out: number[] = [];
  for (let i = 0; i < label.length; i++) {
    const escaped = label[i] === '\\' ? /^\d{3}/.exec(label.slice(i + 1)) : null;
    if (escaped !== null && Number(escaped[0]) < 256) {
      out.push(Number(escaped[0]));
      i += 3;
      continue;
    }
    const code = label.charCodeAt(i);
    if (code <= 0x20 || code > 0x7e || label[i] === '\\') throw new DnsError('dns_label', label);
    out.push(code);
  }
  return out;
}
