// A listening socket and its connections. The socket owns no configuration: the snapshot is replaced under it (design 4).

import type { BoundListener, Conn } from '#base';
import { LISTENER, type StatBlock, StreamRecord } from '#telemetry';
import { ConnectionFacts } from '../http/connection-facts.ts';
import type { ProxyServices } from '../services.ts';
import { AcceptedConnection } from './accepted-connection.ts';
import { FirstSpeakers } from './first-speakers.ts';
import { chainsOf, disposeSnapshot, listenerStatName, type ListenerSnapshot } from './listener-snapshot.ts';

/** Connections judged in one turn of the loop when trust changes: a first look at a peer costs up to 0.2 ms. */
const JUDGED_PER_TURN = 16;

export class LiveListener {
  readonly services: ProxyServices;
  readonly stats: StatBlock;
  snapshot: ListenerSnapshot;
  /** Grows with every snapshot: connections compare it to know whether to match again. */
  generation = 0;
  removed = false;
  /** Those that come still waited in the kernel's queue: they are served, and told that it is once. */
  #stopped = false;
  #destroyed = false;
  #emptied: Promise<unknown> = Promise.resolve();
  readonly speakers = new FirstSpeakers();
  readonly #bound: BoundListener[] = [];
  readonly #connections = new Set<AcceptedConnection>();
  readonly #siblings: (address: string, port: number) => LiveListener | undefined;

  constructor(
    snapshot: ListenerSnapshot,
    services: ProxyServices,
    siblings: (address: string, port: number) => LiveListener | undefined,
  ) {
    this.snapshot = snapshot;
    this.services = services;
    this.#siblings = siblings;
    this.stats = services.stats.listener(listenerStatName(snapshot.statPrefix, snapshot));
    this.#followTrust();
  }

  get addresses(): readonly { readonly address: string; readonly port: number }[] {
    return this.#bound;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  connections(): Iterable<AcceptedConnection> {
    return this.#connections;
  }

  async bind(): Promise<void> {
    const {
      name,
      host,
      port,
      ipv4Too = false,
      additional,
      bindToPort,
      reusePort,
      backlog,
      transparent,
    } = this.snapshot;
    if (!bindToPort) return;
    for (const [i, at] of [{ host, port, ipv4Too }, ...additional].entries()) {
      this.#bound.push(
        await this.services.net.listen(
          { ...at, label: `${name}#${i}`, reusePort, transparent, ...(backlog === undefined ? {} : { backlog }) },
          (conn) => this.#accept(conn),
        ),
      );
    }
  }

  /** The same address, new contents. */
  replace(snapshot: ListenerSnapshot): void {
    const old = this.snapshot;
    this.snapshot = snapshot;
    this.generation++;
    this.#followTrust();
    for (const connection of [...this.#connections]) connection.recheck();
    disposeSnapshot(old);
  }

  /** No new connections; the present ones finish what they do. */
  drain(): void {
    this.stopAccepting();
    for (const connection of [...this.#connections]) connection.drain();
  }

  stopAccepting(): void {
    this.#stopped = true;
    const bound = this.#bound.splice(0);
    this.#emptied = Promise.all([this.#emptied, ...bound.map(async (one) => await (one.empty?.() ?? one.close()))]);
  }

  /** Resolves when nobody waits to be accepted. */
  async emptied(): Promise<void> {
    await this.#emptied;
  }

  /** The next response on each connection is its last; none is closed before. */
  drainGently(): void {
    for (const connection of [...this.#connections]) connection.drain(true);
  }

  remove(): void {
    this.removed = true;
    this.generation++;
    this.drain();
  }

  /** Cuts what is left. */
  destroy(): void {
    this.#destroyed = true;
    this.drain();
    for (const connection of [...this.#connections]) connection.close('');
    disposeSnapshot(this.snapshot);
    this.services.stats.release(this.stats);
  }

  /** Nobody will own the connection: only the listener's own logs can tell of it. */
  unmatched(connection: AcceptedConnection): void {
    this.stats.inc(LISTENER.no_filter_chain_match);
    const { clock, reporter } = this.services;
    const refusals = this.snapshot.direction === 'inbound' ? reporter?.refusals() : undefined;
    if (this.snapshot.unmatchedSinks.length === 0 && refusals === undefined) return;
    const record = new StreamRecord();
    record.protocol = 'TCP';
    record.startMs = connection.startMs;
    record.startWallMs = clock.wallTime();
    new ConnectionFacts(connection).fill(record);
    record.addFlag('NR');
    record.endMs = clock.now();
    record.connectionTerminationDetails = 'filter_chain_not_found';
    refusals?.onStreamEnd(record);
    for (const sink of this.snapshot.unmatchedSinks) sink.onStreamEnd(record);
  }

  siblingFor(address: string, port: number): LiveListener | undefined {
    return this.#siblings(address, port);
  }

  adopt(connection: AcceptedConnection): void {
    this.#connections.add(connection);
    this.stats.inc(LISTENER.downstream_cx_total);
    this.stats.inc(LISTENER.downstream_cx_active);
  }

  leave(connection: AcceptedConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.stats.dec(LISTENER.downstream_cx_active);
    this.stats.inc(LISTENER.downstream_cx_destroy);
    this.stats.observe(LISTENER.downstream_cx_length_ms, this.services.clock.now() - connection.startMs);
  }

  #followTrust(): void {
    for (const { tls } of chainsOf(this.snapshot))
      if (tls !== undefined) tls.onTrust = () => this.#judge([...this.#connections]);
  }

  /** Who is no longer trusted is cut (design 4); the loop stays the traffic's. */
  #judge(connections: readonly AcceptedConnection[]): void {
    for (const connection of connections.slice(0, JUDGED_PER_TURN)) connection.recheckPeer();
    const rest = connections.slice(JUDGED_PER_TURN);
    if (rest.length > 0) this.services.clock.setTimer(0, () => this.#judge(rest));
  }

  #accept(conn: Conn): void {
    if (this.#destroyed) return conn.destroy();
    const { overload } = this.services;
    if (overload.refusingConnections) {
      this.stats.inc(LISTENER.downstream_cx_overload_reject);
      conn.destroy();
      return;
    }
    overload.watch();
    const connection = new AcceptedConnection(conn, this, this.services.clock.now());
    this.adopt(connection);
    connection.begin();
    if (this.#stopped) connection.drain(true);
  }
}
