// gRPC calls of the proxy's own over the connections of a cluster: balanced, secured and counted as requests are.
// A channel over it is always ready; each call finds its endpoint and connection by itself.

import { CLUSTER } from '#telemetry';
import {
  type GrpcConnection,
  type GrpcConnectionHandler,
  type GrpcDialer,
  HTTP2_CODE,
  type Metadata,
  type TransportHandler,
  type TransportStream,
} from '#wire/grpc';
import {
  type ClientStream,
  type ClientStreamHandler,
  HeaderBlock,
  type RequestHead,
  type ResetReason,
  type ResponseHead,
} from '#wire/http';
import { PLAIN_PICK } from '../cluster/pick-context.ts';
import type { Host } from '../cluster/index.ts';
import type { Cluster } from './cluster.ts';
import type { ClusterManager } from './cluster-manager.ts';
import type { HttpPool, PooledConnection, PoolWaiter } from './http-pool.ts';

/** Bytes that wait for a connection or the network before `write` says stop. */
const QUEUED_BYTES_HIGH = 64 * 1024;

export function clusterDialer(clusters: ClusterManager, name: string, authority = name): GrpcDialer {
  return {
    target: `cluster ${name}`,
    authority,
    scheme: 'http',
    dial: (handler) => new ClusterConnection(clusters, name, handler),
  };
}

class ClusterConnection implements GrpcConnection {
  readonly peer: GrpcConnection['peer'];
  readonly #clusters: ClusterManager;
  readonly #name: string;
  readonly #streams = new Set<ClusterGrpcStream>();

  constructor(clusters: ClusterManager, name: string, handler: GrpcConnectionHandler) {
    this.peer = { kind: 'plaintext', address: name, verdict: { kind: 'anonymous' } };
    this.#clusters = clusters;
    this.#name = name;
    queueMicrotask(() => {
      if (clusters.get(name) === undefined) handler.onClose(`there is no cluster ${name}`);
      else handler.onReady();
    });
  }

