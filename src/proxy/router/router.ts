// The last filter: carries a request to an endpoint of its route's cluster, tries again where the policy
// allows, and brings the response back (Envoy's router filter).

import { Deadline, turnTime } from '#base';
import { CLUSTER, HTTP } from '#telemetry';
import type { HeaderBlock, RequestHead, ResetReason, ResponseHead } from '#wire/http';
import type { LocalReply } from '../http/filter.ts';
import { type Breaker, type Host, observeResponseTime } from '../cluster/index.ts';
import type { HttpStream } from '../http/http-stream.ts';
import type { StreamRouter } from '../http/stream-router.ts';
import { lateReply, RESCUES, rescue, rescueReset, resetDetails, resetFlag } from '../http/rescue.ts';
import type { ForwardTarget, RouteChoice } from '../route/index.ts';
import type { ProxyServices } from '../services.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { answerOf } from '../upstream/error-matcher.ts';
import { hostPeer, nameService } from '../upstream/host-peer.ts';
import type { HttpPool } from '../upstream/http-pool.ts';
import { pickContext } from './pick-input.ts';
import { answerAtOnce } from './answer-at-once.ts';
import { ownAnswer } from './own-answer.ts';
import { prepareUpstreamHead, tellAttempt } from './prepare-request.ts';
import { RequestBuffer, UNSEEN_BYTES_MAX } from './request-buffer.ts';
import { countRetried, countStatus } from './count-status.ts';
import { LeftHosts } from './left-hosts.ts';
import { switchedStatus } from './switched-status.ts';
import { backoffMs, hedges, isIdempotent, retriesOnReset, retriesOnResponse, retriesOnTimeout } from './retry.ts';
import { lifeLimit, NO_TIMEOUTS, routeTimeouts, type RouteTimeouts } from './timeouts.ts';
import { heldByMirrors, startMirrors, type Mirror } from './mirror.ts';
import { UpstreamAttempt } from './upstream-attempt.ts';

export class Router implements StreamRouter {
  readonly stream: HttpStream;
  readonly services: ProxyServices;
  #cluster: Cluster | undefined = undefined;
  #breaker: Breaker | undefined = undefined;
  #active = false;
  #choice: RouteChoice | undefined = undefined;
  #target: ForwardTarget | undefined = undefined;
  #attempt: UpstreamAttempt | undefined = undefined;
  /** Beyond their time, with a successor (hedge_on_per_try_timeout). */
  #late: UpstreamAttempt[] | undefined = undefined;
  #attempts = 0;
  #retriesLeft = 0;
  #replayed = false;
  #responseStarted = false;
  #requestEnded = false;
  #done = false;
  #body: RequestBuffer | undefined = undefined;
  #bodyKept = true;
  #left: LeftHosts | undefined = undefined;
  #timeouts: RouteTimeouts = NO_TIMEOUTS;
  #total: Deadline<Router> | undefined = undefined;
  #backoff: Deadline | undefined = undefined;
  #retrying = false;
  #endWait: (() => void) | undefined = undefined;
  #mirrors: readonly Mirror[] | undefined = undefined;

  constructor(stream: HttpStream, services: ProxyServices) {
    this.stream = stream;
    this.services = services;
  }

