// Istio's standard metrics, counted at a stream's end from its record
// (istio.io/latest/docs/reference/config/metrics; names, labels, order and fallbacks as the istio.stats filter has them).

import { observeAt } from '../stats/histogram-buckets.ts';
import type { ExpositionSource } from '../stats/stat-store.ts';
import type { StreamRecord } from '../stream-record.ts';
import { type Edge, EdgeIndex, OTHER, type Reporter } from './edge.ts';
import {
  DURATION,
  EdgeSeries,
  keepExemplar,
  newResponse,
  REQUEST_BYTES,
  REQUESTS,
  RESPONSE_BYTES,
  type ResponseSeries,
} from './edge-series.ts';
import { DEFAULT_IDLE_EXPIRY_MS, MAX_EDGES, MAX_RESPONSE_SERIES } from './limits.ts';
import type { MetricRules } from './metric-rules.ts';
import { renderIstio } from './render-istio.ts';
import { TailoredMetrics } from './tailored-metrics.ts';

export interface IstioMetricsOptions {
  /** `istio_build{tag}`. */
  readonly istioVersion: string;
  readonly maxEdges?: number;
  readonly maxResponseSeries?: number;
  readonly idleExpiryMs?: number;
  /** This proxy's metadata, for expressions. */
  readonly node?: Readonly<Record<string, unknown>>;
}

export class IstioMetrics implements ExpositionSource {
  readonly #index: EdgeIndex;
  readonly #series = new Map<Edge, EdgeSeries>();
  readonly #options: IstioMetricsOptions;
  readonly #maxResponses: number;
  readonly #tailored: TailoredMetrics;
  #responses = 0;
  #last: EdgeSeries | undefined = undefined;
  /** Responses that were counted on an edge's `other` series. */
  overflowedResponses = 0;

