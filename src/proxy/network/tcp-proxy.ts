// TCP proxying as a terminal filter: one upstream connection per client connection (envoy.filters.network.tcp_proxy).

import { type ConnError, type ConnHandler, Deadline, turnTime } from '#base';
import { CLUSTER, StreamRecord, type StatBlock, TCP } from '#telemetry';
import { hash32 } from '../cluster/lb/hash32.ts';
import { PLAIN_PICK } from '../cluster/pick-context.ts';
import { ConnectionFacts, hostPort } from '../http/connection-facts.ts';
import { RESCUES } from '../http/rescue.ts';
import type { Holder } from '../overload/held-memory.ts';
import type { ProxyServices } from '../services.ts';
import type { DownstreamConnection, EarlyDial, EarlyNews, TerminalConnection, TerminalFilter } from './filter.ts';
import type { Host } from '../cluster/host.ts';
import { HttpTunnel, TUNNEL_OVERFLOW } from './http-tunnel.ts';
import type { TcpProxyConfig } from './tcp-proxy-config.ts';
import { TcpReports } from './tcp-reports.ts';
import type { UpstreamLeg } from './upstream-leg.ts';
import { type UpstreamOwner, UpstreamSide } from './upstream-side.ts';
import type { CountedConn } from '../open-bytes.ts';
import { countBytes, countEnd, countFailure, countTcpConnected } from '../upstream/connection-counts.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { LastWords } from './last-words.ts';
import { transportWords } from '../upstream/http-pool.ts';
import { hostPeer, nameService } from '../upstream/host-peer.ts';

export class TcpProxy implements TerminalFilter {
  readonly kind = 'tcp';
  readonly config: TcpProxyConfig;
  readonly services: ProxyServices;
  readonly stats: StatBlock;

  constructor(config: TcpProxyConfig, services: ProxyServices) {
    this.config = config;
    this.services = services;
    this.stats = services.stats.tcp(config.statPrefix);
  }

  start(connection: DownstreamConnection, early?: EarlyDial): TerminalConnection {
    const session = early instanceof TcpSession && early.waits ? early : new TcpSession(connection, this);
    session.take();
    return session;
  }

  dialEarly(connection: DownstreamConnection, heard: (what: EarlyNews) => void): EarlyDial | undefined {
    // What an HTTP proxy has begun to do for somebody cannot be kept for later.
    if (this.config.tunnel !== undefined) return undefined;
    const session = new TcpSession(connection, this);
    return session.dial(heard) ? session : undefined;
  }

  dispose(): void {
    for (const sink of this.config.sinks) sink.dispose?.();
    this.services.stats.release(this.stats);
  }

  chooseCluster(): string {
    const { clusters, totalWeight } = this.config;
    let point = clusters.length === 1 ? 0 : this.services.random.float() * totalWeight;
    for (const { name, weight } of clusters) {
      if (point < weight) return name;
      point -= weight;
    }
    return clusters.at(-1)?.name ?? '';
  }
}

class TcpSession implements TerminalConnection, ConnHandler, UpstreamOwner, EarlyDial, Holder {
  readonly #down: DownstreamConnection;
  readonly #proxy: TcpProxy;
  readonly #record = new StreamRecord();
  #cluster: Cluster | undefined = undefined;
  #host: Host | undefined = undefined;
  #up: UpstreamLeg | undefined = undefined;
  #counted: CountedConn | undefined = undefined;
  #connected = false;
  #attempts = 0;
  #downEnded = false;
  #upEnded = false;
  /** It ended last, or broke the connection: whoever ends first only says that it has said all. */
  #endedByEndpoint = false;
  #over = false;
  readonly #idle: Deadline | undefined;
  #life: Deadline | undefined = undefined;
  /** Set until the client is this session's: what the endpoint does meanwhile is told here. */
  #heard: ((what: EarlyNews) => void) | undefined = undefined;
  #taken = false;
  #reports: TcpReports | undefined = undefined;

  constructor(down: DownstreamConnection, proxy: TcpProxy) {
    this.#down = down;
    this.#proxy = proxy;
    const record = this.#record;
    record.protocol = 'TCP';
    record.startMs = down.startMs;
    record.startWallMs = proxy.services.clock.wallTime();
    new ConnectionFacts(down).fill(record);
    this.#idle = proxy.config.idleMs > 0 ? new Deadline(() => this.#onIdle()) : undefined;
  }

  /** An endpoint was dialled, and is neither taken nor gone. */
  get waits(): boolean {
    return !this.#taken && !this.#over;
  }

  /** False: nobody can be dialled now. */
  dial(heard: (what: EarlyNews) => void): boolean {
    this.#connect();
    this.#heard = heard;
    return !this.#over;
  }

