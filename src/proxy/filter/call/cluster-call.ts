// One small request of the proxy's own to a cluster: the answer whole, or why there is none. Filters ask services by it.

import { Deadline } from '#base';
import { CLUSTER } from '#telemetry';
import type {
  ClientStream,
  ClientStreamHandler,
  HeaderBlock,
  RequestHead,
  ResetReason,
  ResponseHead,
} from '#wire/http';
import { PLAIN_PICK } from '../../cluster/pick-context.ts';
import type { Host } from '../../cluster/index.ts';
import type { Cluster } from '../../upstream/cluster.ts';
import type { ClusterManager } from '../../upstream/cluster-manager.ts';
import type { HttpPool, PooledConnection, PoolWaiter } from '../../upstream/http-pool.ts';

export interface CallAnswer {
  readonly status: number;
  readonly headers: HeaderBlock;
  readonly body: Buffer;
  readonly trailers: HeaderBlock | undefined;
}
export type CallResult =
  | { readonly ok: true; readonly answer: CallAnswer }
  | { readonly ok: false; readonly reason: string };

export interface ClusterCallOptions {
  readonly clusters: ClusterManager;
  readonly cluster: string;
  readonly head: RequestHead;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
}

/** Calls `done` once, never before it returns unless the answer is known; not at all after `cancel`. */
export function callCluster(options: ClusterCallOptions, done: (result: CallResult) => void): { cancel(): void } {
  const cluster = options.clusters.get(options.cluster);
  if (cluster === undefined) {
    done({ ok: false, reason: `there is no cluster ${options.cluster}` });
    return { cancel: () => {} };
  }
  return new ClusterCall(cluster, options, done);
}

class ClusterCall implements PoolWaiter, ClientStreamHandler {
  readonly #cluster: Cluster;
  readonly #options: ClusterCallOptions;
  readonly #deadline: Deadline;
  #done: ((result: CallResult) => void) | undefined;
  #host: Host | undefined = undefined;
  #pool: HttpPool | undefined = undefined;
  #stream: ClientStream | undefined = undefined;
  #reused = false;
  #head: ResponseHead | undefined = undefined;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(cluster: Cluster, options: ClusterCallOptions, done: (result: CallResult) => void) {
    this.#cluster = cluster;
    this.#options = options;
    this.#done = done;
    const { wheel, clock } = cluster.services;
    this.#deadline = new Deadline(() => this.#fail('no answer in time'));
    if (options.timeoutMs > 0) wheel.arm(this.#deadline, options.timeoutMs, clock.now());
    this.#try(false);
  }

  cancel(): void {
    if (this.#done === undefined) return;
    this.#end();
  }

  #try(fresh: boolean): void {
    const host = this.#cluster.pick(PLAIN_PICK);
    if (host === undefined) return this.#fail('no healthy endpoint');
    this.#host = host;
    host.activeRequests++;
    host.totalRequests++;
    this.#pool = this.#cluster.pool(host, 'default', false, undefined, this.#options.head);
    this.#pool.request(this, fresh);
  }

  // From the pool.

  onReady(connection: PooledConnection): void {
    if (this.#done === undefined) return;
    this.#reused = connection.requests > 0;
    const stream = connection.start(this);
    this.#stream = stream;
    const { head, body } = this.#options;
    const copy: RequestHead = { ...head, headers: head.headers.clone() };
    stream.sendHead(copy, body.length === 0);
    if (body.length > 0) stream.sendData(body, true);
  }

  onFailure(reason: ResetReason, transport: string): void {
    if (this.#done !== undefined) this.#fail(transport === '' ? reason : `${reason}: ${transport}`);
  }

  // From the stream.

  onInformational(): void {}
  onDrain(): void {}

  onHead(head: ResponseHead, end: boolean): void {
    if (this.#done === undefined) return;
    this.#head = head;
    if (end) this.#finish(undefined);
  }

  onData(data: Buffer, end: boolean): void {
    if (this.#done === undefined) return;
    this.#bytes += data.length;
    if (this.#bytes > this.#options.answerBytesMax) return this.#fail('the answer is too long');
    this.#pieces.push(Buffer.from(data));
    if (end) this.#finish(undefined);
  }

  onTrailers(trailers: HeaderBlock): void {
    if (this.#done !== undefined) this.#finish(trailers);
  }

  onReset(reason: ResetReason, detail: string): void {
    if (this.#done === undefined) return;
    this.#stream = undefined;
    // A kept connection that the service had closed already: the question is asked once more, over a new one.
    if (this.#reused && this.#head === undefined) {
      this.#reused = false;
      this.#leaveHost();
      this.#try(true);
      return;
    }
    this.#fail(detail === '' ? reason : `${reason}: ${detail}`);
  }

  #finish(trailers: HeaderBlock | undefined): void {
    const done = this.#done;
    const head = this.#head;
    this.#stream = undefined;
    this.#end();
    this.#cluster.stats.inc(CLUSTER.upstream_rq_total);
    if (head !== undefined)
      done?.({
        ok: true,
        answer: { status: head.status, headers: head.headers, body: Buffer.concat(this.#pieces), trailers },
      });
  }

  #fail(reason: string): void {
    const done = this.#done;
    this.#end();
    done?.({ ok: false, reason });
  }

  #end(): void {
    this.#done = undefined;
    this.#cluster.services.wheel.cancel(this.#deadline);
    this.#leaveHost();
    if (this.#stream !== undefined) this.#stream.reset('local-reset');
    else this.#pool?.cancel(this);
    this.#stream = undefined;
  }

  #leaveHost(): void {
    if (this.#host !== undefined) this.#host.activeRequests--;
    this.#host = undefined;
  }
}
