// Which filter chain a connection gets (Envoy's FilterChainMatch): criteria in fixed order, at each the most
// specific that fits, without going back.

import type { FilterChainMatch } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import type { CidrRange } from '#proto/envoy/config/core/v3/address_pb.ts';
import { compileCidrs, type CidrList } from './cidr-list.ts';

/** What is known of a connection when its chain is chosen. */
export interface ChainInput {
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly serverName: string;
  /** 'tls' or 'raw_buffer'. */
  readonly transportProtocol: string;
  /** The whole list of the ClientHello, or what HTTP inspection found. */
  readonly applicationProtocols: readonly string[];
  readonly directSourceAddress: string;
  readonly sourceAddress: string;
  readonly sourcePort: number;
}

interface Facts {
  readonly conn: { readonly remoteAddress: string };
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly sni: string;
  readonly offeredAlpn: readonly string[];
}

export function chainInput(connection: Facts, transportProtocol: string): ChainInput {
  return {
    destinationAddress: connection.localAddress,
    destinationPort: connection.localPort,
    serverName: connection.sni,
    transportProtocol,
    applicationProtocols: connection.offeredAlpn,
    directSourceAddress: connection.conn.remoteAddress,
    sourceAddress: connection.remoteAddress,
    sourcePort: connection.remotePort,
  };
}

interface Criteria<T> {
  readonly value: T;
  readonly port: number | undefined;
  readonly destinations: CidrList;
  readonly serverNames: readonly string[];
  readonly transport: string;
  readonly protocols: readonly string[];
  readonly directSources: CidrList;
  /** 0 any, 1 same address or loopback, 2 external. */
  readonly sourceType: number;
  readonly sources: CidrList;
  readonly sourcePorts: readonly number[];
}

/** -1 = does not fit; 0 = the chain says nothing about it; more = the higher the more specific. */
type Score<T> = (criteria: Criteria<T>, input: ChainInput) => number;

export class FilterChainMatcher<T> {
  readonly #criteria: readonly Criteria<T>[];
  readonly #stages: readonly Score<T>[];

  constructor(chains: readonly { readonly match: FilterChainMatch | undefined; readonly value: T }[]) {
    this.#criteria = chains.map(({ match, value }) => compile(match, value));
    this.#stages = [
      (c, i) => (c.port === undefined ? 0 : c.port === i.destinationPort ? 1 : -1),
      (c, i) => cidrScore(c.destinations, i.destinationAddress),
      (c, i) => serverNameScore(c.serverNames, i.serverName),
      (c, i) => (c.transport === '' ? 0 : c.transport === i.transportProtocol ? 1 : -1),
      (c, i) => (c.protocols.length === 0 ? 0 : c.protocols.some((p) => i.applicationProtocols.includes(p)) ? 1 : -1),
      (c, i) => cidrScore(c.directSources, i.directSourceAddress),
      (c, i) => (c.sourceType === 0 ? 0 : isLocal(i) === (c.sourceType === 1) ? 1 : -1),
      (c, i) => cidrScore(c.sources, i.sourceAddress),
      (c, i) => (c.sourcePorts.length === 0 ? 0 : c.sourcePorts.includes(i.sourcePort) ? 1 : -1),
    ];
  }

  match(input: ChainInput): T | undefined {
    let left = this.#criteria;
    for (const stage of this.#stages) {
      let best = -1;
      let kept: Criteria<T>[] = [];
      for (const criteria of left) {
        const score = stage(criteria, input);
        if (score < best || score < 0) continue;
        if (score > best) {
          best = score;
          kept = [];
        }
        kept.push(criteria);
      }
      if (kept.length === 0) return undefined;
      left = kept;
    }
    return left[0]?.value;
  }
}

function compile<T>(match: FilterChainMatch | undefined, value: T): Criteria<T> {
  const cidrs = (ranges: readonly CidrRange[] | undefined): CidrList => compileCidrs(ranges ?? []);
  return {
    value,
    port: match?.destinationPort,
    destinations: cidrs(match?.prefixRanges),
    serverNames: (match?.serverNames ?? []).map((name) => name.toLowerCase()),
    transport: match?.transportProtocol ?? '',
    protocols: match?.applicationProtocols ?? [],
    directSources: cidrs(match?.directSourcePrefixRanges),
    sourceType: match?.sourceType ?? 0,
    sources: cidrs(match?.sourcePrefixRanges),
    sourcePorts: match?.sourcePorts ?? [],
  };
}

function cidrScore(list: CidrList, address: string): number {
  return list.length === 0 ? 0 : list.longestMatch(address) + 1 || -1;
}

/** Exact name before "*.suffix" (the longer the better) before no name. */
function serverNameScore(names: readonly string[], serverName: string): number {
  if (names.length === 0) return 0;
  const name = serverName.toLowerCase();
  let best = -1;
  for (const wanted of names) {
    if (wanted === '' || wanted === '*') best = Math.max(best, 0);
    else if (wanted === name) return 1 << 20;
    else if (wanted.startsWith('*.') && name.endsWith(wanted.slice(1)) && name.length >= wanted.length)
      best = Math.max(best, wanted.length);
  }
  return best;
}

function isLocal(input: ChainInput): boolean {
  const { sourceAddress } = input;
  return sourceAddress === input.destinationAddress || sourceAddress.startsWith('127.') || sourceAddress === '::1';
}
