// Ranges of IP addresses as texts: read, cut with one another, written with the bits outside of the prefix cleared.

import { canonicalIp } from '#base';

export interface AddressRange {
  readonly v6: boolean;
  readonly bits: bigint;
  readonly length: number;
}

/** An address is a range of its own; what is none was refused where configuration is checked. */
export function readRange(text: string): AddressRange | undefined {
  const [address = '', prefix] = text.split('/');
  const v6 = address.includes(':');
  const size = v6 ? 128 : 32;
  const bits = v6 ? bitsOf6(canonicalIp(address)) : bitsOf4(address);
  const length = prefix === undefined ? size : Number(prefix);
  if (bits === undefined || !Number.isInteger(length) || length < 0 || length > size) return undefined;
  const rest = BigInt(size - length);
  return { v6, bits: (bits >> rest) << rest, length };
}

/** What both hold: ranges lie within one another or apart. */
export function common(a: AddressRange, b: AddressRange): AddressRange | undefined {
  if (a.v6 !== b.v6) return undefined;
  const [wide, narrow] = a.length <= b.length ? [a, b] : [b, a];
  const rest = BigInt((wide.v6 ? 128 : 32) - wide.length);
  return wide.bits >> rest === narrow.bits >> rest ? narrow : undefined;
}

/** Two halves for all addresses: to an Envoy a prefix of no bits is none at all, so that what the bytes are would go before it. */
export function halved(range: AddressRange): readonly AddressRange[] {
  if (range.length > 0) return [range];
  return [0n, 1n << (range.v6 ? 127n : 31n)].map((bits) => ({ ...range, bits, length: 1 }));
}

export function addressOf({ v6, bits }: AddressRange): string {
  const word = (at: number, size: number): bigint => (bits >> BigInt(at * size)) & ((1n << BigInt(size)) - 1n);
  if (!v6) return [3, 2, 1, 0].map((at) => word(at, 8).toString()).join('.');
  return canonicalIp([7, 6, 5, 4, 3, 2, 1, 0].map((at) => word(at, 16).toString(16)).join(':'));
}

function bitsOf4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return parts.reduce((all, part) => (all << 8n) | BigInt(part), 0n);
}

function bitsOf6(text: string): bigint | undefined {
  const halves = text.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const [front = [], back = []] = halves;
  const missing = 8 - front.length - back.length;
  if (halves.length > 2 || (halves.length === 1 ? missing !== 0 : missing < 1)) return undefined;
  const words = [...front, ...Array<string>(missing).fill('0'), ...back];
  if (!words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return undefined;
  return words.reduce((all, word) => (all << 16n) | BigInt(`0x${word}`), 0n);
}
