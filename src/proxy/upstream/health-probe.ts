// One question to one endpoint: HTTP and gRPC over the cluster's own connections, TCP over one of its own.

import type { Conn, ConnHandler } from '#base';
import { ProtoReader, ProtoWriter } from '#proto/light.ts';
import {
  type ClientStream,
  type ClientStreamHandler,
  HeaderBlock,
  type RequestHead,
  type ResponseHead,
} from '#wire/http';
import type { Host } from '../cluster/index.ts';
import type { Cluster } from './cluster.ts';
import type { HealthCheckSettings, Probe } from './health-check-settings.ts';
import type { PooledConnection, PoolWaiter } from './http-pool.ts';

/** `failed-hard`: one such answer is enough, whatever the threshold. `no-answer`: none came. */
export type ProbeResult = 'ok' | 'failed' | 'failed-hard' | 'no-answer';

/** Answers exactly once; the result ends the waiting. */
export function probeHost(
  cluster: Cluster,
  host: Host,
  probe: HealthCheckSettings['probe'],
  done: (result: ProbeResult) => void,
): () => void {
  return probe.kind === 'tcp'
    ? probeTcp(cluster, host, probe, done)
    : new RequestProbe(cluster, host, probe, done).cancel;
}

const MAX_ANSWER_BYTES = 4096;
/** grpc.health.v1.HealthCheckResponse.SERVING */
const SERVING = 1n;

class RequestProbe implements PoolWaiter, ClientStreamHandler {
  readonly #probe: Exclude<Probe, { kind: 'tcp' }>;
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #done: (result: ProbeResult) => void;
  #stream: ClientStream | undefined = undefined;
  #status = 0;
  #body: Buffer[] = [];
  #over = false;

  constructor(
    cluster: Cluster,
    host: Host,
    probe: Exclude<Probe, { kind: 'tcp' }>,
    done: (result: ProbeResult) => void,
  ) {
    this.#cluster = cluster;
    this.#host = host;
    this.#probe = probe;
    this.#done = done;
    cluster.pool(host, 'default', probe.kind === 'grpc').request(this, false);
  }

  readonly cancel = (): void => {
    if (this.#over) return;
    this.#over = true;
    if (this.#stream === undefined) this.#cluster.pool(this.#host, 'default', this.#probe.kind === 'grpc').cancel(this);
    else this.#stream.reset('local-reset');
  };

  onReady(connection: PooledConnection): void {
    const stream = connection.start(this);
    if (this.#over) return stream.reset('local-reset');
    this.#stream = stream;
    const probe = this.#probe;
    const headers = new HeaderBlock();
    headers.set('user-agent', 'Topsail/HC');
    if (probe.kind === 'http') {
      for (const [name, value] of probe.headers) headers.add(name, value);
      stream.sendHead(this.#head(probe.method, probe.path, probe.host, headers), true);
      return;
    }
    headers.set('content-type', 'application/grpc');
    headers.set('te', 'trailers');
    stream.sendHead(this.#head('POST', '/grpc.health.v1.Health/Check', probe.authority, headers), false);
    stream.sendData(askGrpc(probe.service), true);
  }

  onFailure(): void {
    this.#end('no-answer');
  }
  onInformational(): void {}
  onDrain(): void {}

  onHead(head: ResponseHead, end: boolean): void {
    this.#status = head.status;
    if (
      this.#probe.kind === 'grpc' &&
      head.headers.get('grpc-status') !== undefined &&
      head.headers.get('grpc-status') !== '0'
    )
      return this.#end('failed');
    if (end) this.#judge();
  }

  onData(data: Buffer, end: boolean): void {
    // `data` is ours until we return.
    if (this.#probe.kind === 'grpc' && this.#body.length < MAX_ANSWER_BYTES) this.#body.push(Buffer.from(data));
    if (end) this.#judge();
  }

  onTrailers(trailers: HeaderBlock): void {
    if (trailers.get('grpc-status') !== '0' && this.#probe.kind === 'grpc') return this.#end('failed');
    this.#judge();
  }

  onReset(): void {
    this.#end('no-answer');
  }

  #head(method: string, path: string, authority: string, headers: HeaderBlock): RequestHead {
    return {
      method,
      path,
      authority: authority === '' ? this.#cluster.name : authority,
      scheme: 'http',
      version: '1.1',
      protocol: '',
      headers,
    };
  }

  #judge(): void {
    const probe = this.#probe;
    if (probe.kind === 'grpc')
      return this.#end(this.#status === 200 && isServing(Buffer.concat(this.#body)) ? 'ok' : 'failed');
    if (probe.expects(this.#status)) return this.#end('ok');
    this.#end(probe.retriable(this.#status) ? 'failed' : 'failed-hard');
  }

  #end(result: ProbeResult): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(result);
  }
}

function askGrpc(service: string): Uint8Array {
  const writer = new ProtoWriter(64);
  if (service !== '') writer.tag(1, 2).string(service);
  const message = writer.finish();
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

function isServing(body: Buffer): boolean {
  if (body.length < 5 || body[0] !== 0) return false;
  try {
    const reader = new ProtoReader(body.subarray(5, 5 + body.readUInt32BE(1)));
    while (reader.next()) {
      if (reader.field === 1) return reader.uint64() === SERVING;
      reader.skip();
    }
  } catch {
    return false;
  }
  return false;
}

function probeTcp(
  cluster: Cluster,
  host: Host,
  probe: Extract<Probe, { kind: 'tcp' }>,
  done: (result: ProbeResult) => void,
): () => void {
  let over = false;
  let conn: Conn | undefined;
  let received = Buffer.alloc(0);
  const end = (result: ProbeResult): void => {
    if (over) return;
    over = true;
    conn?.destroy();
    done(result);
  };
  const handler: ConnHandler = {
    onConnected: () => {
      if (probe.send !== undefined) conn?.write(probe.send);
      if (probe.receive.length === 0) end('ok');
    },
    onData: (data) => {
      if (received.length < MAX_ANSWER_BYTES) received = Buffer.concat([received, data]);
      if (containsInOrder(received, probe.receive)) end('ok');
    },
    onEnd: () => end('no-answer'),
    onDrain: () => {},
    onClose: () => end('no-answer'),
  };
  const transport = cluster.transportOf(host);
  if (!transport.ready) {
    queueMicrotask(() => end('no-answer'));
    return () => (over = true);
  }
  conn = transport.connect(host, handler);
  return () => {
    over = true;
    conn?.destroy();
  };
}

/** Each block behind the one before, with anything in between (Envoy's fuzzy match). */
function containsInOrder(bytes: Buffer, blocks: readonly Uint8Array[]): boolean {
  let at = 0;
  for (const block of blocks) {
    const found = bytes.indexOf(block, at);
    if (found < 0) return false;
    at = found + block.length;
  }
  return true;
}
