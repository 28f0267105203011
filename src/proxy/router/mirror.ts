// Copies of requests that other clusters get; their answers are thrown away (request_mirror_policies).

import { keepRead } from '#base';
import type { ClientStream, ClientStreamHandler, HeaderBlock, RequestHead } from '#wire/http';
import { PLAIN_PICK } from '../cluster/pick-context.ts';
import type { MirrorPolicy } from '../route/index.ts';
import type { ProxyServices } from '../services.ts';
import type { PooledConnection, PoolWaiter } from '../upstream/http-pool.ts';

/** A mirror whose connection is slower than its client keeps at most this much, bytes; then it gives up. */
const KEPT_BYTES_MAX = 1 << 20;

export function startMirrors(
  services: ProxyServices,
  head: RequestHead,
  policies: readonly MirrorPolicy[],
  end: boolean,
): readonly Mirror[] {
  const mirrors: Mirror[] = [];
  for (const policy of policies) {
    if (policy.fraction < 1 && services.random.float() >= policy.fraction) continue;
    const name = policy.clusterHeader === '' ? policy.cluster : (head.headers.get(policy.clusterHeader) ?? '');
    const cluster = services.clusters.get(name);
    const host = cluster?.pick(PLAIN_PICK);
    if (cluster === undefined || host === undefined) continue;
    const shadow = shadowHead(head, policy.appendShadowSuffix);
    const mirror = new Mirror(shadow, end);
    mirrors.push(mirror);
    cluster.pool(host, 'default', false, undefined, shadow).request(mirror, false);
  }
  return mirrors;
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

export class Mirror implements PoolWaiter, ClientStreamHandler {
  readonly #head: RequestHead;
  #ended: boolean;
  #stream: ClientStream | undefined = undefined;
  #over = false;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #trailers: HeaderBlock | undefined = undefined;

  constructor(head: RequestHead, end: boolean) {
    this.#head = head;
    this.#ended = end;
  }

  data(data: Uint8Array, end: boolean): void {
    this.#ended = end;
    if (this.#over) return;
    keepRead();
    const stream = this.#stream;
    if (stream !== undefined && stream.queuedBytes < KEPT_BYTES_MAX) {
      stream.sendData(data, end);
      return;
    }
    this.#keptBytes += data.length;
    this.#kept.push(data);
    if (stream !== undefined || this.#keptBytes > KEPT_BYTES_MAX) this.#giveUp();
  }

  trailers(trailers: HeaderBlock): void {
    this.#ended = true;
    this.#trailers = trailers;
    this.#stream?.sendTrailers(trailers);
  }

  onReady(connection: PooledConnection): void {
    const stream = connection.start(this);
    if (this.#over) return stream.reset('local-reset');
    this.#stream = stream;
    const kept = this.#kept;
    this.#kept = [];
    const ended = this.#ended && this.#trailers === undefined;
    stream.sendHead(this.#head, ended && kept.length === 0);
    kept.forEach((piece, i) => stream.sendData(piece, ended && i === kept.length - 1));
    if (this.#trailers !== undefined) stream.sendTrailers(this.#trailers);
  }

  onFailure(): void {
    this.#over = true;
    this.#kept = [];
  }
  onInformational(): void {}
  onHead(): void {}
  onData(): void {}
  onTrailers(): void {}
  onDrain(): void {}
  onReset(): void {
    this.onFailure();
  }

  #giveUp(): void {
    this.#stream?.reset('local-reset');
    this.onFailure();
  }
}