  openStream(headers: Metadata, handler: TransportHandler): TransportStream | undefined {
    const cluster = this.#clusters.get(this.#name);
    if (cluster === undefined) return undefined;
    const stream = new ClusterGrpcStream(cluster, requestHead(headers), handler, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    stream.open();
    return stream;
  }

  /** Connections are the cluster's: it keeps them alive, or not. */
  ping(answered: () => void): void {
    answered();
  }

  close(): void {}

  destroy(): void {
    for (const stream of [...this.#streams]) stream.reset();
  }
}

class ClusterGrpcStream implements TransportStream, PoolWaiter, ClientStreamHandler {
  handler: TransportHandler;
  readonly #cluster: Cluster;
  readonly #head: RequestHead;
  readonly #ended: () => void;
  #host: Host | undefined = undefined;
  #pool: HttpPool | undefined = undefined;
  #stream: ClientStream | undefined = undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #blocked = false;
  #halfClosed = false;
  #paused = false;
  #done = false;

  constructor(cluster: Cluster, head: RequestHead, handler: TransportHandler, ended: () => void) {
    this.#cluster = cluster;
    this.#head = head;
    this.handler = handler;
    this.#ended = ended;
  }

  open(): void {
    const host = this.#cluster.pick(PLAIN_PICK);
    if (host === undefined) {
      queueMicrotask(() => this.#close('refused', 'no healthy endpoint'));
      return;
    }
    this.#host = host;
    host.activeRequests++;
    host.totalRequests++;
    this.#cluster.stats.inc(CLUSTER.upstream_rq_total);
    this.#pool = this.#cluster.pool(host, 'default', false, undefined, this.#head);
    this.#pool.request(this, false);
  }

  get queuedBytes(): number {
    return this.#stream?.queuedBytes ?? this.#waitingBytes;
  }

  sendHeaders(): void {}

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#done) return false;
    let more = true;
    for (const chunk of chunks) {
      if (this.#stream !== undefined) more = this.#stream.sendData(chunk, false);
      else {
        this.#waiting.push(chunk);
        this.#waitingBytes += chunk.length;
        more = this.#waitingBytes < QUEUED_BYTES_HIGH;
      }
    }
    if (!more) this.#blocked = true;
    return more;
  }

  end(): void {
    this.#halfClosed = true;
    this.#stream?.sendData(new Uint8Array(0), true);
  }

  reset(): void {
    if (this.#done) return;
    if (this.#stream !== undefined) this.#stream.reset('local-reset');
    else this.#pool?.cancel(this);
    this.#leave();
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream?.resume();
  }

  // From the pool.

  onReady(connection: PooledConnection): void {
    if (this.#done) return;
    const stream = connection.start(this);
    this.#stream = stream;
    stream.sendHead(this.#head, false);
    if (this.#paused) stream.pause();
    let more = true;
    for (const chunk of this.#waiting) more = stream.sendData(chunk, false);
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#halfClosed) stream.sendData(new Uint8Array(0), true);
    else if (more) this.onDrain();
  }

  onFailure(reason: ResetReason, transport: string): void {
    this.#close('refused', transport === '' ? reason : `${reason}: ${transport}`);
  }

  // From the stream.

  onInformational(): void {}

  onHead(head: ResponseHead, end: boolean): void {
    if (this.#done) return;
    this.handler.onHeaders?.({ ':status': String(head.status), ...metadataOf(head.headers) }, end);
    if (end) this.#end();
  }

  onData(data: Buffer, end: boolean): void {
    if (this.#done) return;
    // What the connection reads into is read into again.
    if (data.length > 0) this.handler.onData(Uint8Array.from(data));
    if (end) this.#end();
  }

  onTrailers(trailers: HeaderBlock): void {
    if (this.#done) return;
    this.handler.onTrailers?.(metadataOf(trailers));
    this.#end();
  }

  onDrain(): void {
    if (!this.#blocked || this.#done) return;
    this.#blocked = false;
    this.handler.onDrain();
  }

  onReset(reason: ResetReason, detail: string, processed: boolean): void {
    this.#stream = undefined;
    this.#close(processed ? 'closed' : 'refused', detail === '' ? reason : `${reason}: ${detail}`);
  }

  #end(): void {
    if (this.#done) return;
    // The service said all it has to say, whatever we still wanted to.
    if (!this.#halfClosed) this.#stream?.reset('local-reset');
    this.#leave();
    this.handler.onEnd();
    this.handler.onClose(undefined);
  }

  #close(kind: 'closed' | 'refused', message: string): void {
    if (this.#done) return;
    this.#leave();
    this.handler.onClose({ kind, http2Code: HTTP2_CODE.cancel, message });
  }

  #leave(): void {
    this.#done = true;
    this.#stream = undefined;
    this.#waiting = [];
    if (this.#host !== undefined) this.#host.activeRequests--;
    this.#host = undefined;
    this.#ended();
  }
}

function requestHead(metadata: Metadata): RequestHead {
  const headers = new HeaderBlock();
  for (const [name, value] of Object.entries(metadata)) {
    if (value === undefined || name.startsWith(':')) continue;
    for (const one of typeof value === 'string' ? [value] : value) headers.add(name, one);
  }
  const text = (name: string): string => String(metadata[name] ?? '');
  return {
    method: text(':method'),
    path: text(':path'),
    authority: text(':authority'),
    scheme: 'http',
    version: '2',
    protocol: '',
    headers,
  };
}

function metadataOf(headers: HeaderBlock): Metadata {
  const metadata: Record<string, string | readonly string[]> = {};
  for (const [name] of headers.entries()) {
    const lower = name.toLowerCase();
    const all = headers.getAll(lower);
    metadata[lower] = all.length === 1 ? (all[0] as string) : all;
  }
  return metadata;
}
