// What a network filter is: it sees a connection before (and, if it wants, while) the terminal filter owns it.

import type { Clock, Conn, Logger, Random, OriginalSource } from '#base';
import type { DynamicMetadata, StatStore, StreamRecord } from '#telemetry';
import type { ProxyTlv } from '../listener/proxy-protocol.ts';
import type { Holder } from '../overload/held-memory.ts';
import type { ClusterManager } from '../upstream/cluster-manager.ts';

/** Facts of one downstream connection that outlive any configuration (design 4). */
export interface DownstreamConnection {
  readonly conn: Conn;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Where the client meant to go: the original destination after redirection, else the socket's own address. */
  readonly localAddress: string;
  readonly localPort: number;
  /** Connections to endpoints come from the client's address. */
  readonly originalSource?: OriginalSource | undefined;
  /** True when `localAddress` was restored from the kernel or a proxy header. */
  readonly restoredDestination: boolean;
  readonly sni: string;
  /** Application protocols of the ClientHello; empty without TLS inspection. */
  readonly offeredAlpn: readonly string[];
  /** Listener name, as access logs print it. */
  readonly listener: string;
  readonly filterChain: string;
  /** SPIFFE id that our own certificate carries on this connection; '' without TLS. */
  readonly localPrincipal: string;
  readonly startMs: number;
  /** Filter state of the connection by name; shared with its streams. Made by `setFilterState`. */
  filterState: Map<string, FilterStateEntry> | undefined;
  /** Dynamic metadata that network filters wrote; streams begin with it. */
  metadata: DynamicMetadata | undefined;
  /** Of its PROXY header: what endpoints may be told. */
  readonly proxyTlvs?: readonly ProxyTlv[] | undefined;
  /** The terminal filter of the newest configuration that still means this connection; undefined = drain. Cheap when nothing changed. */
  terminal(): TerminalFilter | undefined;
  /** Closes the connection: with `details` for the access log. */
  close(details: string): void;
}

export interface FilterStateEntry {
  readonly value: string;
  /** Passed to upstream connections made for this one (set_filter_state's shared_with_upstream). */
  readonly shared: boolean;
}

/**
 * `continue`: the next filter sees the connection. `stop`: nothing goes further until `proceed` is
 * called; bytes that arrive meanwhile stay unread.
 */
export type NetworkStatus = 'continue' | 'stop';

export interface NetworkFilter {
  onConnection?(proceed: () => void): NetworkStatus;
  /** The first bytes, before the terminal filter sees them; return 'stop' after `close`. */
  onFirstData?(data: Buffer): NetworkStatus;
  onClose?(): void;
}

export interface NetworkFilterContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly stats: StatStore;
  readonly clusters: ClusterManager;
  readonly listener: string;
  readonly filterChain: string;
}

export interface NetworkFilterFactory {
  readonly name: string;
  create(connection: DownstreamConnection, record: StreamRecord): NetworkFilter;
  /** Whether a connection that an earlier configuration let in may go on under this one. */
  stillAllows?(connection: DownstreamConnection): boolean;
  /** Whether an endpoint may be dialled before the client has said anything. Absent: it may not. */
  allowsEarlyDial?(connection: DownstreamConnection): boolean;
  dispose?(): void;
}

/** One per extension type URL. `build` throws a ConfigError for configuration that Envoy would refuse too. */
export interface NetworkFilterExtension {
  readonly typeUrl: string;
  readonly name: string;
  build(config: Uint8Array, context: NetworkFilterContext, filterName: string): NetworkFilterFactory;
}

/** The last filter of a chain: owns the connection's bytes. Shared by all connections of its chain. */
export interface TerminalFilter {
  readonly kind: 'http' | 'tcp';
  /** Takes the connection; sets `conn.handler`. `early`: what this filter's `dialEarly` returned for it. */
  start(connection: DownstreamConnection, early?: EarlyDial): TerminalConnection;
  /**
   * Dials an endpoint for a client that has not said anything yet, and leaves the client alone. `heard` is called once at
   * most, never before this returns. Undefined: nobody can be dialled now.
   */
  dialEarly?(connection: DownstreamConnection, heard: (what: EarlyNews) => void): EarlyDial | undefined;
  /** Called when the chain is thrown away. */
  dispose?(): void;
}

/** `spoke`: bytes wait to be read. `left`: the endpoint closed without a word, or could not be reached. */
export type EarlyNews = 'spoke' | 'left';

/** An endpoint's connection that waits for its client's first bytes, or to be given up. */
export interface EarlyDial {
  abandon(): void;
}

/** What a listener may still ask of a connection that a terminal filter owns. */
export interface TerminalConnection {
  /** Finish what is in progress, then close. `gently`: what rests stays open for one more request. */
  drain(gently?: boolean): void;
  /** The configuration changed, and still means this connection. */
  recheck?(): void;
  /** Who has bodies wait in memory, at least so many bytes of them. */
  holders(leastBytes: number): Iterable<Holder>;
}
