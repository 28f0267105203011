// One accepted connection from its first byte to its terminal filter: original destination, peeking,
// filter chain, TLS, network filters. Afterwards it keeps the facts that a later configuration is matched against.

import { type Conn, type ConnHandler, Deadline, type OriginalSource } from '#base';
import { type DynamicMetadata, LISTENER, StreamRecord } from '#telemetry';
import { PEER_REVOKED, REVOKED_GRACE_MS } from '../http/revocation.ts';
import type {
  EarlyDial,
  FilterStateEntry,
  NetworkFilter,
  TerminalConnection,
  TerminalFilter,
} from '../network/filter.ts';
import type { Holder } from '../overload/held-memory.ts';
import { chainInput } from './filter-chain-match.ts';
import type { FilterChain } from './listener-snapshot.ts';
import type { LiveListener } from './live-listener.ts';
import { originalSourceOf } from './original-source.ts';
import { type Peeked, peekProtocol } from './peek-protocol.ts';
import { HELD_MS, SilentClient, type Undecided } from './silent-client.ts';
import type { ProxyTlv } from './proxy-protocol.ts';

/** A client that sends this much without becoming recognisable is let through as plain bytes. */
const PEEK_BYTES_MAX = 64 * 1024;

const NOTHING_SEEN: Peeked = { transportProtocol: 'raw_buffer', serverName: '', applicationProtocols: [] };

export class AcceptedConnection implements Undecided, ConnHandler {
  conn: Conn;
  remoteAddress: string;
  remotePort: number;
  localAddress: string;
  localPort: number;
  restoredDestination = false;
  sni = '';
  offeredAlpn: readonly string[] = [];
  filterChain = '';
  localPrincipal = '';
  readonly startMs: number;
  filterState: Map<string, FilterStateEntry> | undefined = undefined;
  metadata: DynamicMetadata | undefined = undefined;
  proxyTlvs: readonly ProxyTlv[] | undefined = undefined;
  #listener: LiveListener;
  #chain: FilterChain | undefined = undefined;
  #generation = -1;
  #peeked: Buffer | undefined = undefined;
  #seen: Peeked = NOTHING_SEEN;
  #deadline: Deadline | undefined = undefined;
  #silent: SilentClient | undefined = undefined;
  #early: EarlyDial | undefined = undefined;
  #terminal: TerminalConnection | undefined = undefined;
  #filters: NetworkFilter[] = [];
  #closed = false;
  #held = false;
  #awaitsHeader = false;

  constructor(conn: Conn, listener: LiveListener, nowMs: number) {
    this.conn = conn;
    this.#listener = listener;
    this.startMs = nowMs;
    this.remoteAddress = conn.remoteAddress;
    this.remotePort = conn.remotePort;
    this.localAddress = conn.localAddress;
    this.localPort = conn.localPort;
    conn.handler = this;
  }

  get listener(): string {
    return this.#listener.snapshot.name;
  }

