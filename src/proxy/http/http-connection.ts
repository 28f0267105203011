// A downstream connection that speaks HTTP: one codec, the manager whose configuration the next request gets,
// and what is the same for all its requests.

import { type ConnError, Deadline, turnTime, turnWallTime } from '#base';
import { HTTP, type StatBlock, StreamRecord } from '#telemetry';
import type { H2Violation } from '#wire/h2';
import type {
  HttpVersion,
  RequestAcceptor,
  RequestHead,
  ResponseHead,
  ServerStream,
  ServerStreamHandler,
} from '#wire/http';
import type { DownstreamConnection, TerminalConnection } from '../network/filter.ts';
import { Router } from '../router/router.ts';
import type { RouteChoice } from '../route/index.ts';
import type { ProxyServices } from '../services.ts';
import { UpstreamClient } from '../upstream/client-pools.ts';
import { applyXfcc, clientCertElement } from './client-cert-header.ts';
import { attachCodec, type ServerCodec } from './codec.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { ConnectionFacts } from './connection-facts.ts';
import { FlushWatch } from './flush-watch.ts';
import { HEAD_TOO_LATE, HEAD_TOO_LATE_TOLD, headlessRecord, refusalBody } from './headless-request.ts';
import { httpHolders } from './http-holders.ts';
import type { Holder } from '../overload/held-memory.ts';
import { countResponse } from './status-class.ts';
import { httpDate } from './date-header.ts';
import { prepareRequest } from './forwarding-headers.ts';
import type { HttpManager } from './http-manager.ts';
import { HttpStream } from './http-stream.ts';
import { normalizePath } from './normalize-path.ts';
import { isEndless, PEER_REVOKED, REVOKED_GRACE_MS, stillAllowed } from './revocation.ts';

export class HttpConnection implements RequestAcceptor, TerminalConnection {
  readonly downstream: DownstreamConnection;
  readonly services: ProxyServices;
  /** It ended with requests under way. */
  brokeOff = false;
  #manager: HttpManager;
  #codec: ServerCodec | undefined = undefined;
  #version: HttpVersion = '1.1';
  readonly #facts: ConnectionFacts;
  #certElement: string | undefined = undefined;
  readonly #streams: HttpStream[] = [];
  #requests = 0;
  #upstreamClient: UpstreamClient | undefined = undefined;
  #flushes: FlushWatch | undefined = undefined;
  #draining = false;
  #closed = false;
  readonly #idle = new Deadline(() => this.#onIdle());
  readonly #life: Deadline | undefined;
  #stats: StatBlock;
  readonly #counts: ConnectionCounts;
  #headerDeadline: Deadline | undefined = undefined;
  /** When requests that are no longer allowed have to be over. */
  #revocation: Deadline | undefined = undefined;

