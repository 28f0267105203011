// Writes DER elements (X.690 §10): every function returns one whole element.

import { TAG } from './der.ts';

export function tlv(tag: number, ...values: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const value of values) length += value.length;
  const head = [tag];
  if (length < 0x80) head.push(length);
  else {
    const bytes: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff);
    head.push(0x80 | bytes.length, ...bytes);
  }
  return Buffer.concat([Uint8Array.from(head), ...values]);
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tlv(TAG.sequence, ...parts);
}

/** Non-negative, from big-endian bytes. */
export function integer(bytes: Uint8Array): Uint8Array {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const minimal = bytes.length === 0 ? Uint8Array.of(0) : bytes.subarray(from);
  return (minimal[0] as number) >= 0x80 ? tlv(TAG.integer, Uint8Array.of(0), minimal) : tlv(TAG.integer, minimal);
}

export function smallInteger(value: number): Uint8Array {
  return integer(Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff));
}

export function oid(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [(first as number) * 40 + (second as number), ...rest]) {
    const septets = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      septets.unshift((left & 0x7f) | 0x80);
    bytes.push(...septets);
  }
  return tlv(TAG.oid, Uint8Array.from(bytes));
}

export function boolean(value: boolean): Uint8Array {
  return tlv(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
}

export function octetString(value: Uint8Array): Uint8Array {
  return tlv(TAG.octetString, value);
}

export function bitString(bits: Uint8Array, unused = 0): Uint8Array {
  return tlv(TAG.bitString, Uint8Array.of(unused), bits);
}

export function utf8String(text: string): Uint8Array {
  return tlv(TAG.utf8String, Buffer.from(text, 'utf8'));
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5); whole seconds. */
export function time(ms: number): Uint8Array {
  const text = new Date(Math.floor(ms / 1000) * 1000).toISOString().replace(/[-:T]|\.000/g, '');
  const year = Number(text.slice(0, 4));
  return year < 2050 && year >= 1950
    ? tlv(TAG.utcTime, Buffer.from(text.slice(2)))
    : tlv(TAG.generalizedTime, Buffer.from(text));
}
