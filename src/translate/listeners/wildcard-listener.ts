// The listener of all destinations of one port that have none of their own: ranges of addresses, all HTTP services of the
// port, and the TCP service without an address (inventory §3.3).

import { canonicalIp } from '#base';
import type { Service, ServicePort } from '#registry';
import type { Scope } from '../scope.ts';
import { addressOf, common, readRange } from './address-range.ts';
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
  readonly ranges: Contender[];
  /** Of several only the first one is found. */
  tcp: Contender | undefined;
}

/** Chains of ours are no messages yet. */
type PlainMatch = Exclude<ChainMatch, { readonly $typeName: string }>;
type Prefix = NonNullable<PlainMatch['prefixRanges']>[number];

/** Several contenders: the most specific range goes before what the bytes are, and that before the service without an address. */
export function wildcardListener(place: ListenerPlace, { http, ranges, tcp }: WildcardParts, scope: Scope): Listener {
  const inRanges = ranges.map(({ service, port, table }) => ({
    blocks: service.addresses.filter((one) => one.includes('/')),
    ...serviceChains(place, service, port, scope, table),
  }));
  const open = tcp === undefined ? undefined : serviceChains(place, tcp.service, tcp.port, scope, tcp.table);
  const taken = new Set<string>();
  const chains = [
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

/** The chain for destinations in one of the blocks that nobody before it has taken; an Envoy refuses two for the same. */
function within(chain: Chain, blocks: readonly string[], taken: Set<string>): readonly Chain[] {
  const { prefixRanges = [], ...others } = (chain.filterChainMatch ?? {}) as PlainMatch;
  const asked = prefixRanges.map(({ addressPrefix = '', prefixLen }) => `${addressPrefix}/${String(prefixLen ?? 0)}`);
  const found: Prefix[] = [];
  for (const block of blocks)
    for (const other of asked.length === 0 ? [block] : asked) {
      const [a, b] = [readRange(block), readRange(other)];
      const both = a === undefined || b === undefined ? undefined : common(a, b);
      if (both === undefined) continue;
      const prefix = { addressPrefix: addressOf(both), prefixLen: both.length };
      if (isFresh({ ...others, prefixRanges: [prefix] }, taken)) found.push(prefix);
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

function isFresh({ serverNames = [], ...others }: PlainMatch, taken: Set<string>): boolean {
  const names = serverNames.length === 0 ? [''] : serverNames;
  const keys = names.map((name) => JSON.stringify([name, others]));
  const fresh = keys.every((key) => !taken.has(key));
  if (fresh) for (const key of keys) taken.add(key);
  return fresh;
}