  /** The client is this session's from here on. */
  take(): void {
    this.#taken = true;
    this.#heard = undefined;
    const { conn } = this.#down;
    this.#proxy.stats.inc(TCP.downstream_cx_total);
    conn.handler = this;
    this.#touch();
    this.#limitLife();
    conn.pause();
    if (this.#up === undefined) return this.#connect();
    if (!this.#connected) return;
    this.#join();
    this.#up.resume();
  }

  /** The client turned out to be another filter's, or left. */
  abandon(): void {
    if (this.waits) this.#giveUp();
  }

  #giveUp(): void {
    this.#over = true;
    const up = this.#up;
    this.#release();
    up?.destroy();
  }

  #tell(news: EarlyNews): void {
    const heard = this.#heard;
    this.#heard = undefined;
    heard?.(news);
  }

  drain(): void {
    // Bytes of unknown meaning can't be asked to stop: the connection lives until its ends close it.
  }

  holders(leastBytes: number): Iterable<Holder> {
    return this.heldBytes < leastBytes ? [] : [this];
  }

  get heldBytes(): number {
    return this.#down.conn.queuedBytes + (this.#up?.queuedBytes ?? 0);
  }

  shed(): void {
    this.#record.addFlag('OM');
    this.#up?.destroy();
    this.#finish(RESCUES.overloaded.details);
  }

  // The client's side.