  get cluster(): Cluster {
    return this.#cluster as Cluster;
  }
  get head(): RequestHead {
    return this.stream.head;
  }
  get requestEnded(): boolean {
    return this.#requestEnded;
  }
  get perTryIdleMs(): number {
    return this.#timeouts.perTryIdleMs;
  }
  get perTryMs(): number {
    return this.#timeouts.perTryMs;
  }
  get heldBytes(): number {
    return (this.#body?.bytes ?? 0) + (this.#attempt?.queuedBytes ?? 0) + heldByMirrors(this.#mirrors);
  }

  requestHead(head: RequestHead, end: boolean): void {
    const stream = this.stream;
    this.#requestEnded = end;
    const target = answerAtOnce(stream, head);
    if (target === undefined) return;
    const choice = stream.choice as RouteChoice;
    this.#choice = choice;
    this.#target = target;
    const cluster = this.services.clusters.get(choice.cluster);
    if (cluster === undefined) {
      stream.connection.count(HTTP.no_cluster);
      return stream.reply({ ...rescue('no-cluster'), status: target.clusterNotFoundCode });
    }
    this.#cluster = cluster;
    this.#breaker = cluster.breaker(target.priority);
    if (!this.#breaker.tryRequest()) {
      cluster.stats.inc(CLUSTER.upstream_rq_pending_overflow);
      return this.#answer(rescueReset('overflow', '', false));
    }
    this.#active = true;
    this.#prepare(head, choice, target, end);
    cluster.stats.inc(CLUSTER.upstream_rq_active);
    if (cluster.warm) this.#try(false);
    else this.#awaitWarm(cluster);
  }

  requestData(data: Uint8Array, end: boolean): void {
    if (end) this.#endRequest();
    this.#keep(data, end);
    const attempt = this.#attempt;
    if (attempt === undefined) {
      if (this.#body !== undefined && this.#body.bytes > this.stream.bufferLimit / 2) this.stream.pauseRequest();
      return;
    }
    if (attempt.ready) {
      if (!attempt.sendData(data, end)) this.stream.pauseRequest();
    } else if (this.#body !== undefined && this.#body.bytes > this.stream.bufferLimit / 2) this.stream.pauseRequest();
  }

  requestTrailers(trailers: HeaderBlock): void {
    this.#endRequest();
    if (this.#body !== undefined) this.#body.trailers = trailers;
    if (this.#attempt?.ready === true) this.#attempt.sendTrailers(trailers);
    for (const mirror of this.#mirrors ?? []) mirror.trailers(trailers);
  }

  pauseResponse(): void {
    this.#attempt?.pause();
  }

  resumeResponse(): void {
    this.#attempt?.resume();
  }

  destroy(): void {
    if (this.#done) return;
    this.#done = true;
    const wheel = this.services.wheel;
    this.#endWait?.();
    if (this.#total !== undefined) wheel.cancel(this.#total);
    if (this.#backoff !== undefined) wheel.cancel(this.#backoff);
    for (const late of this.#late ?? []) late.abandon();
    this.#attempt?.abandon();
    this.#attempt = undefined;
    this.#body = undefined;
    for (const mirror of this.#mirrors ?? []) mirror.abandon();
    const cluster = this.#cluster;
    if (cluster === undefined || !this.#active) return;
    this.#active = false;
    this.#breaker?.releaseRequest();
    if (this.#retrying) this.#breaker?.releaseRetry();
    cluster.stats.dec(CLUSTER.upstream_rq_active);
  }

  // From the attempt.

  onReady(attempt: UpstreamAttempt): void {
    this.#name(attempt);
    const body = this.#body;
    const head = this.stream.head;
    if (body === undefined || (body.empty && body.trailers === undefined)) {
      attempt.sendHead(head, this.#requestEnded);
      return;
    }
    attempt.sendHead(head, false);
    const last = body.pieces.length - 1;
    const ended = this.#requestEnded && body.trailers === undefined;
    body.pieces.forEach((piece, i) => attempt.sendData(piece, ended && i === last));
    if (last < 0 && ended) attempt.sendData(EMPTY, true);
    if (body.trailers !== undefined) attempt.sendTrailers(body.trailers);
    this.#releaseBody();
    if (!attempt.congested) this.stream.resumeRequest();
  }

  onInformational(attempt: UpstreamAttempt, status: number, headers: HeaderBlock): void {
    this.#settleOn(attempt);
    this.stream.sendInformational(status, headers);
  }

  onHead(attempt: UpstreamAttempt, head: ResponseHead, end: boolean): void {
    const stream = this.stream;
    const cluster = this.cluster;
    const now = turnTime(this.services.clock);
    if (!attempt.timedOut) cluster.report(attempt.host, answerOf(head, cluster.settings.isError));
    observeResponseTime(attempt.host, now - attempt.startMs, now);
    const policy = this.#timeouts.retry;
    const late = this.#isLate(attempt);
    if (policy !== undefined && head.status !== 101 && retriesOnResponse(policy, this.head, head)) {
      const again = !late && this.#mayRetry(attempt);
      if (again || this.#othersMayAnswer(attempt)) {
        attempt.abandon();
        this.#drop(attempt);
        if (!again) return;
        countRetried(cluster, head.status);
        return this.#retry(head);
      }
    }
    this.#settleOn(attempt);
    countStatus(cluster, head.status);
    if (this.#retrying && !late && head.status < 500) cluster.stats.inc(CLUSTER.upstream_rq_retry_success);
    this.#responseStarted = true;
    this.#body = undefined;
    const record = stream.record;
    record.upstreamFirstByteMs = now;
    record.attempts = this.#attempts;
    record.responseCodeDetails = 'via_upstream';
    if (this.head.protocol !== '') head.status = switchedStatus(head.status, this.head.version, attempt.version);
    const headers = head.headers;
    const choice = this.#choice as RouteChoice;
    if (!stream.config.router.suppressHeaders)
      headers.put('x-envoy-upstream-service-time', String(Math.max(0, Math.round(now - attempt.startMs))));
    if (choice.route.attemptCountInResponse) headers.set('x-envoy-attempt-count', String(this.#attempts));
    record.responseCode = head.status;
    choice.mutateResponseHeaders(head, stream.input);
    this.setCookies?.forEach((cookie) => headers.push('set-cookie', 'set-cookie', cookie));
    if (end) this.#complete(attempt);
    stream.responseHead(head, end);
  }

  onData(attempt: UpstreamAttempt, data: Buffer, end: boolean): void {
    if (end) this.#complete(attempt);
    this.stream.responseData(data, end);
  }

  onTrailers(attempt: UpstreamAttempt, trailers: HeaderBlock): void {
    const status = trailers.get('grpc-status');
    if (status !== undefined && /^[0-9]{1,2}$/.test(status)) this.stream.record.grpcStatus = Number(status);
    this.#complete(attempt);
    this.stream.responseTrailers(trailers);
  }

  onDrain(): void {
    this.stream.resumeRequest();
  }

  /** `transport`: why there was no connection; '' = the stream itself broke. */
  onReset(attempt: UpstreamAttempt, reason: ResetReason, transport: string, processed: boolean): void {
    const stream = this.stream;
    if (this.#responseStarted) {
      stream.record.addFlag(resetFlag(reason));
      stream.record.responseCodeDetails = resetDetails(reason);
      this.#attempt = undefined;
      stream.reset(resetDetails(reason), reason === 'connection-termination' ? reason : 'local-reset');
      return;
    }
    stream.record.upstreamTransportFailure = transport;
    if (attempt.connected && !attempt.timedOut) this.cluster.report(attempt.host, { kind: 'request-failed' });
    const late = this.#isLate(attempt);
    this.#drop(attempt);
    if (
      !late &&
      attempt.connected &&
      !this.#replayed &&
      this.#bodyKept &&
      (!processed || (attempt.reused && reason === 'connection-termination' && isIdempotent(this.head.method)))
    ) {
      // Refused before it was looked at, or sent on a kept connection that the endpoint had closed already.
      this.#replayed = true;
      this.#attempts--;
      this.#try(true);
      return;
    }
    if (
      !late &&
      retriesOnReset(this.#timeouts.retry, this.head, reason, attempt.connected, processed) &&
      this.#mayRetry(attempt)
    )
      return this.#retry(undefined);
    if (this.#othersMayAnswer(attempt)) return;
    stream.record.attempts = this.#attempts;
    this.#answer(rescueReset(reason, transport, this.#attempts > 1));
  }

  onPerTryTimeout(attempt: UpstreamAttempt): void {
    this.cluster.report(attempt.host, { kind: 'timeout' });
    if (this.#timeouts.hedge) return this.#hedge(attempt);
    this.cluster.stats.inc(CLUSTER.upstream_rq_per_try_timeout);
    attempt.abandon();
    this.#attempt = undefined;
    if (!this.#responseStarted && retriesOnTimeout(this.#timeouts.retry) && this.#mayRetry(attempt))
      return this.#retry(undefined, true);
    this.#timeOut(rescue('per-try-timeout'));
  }

  /** Another attempt beside this one, as far as retries go: whichever answers first is the answer. */
  #hedge(attempt: UpstreamAttempt): void {
    attempt.timedOut = true;
    if (!hedges(this.#timeouts.retry, this.head) || !this.#mayRetry(attempt)) return;
    (this.#late ??= []).push(attempt);
    this.#retry(undefined, true);
  }

  #isLate(attempt: UpstreamAttempt): boolean {
    return this.#late?.includes(attempt) === true;
  }

  #drop(attempt: UpstreamAttempt): void {
    if (this.#attempt === attempt) this.#attempt = undefined;
    this.#late = this.#late?.filter((late) => late !== attempt);
  }

  /** Besides this one: an attempt that has not been answered, or one that is about to begin. */
  #othersMayAnswer(attempt: UpstreamAttempt): boolean {
    if (this.#late === undefined) return false;
    const next = this.#attempt ?? (this.#backoff?.armed === true ? this.#backoff : undefined);
    return (next !== undefined && next !== attempt) || this.#late.some((late) => late !== attempt);
  }

  /** This one answers: nobody waits for the others any more. */
  #settleOn(attempt: UpstreamAttempt): void {
    if (this.#late === undefined) return;
    this.#drop(attempt);
    for (const other of this.#late) other.abandon();
    this.#attempt?.abandon();
    if (this.#backoff !== undefined) this.services.wheel.cancel(this.#backoff);
    this.#late = undefined;
    this.#attempt = attempt;
    this.#name(attempt);
  }

  /** What telemetry says of where the request went. */
  #name(attempt: UpstreamAttempt): void {
    const record = this.stream.record;
    record.upstreamHost = attempt.host.key;
    record.destination = hostPeer(attempt.host, this.services.peers);
    record.upstreamLocalAddress = attempt.localAddress;
    attempt.namePrincipals(record);
  }

  /** Nothing moved on the attempt's stream for so long. No hedge while the client sends: that goes to one attempt only. */
  onPerTryIdle(attempt: UpstreamAttempt): void {
    if (!attempt.timedOut) this.cluster.report(attempt.host, { kind: 'timeout' });
    this.cluster.stats.inc(CLUSTER.upstream_rq_per_try_idle_timeout);
    if (this.#timeouts.hedge && !this.#responseStarted && this.#requestEnded) {
      if (!attempt.timedOut) this.#hedge(attempt);
      return;
    }
    attempt.abandon();
    this.#attempt = undefined;
    if (this.#responseStarted) {
      this.stream.record.addFlag('SI');
      this.stream.record.responseCodeDetails = RESCUES['per-try-idle-timeout'].details;
      this.stream.reset(RESCUES['per-try-idle-timeout'].details);
      return;
    }
    if (retriesOnTimeout(this.#timeouts.retry) && this.#mayRetry(attempt)) return this.#retry(undefined, true);
    this.stream.record.attempts = this.#attempts;
    this.#answer(rescue('per-try-idle-timeout'));
  }

  setCookies: string[] | undefined = undefined; // that hash policies ask for

  #prepare(head: RequestHead, choice: RouteChoice, target: ForwardTarget, end: boolean): void {
    const stream = this.stream;
    const record = stream.record;
    this.#timeouts = routeTimeouts(head, target, stream.config.router);
    prepareUpstreamHead(head, choice, target, stream, this.services.random);
    this.#retriesLeft = this.#timeouts.retry?.retries ?? 0;
    record.upstreamCluster = choice.cluster;
    nameService(record, this.cluster);
    if (target.idleTimeoutMs !== undefined) stream.timers.setIdle(target.idleTimeoutMs, record.startMs);
    stream.timers.setLife(lifeLimit(head, target), record.startMs);
    this.#mirrors = startMirrors(this.services, head, target.mirrors, end, this.#timeouts.totalMs);
    if (!end) this.#body = new RequestBuffer();
    if (end && this.#timeouts.totalMs > 0) this.#armTotal(record.startMs);
  }

  /** A cluster that is new here: its endpoints are on their way, so a route to it does not fail in between. */
  #awaitWarm(cluster: Cluster): void {
    const go = (): void => {
      this.#endWait?.();
      // Whoever comes next does not wait again.
      cluster.warm = true;
      this.services.wheel.cancel(late);
      if (!this.#done) this.#try(false);
    };
    const late = new Deadline(go);
    this.#endWait = cluster.onWarm(go);
    this.#backoff = late;
    this.services.wheel.arm(late, WARMING_MS, this.services.clock.now());
  }

  #try(fresh: boolean): void {
    const cluster = this.cluster;
    this.#attempts++;
    const target = this.#target as ForwardTarget;
    const choice = this.#choice as RouteChoice;
    tellAttempt(this.head.headers, choice.route, this.#attempts, this.#timeouts, this.stream, this.services.clock);
    const host = cluster.pickFor(pickContext(this, choice, this.#left, this.#timeouts.retry), this.head.authority);
    if (host === undefined) {
      cluster.stats.inc(CLUSTER.upstream_cx_none_healthy);
      // A hedge that finds no host takes nothing away from those under way.
      if (this.#late !== undefined && this.#late.length > 0) return;
      return this.#answer(rescue('no-healthy-upstream'));
    }
    if (target.hostRewrite?.kind === 'auto' && host.spec.hostname !== '') this.head.authority = host.spec.hostname;
    cluster.stats.inc(CLUSTER.upstream_rq_total);
    const attempt = new UpstreamAttempt(this, host, turnTime(this.services.clock));
    this.#attempt = attempt;
    attempt.pool = this.#pool(host);
    attempt.pool.request(attempt, fresh, isIdempotent(this.head.method));
  }

  #pool(host: Host): HttpPool {
    const target = this.#target as ForwardTarget;
    const { method, protocol } = this.head;
    if (method === 'CONNECT' && protocol === '' && target.upgrades.get('connect')?.terminateConnect === true)
      return this.cluster.tunnels(host, target.priority, this.stream.connection, this.head);
    return this.cluster.pool(host, target.priority, this.head.version === '2', this.stream.connection, this.head);
  }

  #mayRetry(attempt: UpstreamAttempt): boolean {
    const cluster = this.cluster;
    if (this.#retriesLeft <= 0) {
      cluster.stats.inc(CLUSTER.upstream_rq_retry_limit_exceeded);
      this.stream.record.addFlag('URX');
      return false;
    }
    if (!this.#bodyKept) return false;
    if (!this.#retrying && this.#breaker?.tryRetry() !== true) {
      cluster.stats.inc(CLUSTER.upstream_rq_retry_overflow);
      return false;
    }
    this.#retrying = true;
    (this.#left ??= new LeftHosts(this.#timeouts.retry, cluster)).add(attempt.host);
    return true;
  }

  #retry(response: ResponseHead | undefined, late = false): void {
    const { cluster, head } = this;
    if (this.#choice?.route.timeoutRetryInRequest === true) head.headers.put('x-envoy-is-timeout-retry', String(late));
    const policy = this.#timeouts.retry as NonNullable<ForwardTarget['retry']>;
    this.#retriesLeft--;
    cluster.stats.inc(CLUSTER.upstream_rq_retry);
    const delay = backoffMs(policy, this.#attempts, response, this.services, cluster.stats);
    this.#attempt = undefined;
    this.#backoff = new Deadline(() => {
      if (!this.#done) this.#try(false);
    });
    this.services.wheel.arm(this.#backoff, delay, this.services.clock.now());
  }

  #endRequest(): void {
    this.#requestEnded = true;
    this.#attempt?.armPerTry();
    if (this.#timeouts.totalMs > 0 && this.#total === undefined) this.#armTotal(this.services.clock.now());
  }

  #armTotal(nowMs: number): void {
    this.#total = new Deadline(Router.#onLate, this);
    this.services.wheel.arm(this.#total, this.#timeouts.totalMs, nowMs);
  }

  static #onLate(router: Router): void {
    router.cluster.stats.inc(CLUSTER.upstream_rq_timeout);
    if (router.#attempt?.timedOut === false) router.cluster.report(router.#attempt.host, { kind: 'timeout' });
    router.#timeOut(lateReply(router.#timeouts.quiet));
  }

  #timeOut(reply: LocalReply): void {
    const stream = this.stream;
    stream.record.attempts = this.#attempts;
    if (stream.responseHeadSent) {
      stream.record.addFlag('UT');
      stream.record.responseCodeDetails = RESCUES['response-timeout'].details;
      stream.reset('response_timeout');
    } else this.#answer(reply);
  }

  #answer(reply: LocalReply): void {
    this.stream.reply(ownAnswer(reply, this.cluster, this.stream.choice?.route, this.#attempts));
  }

  #keep(data: Uint8Array, end: boolean): void {
    for (const mirror of this.#mirrors ?? []) mirror.data(data, end);
    const body = this.#body;
    if (body === undefined) return;
    if (this.#attempt?.ready !== true || body.takes(data, end, this.#keptMax())) return body.add(data);
    // What is sent and is too long to keep can't be sent again.
    this.#body = undefined;
    this.#bodyKept = false;
    if (this.#timeouts.retry !== undefined) this.cluster.stats.inc(CLUSTER.retry_or_shadow_abandoned);
  }

  /** Without a retry policy only a short body is sent again, to an endpoint that refused it unseen. */
  #keptMax(): number {
    const retries = this.#timeouts.retry !== undefined && this.#retriesLeft > 0;
    return retries ? this.stream.bufferLimit : Math.min(this.stream.bufferLimit, UNSEEN_BYTES_MAX);
  }

  #releaseBody(): void {
    if ((this.#body?.bytes ?? 0) <= this.#keptMax()) return;
    this.#bodyKept = false;
    this.#body = undefined;
  }

  #complete(attempt: UpstreamAttempt): void {
    attempt.complete();
    this.cluster.stats.observe(CLUSTER.upstream_rq_time, turnTime(this.services.clock) - attempt.startMs);
  }
}

const EMPTY = Buffer.alloc(0);
/** The longest that a request waits for a new cluster's endpoints: as long as a step of a push. */
const WARMING_MS = 5000;
