// Where listeners stand by the families of a workload's addresses: one address, and the other family's beside it (inventory §3.3).

import type { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import type { Families } from '#registry';
import { address, type Init } from '../encode.ts';

const WILDCARDS: Readonly<Record<Families, readonly string[]>> = {
  '4': ['0.0.0.0'],
  '6': ['::'],
  '46': ['0.0.0.0', '::'],
};
/** The proxy's connections to its application come from here; the rules of capture let them through (inventory §4). */
const INBOUND_SOURCES: Readonly<Record<Families, readonly string[]>> = {
  '4': ['127.0.0.6'],
  '6': ['::6'],
  '46': ['127.0.0.6', '::6'],
};

export function wildcards(families: Families): readonly string[] {
  return WILDCARDS[families];
}

/** In the names of what stands at all addresses. */
export function wildcardName(families: Families): string {
  return WILDCARDS[families][0] as string;
}

export function inboundSources(families: Families): readonly string[] {
  return INBOUND_SOURCES[families];
}

export function loopback(families: Families): string {
  return families === '6' ? '::1' : '127.0.0.1';
}

/** The first address gives its name to the listener. */
export function listeningAt(
  hosts: readonly string[],
  port: number,
): Pick<Init<typeof ListenerSchema>, 'address' | 'additionalAddresses'> {
  const [first = '0.0.0.0', ...more] = hosts;
  return {
    address: address(first, port),
    ...(more.length === 0 ? {} : { additionalAddresses: more.map((host) => ({ address: address(host, port) })) }),
  };
}
