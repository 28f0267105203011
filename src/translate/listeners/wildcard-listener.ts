// The listener of all destinations of one port that have none of their own: ranges of addresses, all HTTP services of the
// port, and the TCP service without an address (inventory §3.3).

import { canonicalIp } from '#base';
import type { Service, ServicePort } from '#registry';
import type { Scope } from '../scope.ts';
import { EXACT_CHAINS_MAX } from '../limits.ts';
import { addressOf, common, halved, readRange } from './address-range.ts';
import type { Chain, ChainMatch, Listener } from './listener-parts.ts';
import {
  base,
  inspectors,
  type ListenerPlace,
  passthroughChain,
  serviceChains,
  sharedHttpChain,
} from './outbound-listener.ts';

export interface Contender {
  readonly service: Service;
  readonly port: ServicePort;
  /** Its own, where its first bytes say that it is HTTP. */
  readonly table: string;
}

export interface WildcardParts {
  /** The table that HTTP services of the port share. */
  http: string | undefined;
  readonly httpServices: Service[];
  readonly ranges: Contender[];
  /** Of several only the first one is found. */
  tcp: Contender | undefined;
}

/** Chains of ours are no messages yet. */
type PlainMatch = Exclude<ChainMatch, { readonly $typeName: string }>;
type Prefix = NonNullable<PlainMatch['prefixRanges']>[number];

/** Several contenders: the most specific range goes before what the bytes are, and that before the service without an address. */
export function wildcardListener(place: ListenerPlace, parts: WildcardParts, scope: Scope): Listener {
  const { http, ranges, tcp } = parts;
  const inRanges = ranges.map(({ service, port, table }) => ({
    blocks: service.addresses.filter((one) => one.includes('/')),
    ...serviceChains(place, service, port, scope, table),
  }));
  const open = tcp === undefined ? undefined : serviceChains(place, tcp.service, tcp.port, scope, tcp.table);
  const taken = new Set<string>();
  const chains = [
    ...(http === undefined ? [] : exactChains(sharedHttpChain(place, scope, http), addressesInRanges(parts), taken)),
    ...inRanges.flatMap((one) => one.chains.flatMap((chain) => within(chain, one.blocks, taken))),
    ...(http === undefined ? [] : [sharedHttpChain(place, scope, http)]),
    ...(open?.chains ?? []).flatMap((chain) => apart(chain, taken)),
  ];
  const all = [...inRanges, ...(open === undefined ? [] : [open])];
  return {
    ...base(place, scope),
    ...inspectors(
      {
        tls: http !== undefined || all.some((one) => one.tls),
        http: http !== undefined || all.some((one) => one.http),
      },
      scope,
    ),
    filterChains: chains.filter(({ filterChainMatch }) => filterChainMatch !== undefined),
    defaultFilterChain:
      chains.find(({ filterChainMatch }) => filterChainMatch === undefined) ?? passthroughChain(scope),
  };
}

/** By service, what ranges of others may not take from the HTTP services of the port. */
export function addressesInRanges({ httpServices, ranges }: WildcardParts): readonly (readonly string[])[] {
  const blocks = ranges.flatMap(({ service }) => service.addresses.filter((one) => one.includes('/')).map(readRange));
  const isWithin = (text: string): boolean => {
    const one = readRange(text);
    return one !== undefined && blocks.some((block) => block !== undefined && common(block, one) !== undefined);
  };
  if (blocks.length === 0) return [];
  return httpServices
    .map(({ addresses }) => addresses.filter((one) => !one.includes('/') && isWithin(one)))
    .filter((addresses) => addresses.length > 0);
}

/** The shared chain at these addresses: one each, so that a service that comes or goes ends no connections to others, up to a number. */
function exactChains(chain: Chain, services: readonly (readonly string[])[], taken: Set<string>): readonly Chain[] {
  const groups = services.slice(0, EXACT_CHAINS_MAX - 1);
  const rest = services.slice(EXACT_CHAINS_MAX - 1).flat();
  return [...groups, rest].flatMap((addresses) => within(chain, addresses, taken));
}

/** The chain for destinations in one of the blocks that nobody before it has taken; an Envoy refuses two for the same. */
function within(chain: Chain, blocks: readonly string[], taken: Set<string>): readonly Chain[] {
  const { prefixRanges = [], ...others } = (chain.filterChainMatch ?? {}) as PlainMatch;
  const asked = prefixRanges.map(({ addressPrefix = '', prefixLen }) => `${addressPrefix}/${String(prefixLen ?? 0)}`);
  const found: Prefix[] = [];
  for (const block of blocks)
    for (const other of asked.length === 0 ? [block] : asked) {
      const [a, b] = [readRange(block), readRange(other)];
      const both = a === undefined || b === undefined ? undefined : common(a, b);
      for (const part of both === undefined ? [] : halved(both)) {
        const prefix = { addressPrefix: addressOf(part), prefixLen: part.length };
        if (isFresh({ ...others, prefixRanges: [prefix] }, taken)) found.push(prefix);
      }
    }
  return found.length === 0 ? [] : [{ ...chain, filterChainMatch: { ...others, prefixRanges: found } }];
}

/** Without what ranges took. */
function apart(chain: Chain, taken: Set<string>): readonly Chain[] {
  const { prefixRanges = [], ...others } = (chain.filterChainMatch ?? {}) as PlainMatch;
  if (prefixRanges.length === 0) return [chain];
  const fresh = prefixRanges.filter(({ addressPrefix = '', prefixLen }) => {
    const range = readRange(`${canonicalIp(addressPrefix)}/${String(prefixLen ?? 0)}`);
    if (range === undefined) return false;
    return isFresh({ ...others, prefixRanges: [{ addressPrefix: addressOf(range), prefixLen: range.length }] }, taken);
  });
  return fresh.length === 0 ? [] : [{ ...chain, filterChainMatch: { ...others, prefixRanges: fresh } }];
}

function isFresh(match: PlainMatch, taken: Set<string>): boolean {
  const { serverNames = [], applicationProtocols = [], ...others } = match;
  const names = serverNames.length === 0 ? [''] : serverNames;
  const protocols = applicationProtocols.length === 0 ? [''] : applicationProtocols;
  const keys = names.flatMap((name) => protocols.map((protocol) => JSON.stringify([name, protocol, others])));
  const fresh = keys.every((key) => !taken.has(key));
  if (fresh) for (const key of keys) taken.add(key);
  return fresh;
}
