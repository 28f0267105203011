// One version of a listener: its address, what it looks at before it chooses a chain, and its chains.

import type { Conn, TlsFacts } from '#base';
import type { StreamSink } from '../http/manager-config.ts';
import type { NetworkFilterFactory, TerminalFilter } from '../network/filter.ts';
import type { FilterChainMatcher } from './filter-chain-match.ts';
import type { ProxyProtocolRules } from './proxy-protocol-rules.ts';

/** Where a listener is: an IP address with port, or the path of a Unix socket. */
export interface ListenerPlace {
  readonly host: string;
  readonly port: number;
  /** On `::`: IPv4 clients too. */
  readonly ipv4Too?: boolean;
}

export interface ListenerSnapshot extends ListenerPlace {
  readonly name: string;
  readonly statPrefix: string;
  /** Further addresses with the same chains. */
  readonly additional: readonly ListenerPlace[];
  readonly bindToPort: boolean;
  /** Connections keep the address that they were going to as their own. */
  readonly transparent: boolean;
  /** Connections are handed to the listener that has their original destination as its address. */
  readonly useOriginalDst: boolean;
  readonly filters: ListenerFilters;
  readonly matcher: FilterChainMatcher<FilterChain>;
  readonly chains: readonly FilterChain[];
  readonly defaultChain: FilterChain | undefined;
  readonly reusePort: boolean;
  readonly backlog: number | undefined;
  /** Told of connections that no chain takes: the listener's own access logs. */
  readonly unmatchedSinks: readonly StreamSink[];
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly message: unknown;
}

/** The listener in the names of its statistics; `statPrefix`: '' = its address, as Envoy writes it. */
export function listenerStatName(statPrefix: string, { host, port }: ListenerPlace): string {
  return statPrefix === '' ? `${host}_${port}` : statPrefix;
}

export interface ListenerFilters {
  readonly originalDst: boolean;
  /** Connections to endpoints come from the client's address. */
  readonly originalSrc: { readonly mark: number; readonly port: boolean } | undefined;
  readonly tlsInspector: (port: number) => boolean;
  readonly httpInspector: (port: number) => boolean;
  /** A PROXY protocol header comes first. */
  readonly proxyProtocol: ProxyProtocolRules | undefined;
  /** 0 = no limit. */
  readonly timeoutMs: number;
  readonly continueOnTimeout: boolean;
}

export interface FilterChain {
  readonly name: string;
  readonly filters: readonly NetworkFilterFactory[];
  readonly terminal: TerminalFilter;
  readonly tls: DownstreamTls | undefined;
  /** Two chains of one class ask the same of their clients: a connection may move between them. */
  readonly securityClass: string;
  dispose(): void;
}

/** The server side of TLS for one chain. */
export interface DownstreamTls {
  /** False while a secret is missing: connections are refused (design 8). */
  readonly ready: boolean;
  /** Every secret came, or an error in its place. */
  readonly settled: boolean;
  readonly localPrincipal: string;
  /** Called after every change of what is trusted. */
  onTrust: (() => void) | undefined;
  /** Why a client that was verified would no longer be; undefined: it would. */
  faultOf(facts: TlsFacts): string | undefined;
  start(
    conn: Conn,
    done: (
      result: { readonly ok: true; readonly conn: Conn } | { readonly ok: false; readonly message: string },
    ) => void,
  ): void;
  dispose(): void;
}

export function chainsOf({ chains, defaultChain }: ListenerSnapshot): readonly FilterChain[] {
  return defaultChain === undefined ? chains : [...chains, defaultChain];
}

/** Lets go of what it holds: secrets, logs. */
export function disposeSnapshot(snapshot: ListenerSnapshot): void {
  for (const chain of chainsOf(snapshot)) chain.dispose();
  for (const sink of snapshot.unmatchedSinks) sink.dispose?.();
}
