// Strict DER reader (X.690): definite minimal lengths, one-byte tags, nothing after the end. Throws TlsBytesError.

import { TlsBytesError } from './errors.ts';
import { DER_CHILDREN_MAX } from './limits.ts';

/** One element; offsets into `bytes`. */
export interface Der {
  readonly bytes: Uint8Array;
  readonly tag: number;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tag `[n]`. */
export function contextTag(n: number, constructed: boolean): number {
  return 0x80 | (constructed ? 0x20 : 0) | n;
}

/** The one element that `bytes` consist of. */
export function readDer(bytes: Uint8Array): Der {
  const element = readElement(bytes, 0, bytes.length);
  if (element.end !== bytes.length) throw new TlsBytesError('der_trailing');
  return element;
}

export function readElement(bytes: Uint8Array, at: number, limit: number): Der {
  if (at + 2 > limit) throw new TlsBytesError('der_truncated');
  const tag = bytes[at] as number;
  if ((tag & 0x1f) === 0x1f) throw new TlsBytesError('der_not_canonical', 'tag number over 30');
  let length = bytes[at + 1] as number;
  let valueStart = at + 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0) throw new TlsBytesError('der_not_canonical', 'indefinite length');
    if (count > 4) throw new TlsBytesError('der_too_large');
    if (valueStart + count > limit) throw new TlsBytesError('der_truncated');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[valueStart + i] as number);
    const minimal = count === 1 ? 0x80 : 256 ** (count - 1);
    if (length < minimal) throw new TlsBytesError('der_not_canonical', 'length not minimal');
    valueStart += count;
  }
  const end = valueStart + length;
  if (end > limit) throw new TlsBytesError('der_truncated');
  return { bytes, tag, start: at, valueStart, end };
}

export function expectTag(element: Der | undefined, tag: number, where: string): Der {
  if (element === undefined) throw new TlsBytesError('der_truncated', where);
  if (element.tag !== tag) throw new TlsBytesError('der_unexpected_tag', where);
  return element;
}

/** Elements inside a constructed one. */
export function children(element: Der, max: number = DER_CHILDREN_MAX): Der[] {
  const found: Der[] = [];
  let at = element.valueStart;
  while (at < element.end) {
    if (found.length === max) throw new TlsBytesError('der_too_large');
    const child = readElement(element.bytes, at, element.end);
    found.push(child);
    at = child.end;
  }
  return found;
}

/** The one element inside an explicit tag or an octet string. */
export function onlyChild(element: Der, where: string): Der {
  const child = readElement(element.bytes, element.valueStart, element.end);
  if (child.end !== element.end) throw new TlsBytesError('der_trailing', where);
  return child;
}

/** Header and value. */
export function rawBytes(element: Der): Uint8Array {
  return element.bytes.subarray(element.start, element.end);
}

export function valueBytes(element: Der): Uint8Array {
  return element.bytes.subarray(element.valueStart, element.end);
}

export function readBoolean(element: Der, where: string): boolean {
  expectTag(element, TAG.boolean, where);
  const value = element.bytes[element.valueStart];
  if (element.end - element.valueStart !== 1 || (value !== 0 && value !== 0xff))
    throw new TlsBytesError('der_not_canonical', where);
  return value === 0xff;
}

/** The bytes of an INTEGER, checked to be minimal; two's complement. */
export function integerBytes(element: Der, where: string): Uint8Array {
  expectTag(element, TAG.integer, where);
  const value = valueBytes(element);
  const [first, second] = value;
  if (first === undefined) throw new TlsBytesError('der_not_canonical', where);
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new TlsBytesError('der_not_canonical', where);
  }
  return value;
}

/** A small non-negative INTEGER. */
export function readSmallInteger(element: Der, where: string): number {
  const value = integerBytes(element, where);
  if (value.length > 4 || (value[0] as number) >= 0x80) throw new TlsBytesError('der_too_large', where);
  let number = 0;
  for (const byte of value) number = number * 256 + byte;
  return number;
}

/** Bits and the count of unused ones at the end. */
export function readBitString(element: Der, where: string): { readonly bits: Uint8Array; readonly unused: number } {
  expectTag(element, TAG.bitString, where);
  const value = valueBytes(element);
  const unused = value[0];
  if (unused === undefined || unused > 7 || (unused > 0 && value.length === 1))
    throw new TlsBytesError('der_not_canonical', where);
  const last = value[value.length - 1] as number;
  if (value.length > 1 && (last & ((1 << unused) - 1)) !== 0) throw new TlsBytesError('der_not_canonical', where);
  return { bits: value.subarray(1), unused };
}

/** Dotted text. */
export function readOid(element: Der, where: string): string {
  expectTag(element, TAG.oid, where);
  const value = valueBytes(element);
  if (value.length === 0 || value.length > 64 || (value[value.length - 1] as number) >= 0x80)
    throw new TlsBytesError('der_bad_oid', where);
  const arcs: number[] = [];
  let arc = 0;
  let fresh = true;
  for (const byte of value) {
    if (fresh && byte === 0x80) throw new TlsBytesError('der_bad_oid', where);
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new TlsBytesError('der_bad_oid', where);
    fresh = byte < 0x80;
    if (!fresh) continue;
    if (arcs.length === 0) {
      const first = Math.min(2, Math.floor(arc / 40));
      arcs.push(first, arc - first * 40);
    } else arcs.push(arc);
    arc = 0;
  }
  return arcs.join('.');
}

/** UTCTime or GeneralizedTime as milliseconds since the epoch; only the forms of RFC 5280 §4.1.2.5. */
export function readTime(element: Der, where: string): number {
  const text = Buffer.from(valueBytes(element)).toString('latin1');
  let year: number;
  let rest: string;
  if (element.tag === TAG.utcTime && /^\d{12}Z$/.test(text)) {
    year = Number(text.slice(0, 2));
    year += year >= 50 ? 1900 : 2000;
    rest = text.slice(2);
  } else if (element.tag === TAG.generalizedTime && /^\d{14}Z$/.test(text)) {
    year = Number(text.slice(0, 4));
    rest = text.slice(4);
  } else throw new TlsBytesError('der_bad_time', where);
  const part = (i: number): number => Number(rest.slice(i * 2, i * 2 + 2));
  const date = new Date(0);
  date.setUTCFullYear(year, part(0) - 1, part(1));
  date.setUTCHours(part(2), part(3), part(4));
  const exact =
    date.getUTCMonth() === part(0) - 1 &&
    date.getUTCDate() === part(1) &&
    date.getUTCHours() === part(2) &&
    date.getUTCMinutes() === part(3) &&
    date.getUTCSeconds() === part(4);
  if (!exact) throw new TlsBytesError('der_bad_time', where);
  return date.getTime();
}