  constructor(downstream: DownstreamConnection, manager: HttpManager) {
    this.downstream = downstream;
    this.#manager = manager;
    this.services = manager.services;
    this.#facts = new ConnectionFacts(downstream);
    this.#stats = manager.stats;
    this.#counts = new ConnectionCounts(downstream.conn, this.#stats, this.services.openBytes);
    const { idleMs, maxConnectionMs } = manager.config;
    const now = downstream.startMs;
    if (idleMs > 0) this.services.wheel.arm(this.#idle, idleMs, now);
    if (maxConnectionMs > 0) {
      this.#life = new Deadline(() => this.#onLifeOver());
      this.services.wheel.arm(this.#life, maxConnectionMs, now);
    }
    attachCodec(downstream, manager.config, this, {
      onCodec: (codec, version) => {
        this.#codec = codec;
        this.#version = version;
        this.#counts.speaks(version);
        // HTTP/1.1 begins with a request at hand: its response says it.
        if (this.#draining && version === '2') codec.drain();
      },
      onClosing: () => this.#closeLater(),
      onClosed: (error) => this.#onClosed(error),
      onHeadPending: (pending) => this.#onHeadPending(pending),
      onViolation: (violation) => this.#onViolation(violation),
      services: this.services,
    });
  }

  get upstreamClient(): UpstreamClient {
    return (this.#upstreamClient ??= new UpstreamClient(this.downstream));
  }

  count(slot: number): void {
    this.#stats.inc(slot);
  }

  onRequest(codec: ServerStream, head: RequestHead, end: boolean): ServerStreamHandler {
    const manager = this.#currentManager();
    const config = manager.config;
    const services = this.services;
    const nowMs = turnTime(services.clock);
    this.#requests++;
    if (this.#headerDeadline?.armed === true) services.wheel.cancel(this.#headerDeadline);
    const stats = this.#stats;
    stats.inc(HTTP.downstream_rq_total);
    stats.inc(HTTP.downstream_rq_active);
    stats.inc(head.version === '2' ? HTTP.downstream_rq_http2_total : HTTP.downstream_rq_http1_total);
    const record = new StreamRecord();
    record.startMs = nowMs;
    record.startWallMs = turnWallTime(services.clock);
    if (end) record.requestEndMs = nowMs;
    const prepared = prepareRequest(head, this.#facts, config, services.random);
    const facts =
      prepared.trustedAddress === this.#facts.trustedRemoteAddress
        ? this.#facts
        : this.#facts.trusting(prepared.trustedAddress);
    this.#fillRecord(record, head, prepared.requestId, facts);
    const stream = new HttpStream(this, config, codec, head, end, record, facts);
    stream.place = this.#streams.push(stream) - 1;
    stream.timers.start(nowMs);
    if (prepared.problem !== undefined) stream.reply({ status: 400, body: '', details: 'http1.unexpected_underscore' });
    else if (services.overload.refusingRequests) {
      stats.inc(HTTP.downstream_rq_overload_close);
      stream.rescue('overloaded');
    } else this.#admit(stream, config.xfccMode);
    return stream;
  }

  refusalBody(status: number, detail: string): string | undefined {
    return refusalBody(this.services, this.#facts, this.#manager.config.replyMappers, status, detail);
  }

  onProtocolError(status: number, detail: string): void {
    this.#stats.inc(HTTP.downstream_cx_protocol_error);
    if (status === 431)
      this.services.stats.counter(`${this.#version === '2' ? 'http2' : 'http1'}.header_overflow`).inc();
    const record = headlessRecord(this.services, this.#facts, { status, details: detail });
    record.addFlag('DPE');
    for (const sink of this.#manager.config.sinks) sink.onStreamEnd(record);
  }

  chooseRoute(stream: HttpStream): RouteChoice | undefined {
    const table = stream.config.routes.current;
    if (table === undefined) return undefined;
    const choice = table.choose(stream.input, this.services.random.float());
    const record = stream.record;
    record.routeName = choice?.name ?? '';
    record.routeMetadata = choice?.route.metadata;
    record.virtualHost = choice?.virtualHost ?? '';
    record.upstreamCluster = choice?.cluster ?? '';
    if (choice?.route.bufferLimit !== undefined) stream.bufferLimit = choice.route.bufferLimit;
    return choice;
  }

  startRouter(stream: HttpStream, end: boolean): void {
    if (!stream.config.routed) return;
    const router = new Router(stream, this.services);
    stream.router = router;
    router.requestHead(stream.head, end);
  }

  /** The last touches before a response head leaves. */
  finishResponseHead(stream: HttpStream, head: ResponseHead): void {
    countResponse(this.#stats, this.#manager.listenerStats, head.status);
    if (!stream.requestComplete) this.#stats.inc(HTTP.downstream_rq_response_before_rq_complete);
    const config = stream.config;
    const headers = head.headers;
    let server = false;
    let date = false;
    const flat = headers.flat;
    for (let i = 0; i < flat.length; i += 3) {
      const lower = flat[i];
      if (lower === 'server') server = true;
      else if (lower === 'date') date = true;
    }
    if (config.serverHeader === 'overwrite') {
      if (server) headers.set('server', config.serverName);
      else headers.push('server', 'server', config.serverName);
    } else if (config.serverHeader === 'append-if-absent' && !server)
      headers.push('server', 'server', config.serverName);
    if (!date) headers.push('date', 'date', httpDate(stream.record.startWallMs));
    if (config.alwaysSetRequestIdInResponse && stream.record.requestId !== '')
      headers.set('x-request-id', stream.record.requestId);
    if (config.via !== '') headers.add('via', config.via);
    const { maxRequestsPerConnection } = config;
    if (
      this.#draining ||
      this.services.draining() ||
      this.services.overload.closing ||
      (maxRequestsPerConnection > 0 && this.#requests >= maxRequestsPerConnection)
    ) {
      if (stream.head.version === '2') this.#codec?.drain();
      else headers.set('connection', 'close');
    }
  }

  onStreamEnd(stream: HttpStream): void {
    this.#remove(stream);
    const record = stream.record;
    const now = turnTime(this.services.clock);
    record.endMs = now;
    const stats = this.#stats;
    stats.dec(HTTP.downstream_rq_active);
    if (stream.upgraded) stats.dec(HTTP.downstream_cx_upgrades_active);
    stats.observe(HTTP.downstream_rq_time, now - record.startMs);
    for (const sink of stream.config.sinks) sink.onStreamEnd(record);
    if (record.trace !== undefined) stream.config.tracer?.end(record);
    const idleMs = stream.config.idleMs;
    if (this.#streams.length === 0 && !this.#closed && idleMs > 0) this.services.wheel.arm(this.#idle, idleMs, now);
  }

  /** The response is said; whether the client takes it is watched only where it did not at once. */
  awaitFlush(codec: ServerStream, idleMs: number): void {
    this.#flushes ??= new FlushWatch(this.services, (late) => {
      if (this.#closed) return;
      this.services.stats.counter('http2.tx_flush_timeout').inc();
      if (late.version === '2') late.reset('timeout');
      else this.downstream.conn.destroy();
    });
    this.#flushes.watch(codec, idleMs);
  }

  holders(leastBytes: number): Iterable<Holder> {
    return httpHolders(this.downstream.conn, this.#version, this.#streams, this.#flushes?.streams() ?? [], leastBytes);
  }

  drain(gently = false): void {
    this.#draining = true;
    // HTTP/1.1 says it with its next response: a resting connection that closes could meet a request under way.
    if (!gently || this.#version === '2') this.#codec?.drain();
  }

  /** The configuration changed: what it would refuse, and would never end by itself, ends now, the rest soon. */
  recheck(): void {
    this.#codec?.limitHeads(this.#currentManager().config.limits);
    if (!this.#revoke(true)) return;
    const { wheel, clock } = this.services;
    this.#revocation ??= new Deadline(() => void this.#revoke(false));
    if (!this.#revocation.armed) wheel.arm(this.#revocation, REVOKED_GRACE_MS, clock.now());
  }

  /** True: some that are refused may still finish. */
  #revoke(graceful: boolean): boolean {
    let left = false;
    for (const stream of [...this.#streams]) {
      const { config } = this.#currentManager();
      if (config === stream.config || stillAllowed(stream, config)) continue;
      if (graceful && !isEndless(stream.asked ?? stream.head)) {
        left = true;
        continue;
      }
      this.#stats.inc(HTTP.downstream_rq_peer_revoked);
      stream.record.responseCodeDetails = PEER_REVOKED;
      stream.reset(PEER_REVOKED);
    }
    return left;
  }

  #admit(stream: HttpStream, xfcc: HttpManager['config']['xfccMode']): void {
    const { head, config } = stream;
    if (head.headers.has('x-forwarded-client-cert') || this.#facts.mtls) {
      this.#certElement ??= clientCertElement(this.downstream.conn.tls, this.#facts.localPrincipal, config.xfccParts);
      applyXfcc(head.headers, xfcc, this.#facts.mtls, this.#certElement);
    }
    if (head.authority === '') return stream.rescue('host-missing');
    const normal = normalizePath(head.path, config.path);
    if (normal.kind === 'reject') {
      this.#stats.inc(HTTP.downstream_rq_failed_path_normalization);
      return stream.rescue('path-invalid');
    }
    if (normal.kind === 'redirect') {
      return stream.reply({
        status: 307,
        body: '',
        details: 'path_normalization_failed',
        headers: [
          ['location', `${head.headers.get('x-forwarded-proto') ?? head.scheme}://${head.authority}${normal.path}`],
        ],
      });
    }
    if (normal.path !== head.path) {
      stream.record.originalPath = head.path;
      stream.record.path = head.path = normal.path;
    }
    const waits = !config.proxy100Continue && head.headers.get('expect')?.toLowerCase() === '100-continue';
    if (waits) head.headers.remove('expect');
    stream.choice = this.chooseRoute(stream);
    config.tracer?.begin(head, stream.record, stream.choice?.route.decorator);
    stream.begin();
    if (waits) stream.expectsContinue();
  }

  #currentManager(): HttpManager {
    const terminal = this.downstream.terminal();
    if (terminal === undefined) this.#draining = true;
    else if (terminal !== this.#manager && terminal.kind === 'http') {
      this.#manager = terminal as HttpManager;
      const { stats } = this.#manager;
      if (stats !== this.#stats) this.#counts.move(stats, this.#streams);
      this.#stats = stats;
    }
    return this.#manager;
  }

  #fillRecord(record: StreamRecord, head: RequestHead, requestId: string, facts: ConnectionFacts): void {
    record.protocol = head.version === '2' ? 'HTTP/2' : head.version === '1.1' ? 'HTTP/1.1' : 'HTTP/1.0';
    record.method = head.method;
    record.path = head.path;
    record.authority = head.authority;
    record.scheme = head.scheme;
    record.requestId = requestId;
    record.requestHeaders = head.headers;
    facts.fill(record);
  }

  #remove(stream: HttpStream): void {
    const last = this.#streams.pop() as HttpStream;
    if (last === stream) return;
    this.#streams[stream.place] = last;
    last.place = stream.place;
  }

  #onIdle(): void {
    // Armed when the last stream ended, and left so: the end of the present ones arms it anew.
    if (this.#streams.length > 0) return;
    this.#stats.inc(HTTP.downstream_cx_idle_timeout);
    this.drain();
    this.#closeLater();
  }

  #onHeadPending(pending: boolean): void {
    const { wheel, clock } = this.services;
    const ms = this.#manager.config.headersTimeoutMs;
    if (!pending) {
      if (this.#headerDeadline !== undefined) wheel.cancel(this.#headerDeadline);
    } else if (ms > 0) wheel.arm((this.#headerDeadline ??= new Deadline(() => this.#onHeadersLate())), ms, clock.now());
  }

  #onViolation(violation: H2Violation): void {
    const { stats } = this.services;
    stats.counter(`http2.${violation}`).inc();
    this.#stats.inc(HTTP.downstream_cx_protocol_error);
    if (violation === 'inbound_reset_flood') this.#stats.inc(HTTP.downstream_rq_too_many_premature_resets);
  }

  #onHeadersLate(): void {
    this.#stats.inc(HTTP.downstream_rq_header_timeout);
    const record = headlessRecord(this.services, this.#facts, HEAD_TOO_LATE_TOLD);
    for (const sink of this.#manager.config.sinks) sink.onStreamEnd(record);
    const { conn } = this.downstream;
    if (this.#version === '2' || this.#streams.length > 0) return conn.destroy();
    conn.writeText(HEAD_TOO_LATE);
    conn.end();
    this.#closeLater();
  }

  #onLifeOver(): void {
    this.#stats.inc(HTTP.downstream_cx_max_duration_reached);
    this.drain();
  }

  /** Our FIN is out: the client gets a while to close, then the socket goes. */
  #closeLater(): void {
    const ms = this.#manager.config.delayedCloseMs;
    const late = new Deadline(() => {
      if (!this.#closed && this.#streams.length === 0) {
        this.#stats.inc(HTTP.downstream_cx_delayed_close_timeout);
        this.downstream.conn.destroy();
      }
    });
    this.services.wheel.arm(late, ms, this.services.clock.now());
  }

  #onClosed(_error: ConnError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    const wheel = this.services.wheel;
    wheel.cancel(this.#idle);
    this.#flushes?.close();
    this.#upstreamClient?.close();
    if (this.#life !== undefined) wheel.cancel(this.#life);
    if (this.#headerDeadline !== undefined) wheel.cancel(this.#headerDeadline);
    if (this.#revocation !== undefined) wheel.cancel(this.#revocation);
    this.#counts.end(this.brokeOff, this.services.clock.now() - this.downstream.startMs);
    this.downstream.close('');
  }
}