  onData(data: Buffer): void {
    this.#record.bytesReceived += data.length;
    this.#proxy.stats.add(TCP.downstream_cx_rx_bytes_total, data.length);
    this.#touch();
    if (this.#up?.write(data) === false) this.#down.conn.pause();
  }

  onEnd(): void {
    this.#downEnded = true;
    if (this.#connected) this.#up?.end();
    if (this.#upEnded) this.#finish('');
  }

  onDrain(): void {
    this.#up?.resume();
  }

  onClose(): void {
    this.#finish('');
  }

  // The endpoint's side.

  upstreamConnected(): void {
    this.#connected = true;
    if (this.#counted !== undefined) {
      countTcpConnected(this.#counted);
      if (this.#host !== undefined) this.#cluster?.report(this.#host, { kind: 'connected', whole: true });
    }
    this.#record.upstreamFirstByteMs = this.#proxy.services.clock.now();
    const up = this.#up;
    // Only where somebody hears of it: the kernel is asked for it.
    if (up !== undefined && this.#proxy.config.sinks.length > 0)
      this.#record.upstreamLocalAddress = hostPort(up.localAddress, up.localPort);
    const tls = up?.tls;
    if (tls?.peer.kind === 'verified') {
      this.#record.upstreamPrincipal = tls.peer.spiffeId;
      this.#record.upstreamLocalPrincipal =
        this.#host === undefined ? '' : (this.#cluster?.transportOf(this.#host).localPrincipal ?? '');
      this.#record.upstreamMtls = true;
    }
    if (this.#taken) this.#join();
  }

  /** Both ends are there. */
  #join(): void {
    this.#reports = TcpReports.begin(this.#record, this.#proxy.config.sinks, this.#proxy.services);
    if (this.#downEnded) this.#up?.end();
    this.#down.conn.resume();
  }

  upstreamData(data: Buffer): void {
    if (!this.#taken) {
      this.#up?.pause();
      this.#up?.unread?.(data);
      return this.#tell('spoke');
    }
    this.#record.bytesSent += data.length;
    this.#proxy.stats.add(TCP.downstream_cx_tx_bytes_total, data.length);
    this.#touch();
    if (!this.#down.conn.write(data)) this.#up?.pause();
  }

  upstreamEnd(): void {
    if (!this.#taken) {
      this.#giveUp();
      return this.#tell('left');
    }
    this.#upEnded = true;
    this.#down.conn.end();
    this.#endedByEndpoint = this.#downEnded;
    if (this.#downEnded) this.#finish('');
  }

  upstreamDrain(): void {
    this.#down.conn.resume();
  }

  upstreamClosed(error: ConnError | undefined): void {
    if (this.#over) return;
    this.#endedByEndpoint = this.#up?.endedByPeer ?? false;
    const own = this.#counted !== undefined;
    const host = this.#host;
    this.#release();
    if (this.#connected && !this.#taken) {
      this.#over = true;
      return this.#tell('left');
    }
    if (this.#connected) return this.#finish('');
    this.#record.upstreamTransportFailure = own ? transportWords(error) : (error?.message ?? '');
    if (error?.code === TUNNEL_OVERFLOW) return this.#overflow();
    if (own && this.#cluster !== undefined) countFailure(this.#cluster.stats, error, 1);
    if (own && host !== undefined) this.#cluster?.report(host, { kind: 'connect-failed' });
    if (this.#attempts < this.#proxy.config.connectAttempts) return this.#connect();
    this.#cluster?.stats.inc(CLUSTER.upstream_cx_connect_attempts_exceeded);
    this.#record.addFlag('UF');
    this.#record.addFlag('URX');
    this.#finish('upstream_connection_failure');
  }

  #connect(): void {
    const { services } = this.#proxy;
    const name = this.#proxy.chooseCluster();
    this.#record.upstreamCluster = name;
    this.#attempts++;
    const cluster = services.clusters.get(name);
    if (cluster === undefined) {
      this.#proxy.stats.inc(TCP.downstream_cx_no_route);
      this.#record.addFlag('NC');
      return this.#finish('cluster_not_found');
    }
    this.#cluster = cluster;
    nameService(this.#record, cluster);
    const down = this.#down;
    const host = cluster.pick({
      ...PLAIN_PICK,
      hash: this.#proxy.config.hashSource ? hash32(down.remoteAddress) : undefined,
      originalDestination: down.restoredDestination ? { address: down.localAddress, port: down.localPort } : undefined,
    });
    if (host === undefined) {
      cluster.stats.inc(CLUSTER.upstream_cx_none_healthy);
      this.#record.addFlag('UH');
      return this.#finish('no_healthy_upstream');
    }
    this.#host = host;
    this.#record.upstreamHost = host.key;
    this.#record.destination = hostPeer(host, services.peers);
    this.#record.upstreamStartMs = services.clock.now();
    const { tunnel } = this.#proxy.config;
    if (tunnel === undefined) return this.#dial(cluster, host);
    const up = new HttpTunnel(cluster, host, tunnel, down, new UpstreamSide(this));
    this.#up = up;
    up.dial();
  }

  #dial(cluster: Cluster, host: Host): void {
    const transport = cluster.transportOf(host, this.#down);
    if (!transport.ready) {
      this.#record.addFlag('UF');
      return this.#finish('TLS_error:_Secret_is_not_supplied_by_SDS');
    }
    if (!cluster.breaker().tryConnection()) {
      cluster.stats.inc(CLUSTER.upstream_cx_overflow);
      return this.#overflow();
    }
    host.tryConnection(Number.POSITIVE_INFINITY);
    host.totalConnections++;
    cluster.stats.inc(CLUSTER.upstream_cx_total);
    cluster.stats.inc(CLUSTER.upstream_cx_active);
    cluster.stats.inc(CLUSTER.upstream_rq_pending_total);
    cluster.stats.inc(CLUSTER.upstream_rq_pending_active);
    const up = transport.connect(host, new UpstreamSide(this));
    this.#up = up;
    this.#counted = countBytes(cluster, up);
  }

  #overflow(): void {
    this.#record.addFlag('UO');
    this.#finish('upstream_overflow');
  }

  #release(): void {
    const host = this.#host;
    const counted = this.#counted;
    this.#host = undefined;
    this.#up = undefined;
    this.#counted = undefined;
    if (host === undefined || counted === undefined) return;
    countEnd(counted, this.#connected, this.#endedByEndpoint);
    const { stats } = counted;
    stats.dec(this.#connected ? CLUSTER.upstream_rq_active : CLUSTER.upstream_rq_pending_active);
    stats.dec(CLUSTER.upstream_cx_active);
    host.releaseConnection();
    this.#cluster?.breaker().releaseConnection();
  }

  #touch(): void {
    if (this.#idle === undefined) return;
    const { wheel, clock } = this.#proxy.services;
    wheel.arm(this.#idle, this.#proxy.config.idleMs, turnTime(clock));
  }

  #limitLife(): void {
    const { config, services, stats } = this.#proxy;
    if (config.lifeMs === 0) return;
    this.#life = new Deadline(() => {
      stats.inc(TCP.max_downstream_connection_duration);
      this.#record.addFlag('DT');
      this.#finish('max_connection_duration');
    });
    services.wheel.arm(this.#life, config.lifeMs, services.clock.now());
  }

  #onIdle(): void {
    this.#proxy.stats.inc(TCP.idle_timeout);
    this.#record.addFlag('SI');
    this.#finish('idle_timeout');
  }

  #finish(details: string): void {
    if (this.#over) return;
    this.#over = true;
    if (!this.#taken) return this.#tell('left');
    const { wheel, clock } = this.#proxy.services;
    if (this.#idle !== undefined) wheel.cancel(this.#idle);
    if (this.#life !== undefined) wheel.cancel(this.#life);
    const up = this.#up;
    this.#release();
    if (up !== undefined && !up.destroyed) {
      if (this.#connected) new LastWords(up, this.#proxy.services, () => {});
      else up.destroy();
    }
    const record = this.#record;
    record.endMs = clock.now();
    record.connectionTerminationDetails = details;
    const told = this.#reports?.end(record.endMs);
    for (const sink of this.#proxy.config.sinks) if (sink !== told) sink.onStreamEnd(record);
    const { conn } = this.#down;
    if (details !== '' || conn.destroyed) this.#down.close(details);
    else new LastWords(conn, this.#proxy.services, () => this.#down.close(''));
  }
}