  constructor(options: IstioMetricsOptions) {
    this.#options = options;
    this.#index = new EdgeIndex(options.maxEdges ?? MAX_EDGES);
    this.#maxResponses = options.maxResponseSeries ?? MAX_RESPONSE_SERIES;
    this.#tailored = new TailoredMetrics({
      maxSeries: this.#maxResponses,
      ...(options.idleExpiryMs === undefined ? {} : { idleExpiryMs: options.idleExpiryMs }),
      ...(options.node === undefined ? {} : { node: options.node }),
    });
  }

  /** Counts a finished stream or connection. Call it once per record, after `endMs` was set. */
  recordIstio(record: StreamRecord, reporter: Reporter, rules?: MetricRules): void {
    if (rules !== undefined) return this.#tailored.record(record, reporter, rules);
    const series = this.#seriesOf(record, reporter);
    if (record.protocol === 'TCP') {
      series.opened++;
      series.closed++;
      series.sentBytes += record.bytesSent;
      series.receivedBytes += record.bytesReceived;
      return;
    }
    const response = this.#responseOf(series, record);
    const { values } = response;
    (values[REQUESTS] as number)++;
    observeAt(values, DURATION, record.endMs - record.startMs);
    const { trace } = record;
    if (trace?.sampled === true)
      keepExemplar(response, {
        traceId: trace.traceId,
        value: record.endMs - record.startMs,
        wallMs: record.startWallMs,
      });
    observeAt(values, REQUEST_BYTES, record.requestHeaderBytes + record.bytesReceived);
    observeAt(values, RESPONSE_BYTES, record.responseHeaderBytes + record.bytesSent);
    series.requestMessages += record.requestMessages;
    series.responseMessages += record.responseMessages;
  }

  /** For TCP connections that are reported while they live; use instead of `recordIstio`, not beside it. */
  openTcp(record: StreamRecord, reporter: Reporter, nowMs: number, rules?: MetricRules): TcpReport {
    if (rules !== undefined) return this.#tailored.openTcp(record, reporter, nowMs, rules);
    const series = this.#seriesOf(record, reporter);
    series.opened++;
    series.edge.pins++;
    return new PlainTcpReport(series);
  }

  /** Forgets what nobody added to for the idle time. Call it now and then (a minute is fine). */
  expire(nowMs: number): void {
    for (const edge of this.#index.expire(nowMs - (this.#options.idleExpiryMs ?? DEFAULT_IDLE_EXPIRY_MS))) {
      const series = this.#series.get(edge);
      if (series === undefined) continue;
      this.#responses -= series.plain.size + series.flagged.size;
      this.#series.delete(edge);
    }
    this.#last = undefined;
    this.#tailored.expire(nowMs);
  }

  get overflowedEdges(): number {
    return this.#index.overflowed;
  }

  /** Label tuples now held. */
  get size(): { readonly edges: number; readonly responses: number; readonly tailored: number } {
    return { edges: this.#series.size, responses: this.#responses, tailored: this.#tailored.size };
  }

  *renderPrometheus(_usedOnly = false, exemplars = false): Iterable<string> {
    yield* renderIstio([...this.#series.values()], this.#options.istioVersion, exemplars);
    yield* this.#tailored.render();
  }

  #seriesOf(record: StreamRecord, reporter: Reporter): EdgeSeries {
    const edge = this.#index.find(record, reporter);
    edge.lastMs = record.endMs >= 0 ? record.endMs : record.startMs;
    const last = this.#last;
    if (last !== undefined && last.edge === edge) return last;
    let series = this.#series.get(edge);
    if (series === undefined) this.#series.set(edge, (series = new EdgeSeries(edge)));
    this.#last = series;
    return series;
  }

  #responseOf(series: EdgeSeries, record: StreamRecord): ResponseSeries {
    const key = record.responseCode * 32 + grpcSlot(record);
    if (record.flags.length === 0) {
      if (series.lastKey === key) return series.last as ResponseSeries;
      const found = series.plain.get(key);
      if (found === undefined) return this.#addResponse(series, record, key);
      series.lastKey = key;
      series.last = found;
      return found;
    }
    return series.flagged.get(`${key} ${record.flags.join(',')}`) ?? this.#addResponse(series, record, key);
  }

  #addResponse(series: EdgeSeries, record: StreamRecord, key: number): ResponseSeries {
    if (this.#responses >= this.#maxResponses || series.edge.key === OTHER) {
      this.overflowedResponses++;
      series.overflow ??= newResponse(`response_code="${OTHER}",grpc_response_status="",response_flags="${OTHER}"`);
      return series.overflow;
    }
    this.#responses++;
    const slot = grpcSlot(record);
    const status = slot === 0 ? '' : slot > 17 ? OTHER : String(slot - 1);
    const flags = record.flags.length === 0 ? '-' : record.flags.join(',');
    const made = newResponse(
      `response_code="${record.responseCode}",grpc_response_status="${status}",response_flags="${flags}"`,
    );
    if (record.flags.length === 0) series.plain.set(key, made);
    else series.flagged.set(`${key} ${flags}`, made);
    return made;
  }
}

/** What a living TCP connection adds to its series. */
export interface TcpReport {
  /** Bytes since the last call. */
  bytes(sent: number, received: number, nowMs: number): void;
  closed(nowMs: number): void;
}

class PlainTcpReport implements TcpReport {
  readonly #series: EdgeSeries;
  #open = true;

  constructor(series: EdgeSeries) {
    this.#series = series;
  }

  bytes(sent: number, received: number): void {
    this.#series.sentBytes += sent;
    this.#series.receivedBytes += received;
  }

  closed(nowMs: number): void {
    if (!this.#open) return;
    this.#open = false;
    this.#series.closed++;
    this.#series.edge.pins--;
    this.#series.edge.lastMs = nowMs;
  }
}

/** 0 without a gRPC status, else status + 1; one slot for all that gRPC does not define, since the peer chooses the number. */
function grpcSlot(record: StreamRecord): number {
  if (!record.grpc || record.grpcStatus < 0) return 0;
  return record.grpcStatus > 16 ? 18 : record.grpcStatus + 1;
}