  get originalSource(): OriginalSource | undefined {
    return originalSourceOf(this, this.#listener.snapshot);
  }

  /** Runs the listener filters; the last step hands the connection to its chain. */
  begin(): void {
    const { filters, useOriginalDst } = this.#listener.snapshot;
    if (filters.originalDst) this.#restoreDestination();
    if (useOriginalDst && this.restoredDestination) {
      const other = this.#listener.siblingFor(this.localAddress, this.localPort);
      if (other !== undefined && other !== this.#listener) {
        this.#listener.leave(this);
        this.#listener = other;
        other.adopt(this);
      }
    }
    if (this.#listener.snapshot.filters.proxyProtocol === undefined) return this.#startPeeking();
    this.#awaitsHeader = true;
    this.#armDeadline();
  }

  terminal(): TerminalFilter | undefined {
    const listener = this.#listener;
    if (this.#generation === listener.generation) return this.#chain?.terminal;
    const chain = listener.removed ? undefined : this.match();
    if (chain === undefined || chain.securityClass !== this.#chain?.securityClass) return undefined;
    this.#generation = listener.generation;
    this.#chain = chain;
    this.filterChain = chain.name;
    return chain.terminal;
  }

  /** Called after every change: a chain that asks something else of its clients lets this one finish only. */
  recheck(): void {
    // Whoever is in the middle of a handshake finishes it: an edit of the server's certificate is no reason to be refused.
    if (this.#chain === undefined || this.#terminal === undefined) return;
    if (this.terminal() !== undefined) {
      if (this.#chain.filters.some((filter) => filter.stillAllows?.(this) === false)) this.#revoke();
      else this.#terminal?.recheck?.();
      return;
    }
    this.drain();
    this.#cutPlaintext();
  }

  /** What is trusted changed: a revoked peer goes at once, one whose root went may finish what it does. */
  recheckPeer(): void {
    const facts = this.conn.tls;
    const fault = facts === undefined || this.#closed ? undefined : this.#chain?.tls?.faultOf(facts);
    if (fault === undefined) return;
    const { log } = this.#listener.services;
    log.info('a connection is cut: its client is no longer trusted', {
      listener: this.listener,
      peer: this.remoteAddress,
      reason: fault,
    });
    if (fault.startsWith('peer_revoked')) return this.#revoke();
    this.drain();
    this.#cutSoon();
  }

  #cutPlaintext(): void {
    if (this.#lacksTls()) this.#cutSoon();
  }

  /** What is under way may end well; what has no end is cut. */
  #cutSoon(): void {
    if (this.#closed || this.#deadline?.armed === true) return;
    this.#deadline = new Deadline(() => this.#revoke());
    this.#listener.services.wheel.arm(this.#deadline, REVOKED_GRACE_MS, this.#listener.services.clock.now());
  }

  /** `gently`: what rests may still send a request, which is then told to be the last. */
  drain(gently = false): void {
    if (this.#terminal !== undefined) this.#terminal.drain(gently);
    // In the middle of a handshake or of its first bytes: it is served once. Nobody has said anything on the others.
    else if (!gently && this.#chain === undefined && this.#peeked === undefined && !this.conn.holdsUnread)
      this.close('');
  }

  holders(leastBytes: number): Iterable<Holder> {
    return this.#terminal?.holders(leastBytes) ?? [];
  }

  close(details: string): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#deadline !== undefined) this.#listener.services.wheel.cancel(this.#deadline);
    if (details !== '')
      this.#listener.services.log.debug('connection closed', {
        listener: this.listener,
        peer: this.remoteAddress,
        details,
      });
    this.#silent?.handOver(undefined);
    this.#early?.abandon();
    for (const filter of this.#filters) filter.onClose?.();
    this.#listener.leave(this);
    if (!this.conn.destroyed) this.conn.destroy();
  }

  // While the connection has no terminal filter.

  onData(data: Buffer): void {
    if (this.#held) {
      this.conn.pause();
      this.conn.unread(data);
      return;
    }
    const bytes = this.#peeked === undefined ? data : Buffer.concat([this.#peeked, data]);
    this.#peeked = bytes;
    if (this.#awaitsHeader) return this.#takeProxyHeader(bytes);
    const port = this.localPort;
    const { filters } = this.#listener.snapshot;
    const seen =
      bytes.length > PEEK_BYTES_MAX
        ? NOTHING_SEEN
        : peekProtocol(bytes, { tls: filters.tlsInspector(port), http: filters.httpInspector(port) });
    if (seen === undefined) return;
    if (seen === 'malformed') {
      this.#listener.stats.inc(LISTENER.downstream_listener_filter_error);
      this.close('listener_filter_error');
      return;
    }
    this.#silent?.spoke();
    this.#seen = seen;
    this.sni = seen.serverName;
    this.offeredAlpn = seen.applicationProtocols;
    this.#peeked = undefined;
    this.conn.pause();
    this.conn.unread(bytes);
    this.#chooseChain();
  }

  onEnd(): void {
    if (this.#chain === undefined) this.#listener.stats.inc(LISTENER.downstream_listener_filter_remote_close);
    this.close('');
  }
  onDrain(): void {}
  onClose(): void {
    this.close('');
  }

  /** A plaintext peer of a server that takes TLS only by now. */
  #lacksTls(): boolean {
    const { removed, snapshot } = this.#listener;
    if (removed || snapshot.direction !== 'inbound' || this.conn.tls !== undefined) return false;
    const chain = this.match();
    return chain === undefined || chain.tls !== undefined;
  }

  #revoke(): void {
    if (this.#closed) return;
    this.#listener.stats.inc(LISTENER.downstream_cx_peer_revoked);
    this.close(PEER_REVOKED);
  }

  #startPeeking(): void {
    const { filters } = this.#listener.snapshot;
    if (!filters.tlsInspector(this.localPort) && !filters.httpInspector(this.localPort)) {
      this.conn.pause();
      this.#chooseChain();
      return;
    }
    this.#armDeadline();
    this.#silent = new SilentClient(this, this.#listener);
  }

  #armDeadline(): void {
    const { timeoutMs } = this.#listener.snapshot.filters;
    if (timeoutMs <= 0 || this.#deadline !== undefined) return;
    this.#deadline = new Deadline(() => this.#onPeekTimeout());
    this.#listener.services.wheel.arm(this.#deadline, timeoutMs, this.startMs);
  }

  /** Who the sender speaks for is the client from here on. */
  #takeProxyHeader(bytes: Buffer): void {
    const { filters } = this.#listener.snapshot;
    const read = filters.proxyProtocol?.take(bytes) ?? { kind: 'absent' };
    if (read.kind === 'incomplete') return;
    if (read.kind === 'malformed') {
      this.#listener.stats.inc(LISTENER.downstream_listener_filter_error);
      return this.close('proxy_protocol_error');
    }
    const rest = read.kind === 'header' ? bytes.subarray(read.length) : bytes;
    if (read.kind === 'header' && read.addresses !== undefined) {
      const { source, destination } = read.addresses;
      this.remoteAddress = source.address;
      this.remotePort = source.port;
      this.localAddress = destination.address;
      this.localPort = destination.port;
      this.proxyTlvs = filters.proxyProtocol?.passed(read.tlvs);
      this.metadata = filters.proxyProtocol?.metadata(read.tlvs);
    }
    this.#awaitsHeader = false;
    this.#peeked = undefined;
    this.conn.pause();
    if (rest.length > 0) this.conn.unread(rest);
    const peeks = filters.tlsInspector(this.localPort) || filters.httpInspector(this.localPort);
    this.#startPeeking();
    if (peeks) this.conn.resume();
  }

  #onPeekTimeout(): void {
    const { wheel, clock } = this.#listener.services;
    if (this.conn.holdsUnread) return wheel.arm(this.#deadline as Deadline, HELD_MS, clock.now());
    if (!this.#awaitsHeader && this.#listener.snapshot.filters.continueOnTimeout) return this.goOnUnseen();
    this.#listener.stats.inc(LISTENER.downstream_pre_cx_timeout);
    this.close('listener_filter_timeout');
  }

  /** No protocol was found in what came so far, if anything did. */
  goOnUnseen(): void {
    this.conn.pause();
    if (this.#peeked !== undefined) this.conn.unread(this.#peeked);
    this.#peeked = undefined;
    this.#chooseChain();
  }

  #restoreDestination(): void {
    if (this.#listener.snapshot.transparent) this.restoredDestination = true;
    const original = this.conn.originalDestination();
    if (original === undefined) return;
    if (original.address === this.localAddress && original.port === this.localPort) return;
    this.localAddress = original.address;
    this.localPort = original.port;
    this.restoredDestination = true;
  }

  match(): FilterChain | undefined {
    const { matcher, defaultChain } = this.#listener.snapshot;
    return matcher.match(chainInput(this, this.#seen.transportProtocol)) ?? defaultChain;
  }

  #chooseChain(): void {
    const listener = this.#listener;
    if (this.#deadline !== undefined) listener.services.wheel.cancel(this.#deadline);
    const chain = this.match();
    this.#early = this.#silent?.handOver(chain);
    if (chain === undefined) {
      listener.unmatched(this);
      this.close('filter_chain_not_found');
      return;
    }
    this.#chain = chain;
    this.#generation = listener.generation;
    this.filterChain = chain.name;
    if (chain.tls === undefined) return this.#startFilters();
    if (!chain.tls.ready) {
      listener.stats.inc(LISTENER['ssl.connection_error']);
      this.close('no certificate yet');
      return;
    }
    chain.tls.start(this.conn, (result) => {
      if (!result.ok) {
        listener.stats.inc(LISTENER['ssl.connection_error']);
        this.close(`transport_failure_reason: ${result.message}`);
        return;
      }
      this.conn = result.conn;
      this.conn.handler = this;
      listener.stats.inc(LISTENER['ssl.handshake']);
      const facts = result.conn.tls;
      if (facts?.resumed === true) listener.stats.inc(LISTENER['ssl.session_reused']);
      this.sni = facts?.sni ?? this.sni;
      this.localPrincipal = chain.tls?.localPrincipal ?? '';
      this.conn.pause();
      this.#startFilters();
    });
  }

  #startFilters(): void {
    const chain = this.#chain as FilterChain;
    this.#held = true;
    if (chain.filters.length === 0) return this.#startTerminal();
    const record = new StreamRecord();
    record.protocol = 'TCP';
    record.metadata = this.metadata;
    this.#filters = chain.filters.map((factory) => factory.create(this, record));
    this.#runFilters(0);
  }

  #runFilters(from: number): void {
    for (let i = from; i < this.#filters.length; i++) {
      let proceeded = false;
      let inside = true;
      const status = this.#filters[i]?.onConnection?.(() => {
        proceeded = true;
        if (!inside && !this.#closed) this.#runFilters(i + 1);
      });
      inside = false;
      if (this.#closed) return;
      if (status === 'stop' && !proceeded) return;
    }
    if (this.#filters.some((filter) => filter.onFirstData !== undefined)) this.#awaitFirstData();
    else this.#startTerminal();
  }

  /** Filters that judge the first bytes see them before the terminal filter does. */
  #awaitFirstData(): void {
    const { conn } = this;
    conn.handler = {
      onData: (data) => {
        conn.pause();
        for (const filter of this.#filters) if (filter.onFirstData?.(data) === 'stop' || this.#closed) return;
        conn.unread(data);
        conn.handler = this;
        this.#startTerminal();
      },
      onEnd: () => this.close(''),
      onDrain: () => {},
      onClose: () => this.close(''),
    };
    conn.resume();
  }

  #startTerminal(): void {
    this.#held = false;
    const chain = this.#chain as FilterChain;
    // Before it is the terminal filter's, which may have nowhere to put bytes yet.
    this.conn.resume();
    this.#terminal = chain.terminal.start(this, this.#early);
    // Changed meanwhile: the first request is served and told to close.
    if (this.terminal() === undefined) this.#cutPlaintext();
  }
}
