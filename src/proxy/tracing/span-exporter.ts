// Sends finished spans to one collector, in batches, over the proxy's own cluster: Zipkin v2 JSON, OTLP over HTTP or gRPC.
// Bounded: while the collector is slow or gone, spans beyond the queue are dropped and counted; a request never waits.

import type { Timer } from '#base';
import { encodeOtlp, encodeZipkin, OTLP_GRPC_PATH, type Span } from '#telemetry';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { type CallResult, callCluster } from '../filter/call/cluster-call.ts';
import type { ProxyServices } from '../services.ts';
import {
  FLUSH_INTERVAL_MS,
  FLUSH_SPANS,
  MAX_QUEUED_SPANS,
  MAX_REPORT_SPANS,
  REPORT_ANSWER_BYTES_MAX,
  REPORT_TIMEOUT_MS,
} from './limits.ts';

export interface Collector {
  readonly kind: 'zipkin' | 'otlp-http' | 'otlp-grpc';
  readonly cluster: string;
  readonly authority: string;
  /** '' for gRPC. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** '' = the proxy's own name. */
  readonly serviceName: string;
}

export interface ExporterCounts {
  sent: number;
  /** No room in the queue. */
  dropped: number;
  reports: number;
  /** Reports that the collector did not take: their spans are lost. */
  failed: number;
  lost: number;
}

const FRAME_BYTES = 5;

export class SpanExporter {
  readonly #services: ProxyServices;
  readonly #collector: Collector;
  readonly #counts: ExporterCounts;
  #queue: Span[] = [];
  #timer: Timer | undefined;
  #call: { cancel(): void } | undefined;
  #busy = false;
  #idle: (() => void)[] = [];

  constructor(services: ProxyServices, collector: Collector, counts: ExporterCounts) {
    this.#services = services;
    this.#collector = collector;
    this.#counts = counts;
  }

  get queued(): number {
    return this.#queue.length;
  }

  add(span: Span): void {
    if (this.#queue.length >= MAX_QUEUED_SPANS) {
      this.#counts.dropped++;
      return;
    }
    this.#queue.push(span);
    if (this.#queue.length >= FLUSH_SPANS) this.#flush();
    else this.#wait();
  }

  /** Everything that waits goes out, or is lost: once per report, whatever the collector says. */
  async finish(): Promise<void> {
    while (this.#queue.length > 0 || this.#busy) {
      this.#flush();
      if (!this.#busy) continue;
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#call?.cancel();
    this.#queue = [];
  }

  #wait(): void {
    this.#timer ??= this.#services.clock.setTimer(
      FLUSH_INTERVAL_MS,
      () => {
        this.#timer = undefined;
        this.#flush();
      },
      { unref: true },
    );
  }

  /** One report at a time: what comes meanwhile makes the next one larger. */
  #flush(): void {
    if (this.#busy || this.#queue.length === 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const spans = this.#queue.splice(0, MAX_REPORT_SPANS);
    this.#busy = true;
    this.#counts.reports++;
    const collector = this.#collector;
    const body = this.#bodyOf(spans);
    this.#call = callCluster(
      {
        clusters: this.#services.clusters,
        cluster: collector.cluster,
        head: headOf(collector, body.length),
        body,
        timeoutMs: collector.timeoutMs > 0 ? collector.timeoutMs : REPORT_TIMEOUT_MS,
        answerBytesMax: REPORT_ANSWER_BYTES_MAX,
      },
      (result) => this.#onAnswer(result, spans.length),
    );
  }

  #onAnswer(result: CallResult, spans: number): void {
    this.#busy = false;
    const problem = problemOf(result, this.#collector.kind === 'otlp-grpc');
    if (problem === undefined) this.#counts.sent += spans;
    else {
      this.#counts.failed++;
      this.#counts.lost += spans;
      this.#services.log.debug('spans were not taken', { cluster: this.#collector.cluster, reason: problem });
    }
    for (const done of this.#idle.splice(0)) done();
    if (this.#queue.length > 0) this.#wait();
  }

  #bodyOf(spans: readonly Span[]): Uint8Array {
    const { kind, serviceName } = this.#collector;
    const { self } = this.#services;
    const name = serviceName === '' ? self.serviceName : serviceName;
    if (kind === 'zipkin') return Buffer.from(encodeZipkin(spans, name, self.address));
    const message = encodeOtlp(spans, name);
    if (kind === 'otlp-http') return message;
    const frame = Buffer.allocUnsafe(FRAME_BYTES + message.length);
    frame[0] = 0;
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, FRAME_BYTES);
    return frame;
  }
}

function headOf({ kind, authority, path, headers: more }: Collector, length: number): RequestHead {
  const headers = new HeaderBlock();
  if (kind === 'otlp-grpc') headers.add('te', 'trailers');
  // Known beforehand, so that no collector has to take chunks.
  else headers.add('content-length', String(length));
  headers.add('content-type', CONTENT_TYPES[kind]);
  for (const [name, value] of more) headers.add(name, value);
  return {
    method: 'POST',
    path: kind === 'otlp-grpc' ? OTLP_GRPC_PATH : path,
    authority,
    scheme: 'http',
    version: kind === 'otlp-grpc' ? '2' : '1.1',
    protocol: '',
    headers,
  };
}

const CONTENT_TYPES = {
  zipkin: 'application/json',
  'otlp-http': 'application/x-protobuf',
  'otlp-grpc': 'application/grpc',
} as const;

function problemOf(result: CallResult, grpc: boolean): string | undefined {
  if (!result.ok) return result.reason;
  const { status, headers, trailers } = result.answer;
  if (status < 200 || status > 299) return `status ${status}`;
  if (!grpc) return undefined;
  const code = trailers?.get('grpc-status') ?? headers.get('grpc-status') ?? 'missing';
  return code === '0' ? undefined : `grpc-status ${code}`;
}
