// Copies of requests that other clusters get; their answers are thrown away (request_mirror_policies).

import { Deadline, keepRead } from '#base';
import { CLUSTER } from '#telemetry';
import type { ClientStream, ClientStreamHandler, HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import type { Breaker, Host } from '../cluster/index.ts';
import { PLAIN_PICK } from '../cluster/pick-context.ts';
import type { MirrorPolicy } from '../route/index.ts';
import type { ProxyServices } from '../services.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { HttpPool, PooledConnection, PoolWaiter } from '../upstream/http-pool.ts';

/** A mirror whose connection is slower than its client keeps at most this much, bytes; then it gives up. */
const KEPT_BYTES_MAX = 1 << 20;

/** `timeoutMs`: how long after the request's end an answer is waited for, as the client's own; 0 = for ever. */
export function startMirrors(
  services: ProxyServices,
  head: RequestHead,
  policies: readonly MirrorPolicy[],
  end: boolean,
  timeoutMs: number,
): readonly Mirror[] | undefined {
  if (policies.length === 0) return undefined;
  const mirrors: Mirror[] = [];
  for (const policy of policies) {
    if (policy.fraction < 1 && services.random.float() >= policy.fraction) continue;
    const name = policy.clusterHeader === '' ? policy.cluster : (head.headers.get(policy.clusterHeader) ?? '');
    const cluster = services.clusters.get(name);
    const host = cluster?.pick(PLAIN_PICK);
    if (cluster === undefined || host === undefined) continue;
    const breaker = cluster.breaker();
    if (!breaker.tryRequest()) {
      cluster.stats.inc(CLUSTER.upstream_rq_pending_overflow);
      continue;
    }
    const shadow = shadowHead(head, policy.appendShadowSuffix);
    const mirror = new Mirror({ services, cluster, host, breaker, timeoutMs }, shadow, end);
    mirrors.push(mirror);
    mirror.start(cluster.pool(host, 'default', false, undefined, shadow));
  }
  return mirrors;
}

/** Bytes of copies that wait for their endpoints. */
export function heldByMirrors(mirrors: readonly Mirror[] | undefined): number {
  let bytes = 0;
  for (const mirror of mirrors ?? []) bytes += mirror.heldBytes;
  return bytes;
}

function shadowHead(head: RequestHead, suffix: boolean): RequestHead {
  let authority = head.authority;
  if (suffix) {
    const colon = authority.lastIndexOf(':');
    const port = colon > authority.lastIndexOf(']') ? authority.slice(colon) : '';
    authority = `${authority.slice(0, authority.length - port.length)}-shadow${port}`;
  }
  return { ...head, authority, headers: head.headers.clone() };
}

interface Aim {
  readonly services: ProxyServices;
  readonly cluster: Cluster;
  readonly host: Host;
  readonly breaker: Breaker;
  readonly timeoutMs: number;
}

export class Mirror implements PoolWaiter, ClientStreamHandler {
  readonly #aim: Aim;
  readonly #head: RequestHead;
  #ended: boolean;
  #pool: HttpPool | undefined = undefined;
  #stream: ClientStream | undefined = undefined;
  #over = false;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #trailers: HeaderBlock | undefined = undefined;
  #answered = false;
  #late: Deadline | undefined = undefined;

  constructor(aim: Aim, head: RequestHead, end: boolean) {
    this.#aim = aim;
    this.#head = head;
    this.#ended = end;
    aim.host.activeRequests++;
    aim.host.totalRequests++;
    aim.cluster.stats.inc(CLUSTER.upstream_rq_total);
    aim.cluster.stats.inc(CLUSTER.upstream_rq_active);
  }

  get heldBytes(): number {
    return this.#over ? 0 : this.#keptBytes + (this.#stream?.queuedBytes ?? 0);
  }

  start(pool: HttpPool): void {
    this.#pool = pool;
    if (this.#ended) this.#end();
    pool.request(this, false);
  }

  data(data: Uint8Array, end: boolean): void {
    if (this.#over) return;
    if (end) this.#end();
    keepRead();
    const stream = this.#stream;
    if (stream !== undefined && stream.queuedBytes < KEPT_BYTES_MAX) {
      stream.sendData(data, end);
      if (end && this.#answered) this.#finish();
      return;
    }
    this.#keptBytes += data.length;
    this.#kept.push(data);
    if (stream !== undefined || this.#keptBytes > KEPT_BYTES_MAX) this.#giveUp();
  }

  trailers(trailers: HeaderBlock): void {
    if (this.#over) return;
    this.#end();
    this.#trailers = trailers;
    this.#stream?.sendTrailers(trailers);
    if (this.#answered) this.#finish();
  }

  /** The client's request is over: what of the copy is not said by now never will be. */
  abandon(): void {
    if (!this.#ended) this.#giveUp();
  }

  onReady(connection: PooledConnection): void {
    const stream = connection.start(this);
    if (this.#over) return stream.reset('local-reset');
    this.#stream = stream;
    const kept = this.#kept;
    this.#kept = [];
    this.#keptBytes = 0;
    const ended = this.#ended && this.#trailers === undefined;
    stream.sendHead(this.#head, ended && kept.length === 0);
    kept.forEach((piece, i) => stream.sendData(piece, ended && i === kept.length - 1));
    if (this.#trailers !== undefined) stream.sendTrailers(this.#trailers);
  }

  onFailure(): void {
    this.#finish();
  }
  onInformational(): void {}
  onHead(_: ResponseHead, end: boolean): void {
    if (end) this.#complete();
  }
  onData(_: Buffer, end: boolean): void {
    if (end) this.#complete();
  }
  onTrailers(): void {
    this.#complete();
  }
  onDrain(): void {}
  onReset(): void {
    this.#finish();
  }

  #end(): void {
    this.#ended = true;
    const { services, timeoutMs } = this.#aim;
    if (timeoutMs === 0 || this.#late !== undefined) return;
    this.#late = new Deadline(() => this.#giveUp());
    services.wheel.arm(this.#late, timeoutMs, services.clock.now());
  }

  /** Early or not: what reads the request may want all of it. */
  #complete(): void {
    this.#answered = true;
    if (this.#ended) this.#finish();
  }

  #giveUp(): void {
    if (this.#over) return;
    this.#finish();
    if (this.#stream === undefined) this.#pool?.cancel(this);
    else this.#stream.reset('local-reset');
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#kept = [];
    const { services, cluster, host, breaker } = this.#aim;
    if (this.#late !== undefined) services.wheel.cancel(this.#late);
    host.activeRequests--;
    breaker.releaseRequest();
    cluster.stats.dec(CLUSTER.upstream_rq_active);
  }
}
