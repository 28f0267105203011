// A list of address ranges that says how long the longest range around an address is.

import type { CidrRange } from '#proto/envoy/config/core/v3/address_pb.ts';
import { ConfigError } from '../errors.ts';
import { type IpAddress, parseCidr, parseIp } from '../matcher/cidr.ts';

export interface CidrList {
  readonly length: number;
  /** Prefix length of the longest range that holds `address`; -1 = none does. */
  longestMatch(address: string): number;
}

interface Range {
  readonly base: IpAddress;
  readonly prefix: number;
}

export function compileCidrs(ranges: readonly CidrRange[]): CidrList {
  const compiled = ranges.map((range): Range => {
    const parsed = parseCidr(range);
    if (parsed === undefined)
      throw new ConfigError('proxy.field-invalid', 'address_prefix', `"${range.addressPrefix}" is no IP address`);
    return { base: parsed.base, prefix: parsed.length };
  });
  return {
    length: compiled.length,
    longestMatch: (text) => {
      const address = parseIp(text);
      let best = -1;
      if (address === undefined) return best;
      for (const range of compiled) if (range.prefix > best && holds(range, address)) best = range.prefix;
      return best;
    },
  };
}

function holds({ base, prefix }: Range, address: IpAddress): boolean {
  if (base.v6 !== address.v6) return false;
  if (!base.v6) return sameBits(base.words[3], address.words[3], prefix);
  for (let i = 0; i < 4; i++) {
    if (!sameBits(base.words[i] as number, address.words[i] as number, Math.min(32, Math.max(0, prefix - 32 * i))))
      return false;
  }
  return true;
}

function sameBits(a: number, b: number, bits: number): boolean {
  return bits === 0 || (a ^ b) >>> (32 - bits) === 0;
}
