// IP addresses and CIDR ranges (RFC 4632, RFC 4291): text in, four 32-bit words, compare under a mask. IPv4-mapped addresses are IPv4.

import type { CidrRange } from '#proto/envoy/config/core/v3/address_pb.ts';
import { ConfigError } from '../errors.ts';
import type { StringPredicate } from './match-input.ts';

export interface IpAddress {
  readonly v6: boolean;
  /** IPv4: only the last word is used. */
  readonly words: readonly [number, number, number, number];
}

/** Undefined when the text is no IP address. */
export function parseIp(text: string): IpAddress | undefined {
  if (!text.includes(':')) {
    const v4 = parseIpv4(text);
    return v4 === undefined ? undefined : { v6: false, words: [0, 0, 0, v4] };
  }
  const words = wordsOf(text);
  if (words === undefined) return undefined;
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) return { v6: false, words: [0, 0, 0, words[3]] };
  return { v6: true, words };
}

function wordsOf(text: string): IpAddress['words'] | undefined {
  const zone = text.indexOf('%');
  return parseIpv6(zone < 0 ? text : text.slice(0, zone));
}

/**
 * Undefined when the prefix is no address. An IPv4 address in IPv6 with less than its 96 bits is a range of IPv6, which
 * holds no IPv4 address, as in Envoy; a length beyond the address is the address itself, as there.
 */
export function parseCidr(range: CidrRange): { readonly base: IpAddress; readonly length: number } | undefined {
  const { addressPrefix } = range;
  const prefixLen = range.prefixLen ?? 0;
  const base = parseIp(addressPrefix);
  if (base === undefined) return undefined;
  if (base.v6 || !addressPrefix.includes(':')) return { base, length: Math.min(prefixLen, base.v6 ? 128 : 32) };
  if (prefixLen >= 96) return { base, length: Math.min(prefixLen - 96, 32) };
  const words = wordsOf(addressPrefix);
  return words === undefined ? undefined : { base: { v6: true, words }, length: prefixLen };
}

function parseIpv4(text: string): number | undefined {
  let value = 0;
  let parts = 0;
  let digits = 0;
  let part = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = i === text.length ? 0x2e : text.charCodeAt(i);
    if (c === 0x2e) {
      if (digits === 0 || part > 255) return undefined;
      value = value * 256 + part;
      parts++;
      digits = 0;
      part = 0;
    } else if (c >= 0x30 && c <= 0x39 && digits < 3 && !(digits > 0 && part === 0)) {
      part = part * 10 + (c - 0x30);
      digits++;
    } else return undefined;
  }
  return parts === 4 ? value >>> 0 : undefined;
}

function parseIpv6(text: string): [number, number, number, number] | undefined {
  let tail = text;
  const lastColon = text.lastIndexOf(':');
  if (text.includes('.')) {
    const v4 = parseIpv4(text.slice(lastColon + 1));
    if (v4 === undefined) return undefined;
    tail = `${text.slice(0, lastColon + 1)}${(v4 >>> 16).toString(16)}:${(v4 & 0xffff).toString(16)}`;
  }
  const halves = tail.split('::');
  if (halves.length > 2) return undefined;
  const left = halves[0] === '' ? [] : (halves[0] as string).split(':');
  const right = halves.length === 1 || halves[1] === '' ? [] : (halves[1] as string).split(':');
  const missing = 8 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...left, ...new Array<string>(missing).fill('0'), ...right];
  const numbers: number[] = [];
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    numbers.push(Number.parseInt(group, 16));
  }
  const word = (i: number): number => (((numbers[2 * i] as number) << 16) | (numbers[2 * i + 1] as number)) >>> 0;
  return [word(0), word(1), word(2), word(3)];
}

/** Throws a ConfigError for a range whose prefix is no address. */
export function compileCidr(range: CidrRange, field: string): StringPredicate {
  const parsed = parseCidr(range);
  if (parsed === undefined)
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.address_prefix`,
      `"${range.addressPrefix}" is no IP address`,
    );
  const { base, length } = parsed;
  return (text) => {
    const address = parseIp(text);
    return address !== undefined && address.v6 === base.v6 && samePrefix(address, base, length);
  };
}

function samePrefix(a: IpAddress, b: IpAddress, length: number): boolean {
  let left = length;
  for (let i = a.v6 ? 0 : 3; i < 4 && left > 0; i++, left -= 32) {
    const mask = left >= 32 ? 0xffffffff : (0xffffffff << (32 - left)) >>> 0;
    if ((((a.words[i] as number) ^ (b.words[i] as number)) & mask) !== 0) return false;
  }
  return true;
}
