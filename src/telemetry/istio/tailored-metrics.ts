// Istio's metrics where a mesh changed them (Telemetry overrides): each metric has labels of its own, so that each has
// its own series, by the text of its labels. Bounded like the standard ones: what does not fit is counted as `other`.

import type { CelContext, CelValue } from '../cel/index.ts';
import { HISTOGRAM_SLOTS, observeAt } from '../stats/histogram-buckets.ts';
import { escapeLabel, renderHistogram } from '../stats/render-prometheus.ts';
import { RENDER_PIECE_CHARS } from '../stats/limits.ts';
import type { StreamRecord } from '../stream-record.ts';
import { Edge, edgeLabels, OTHER, type Reporter } from './edge.ts';
import { DEFAULT_IDLE_EXPIRY_MS, MAX_RESPONSE_SERIES } from './limits.ts';
import type { TcpReport } from './istio-metrics.ts';
import type { MetricRule, MetricRules } from './metric-rules.ts';

/** What one report adds of a TCP connection; of one that was not reported while it lived, everything. */
interface TcpPart {
  readonly opened: number;
  readonly closed: number;
  readonly sent: number;
  readonly received: number;
}

interface Metric {
  readonly name: string;
  readonly histogram: boolean;
  readonly read: (record: StreamRecord, part: TcpPart) => number;
  /** Labels of the response beside those of the peers. */
  readonly response: boolean;
}

const metric = (
  name: string,
  read: Metric['read'],
  kind: 'counter' | 'histogram' = 'counter',
  response = true,
): Metric => ({
  name,
  histogram: kind === 'histogram',
  read,
  response,
});

const HTTP: readonly Metric[] = [
  metric('requests_total', () => 1),
  metric('request_duration_milliseconds', (r) => r.endMs - r.startMs, 'histogram'),
  metric('request_bytes', (r) => r.requestHeaderBytes + r.bytesReceived, 'histogram'),
  metric('response_bytes', (r) => r.responseHeaderBytes + r.bytesSent, 'histogram'),
];
const GRPC: readonly Metric[] = [
  ...HTTP,
  metric('request_messages_total', (r) => r.requestMessages, 'counter', false),
  metric('response_messages_total', (r) => r.responseMessages, 'counter', false),
];
const TCP: readonly Metric[] = [
  metric('tcp_connections_opened_total', (_, part) => part.opened),
  metric('tcp_connections_closed_total', (_, part) => part.closed),
  metric('tcp_sent_bytes_total', (_, part) => part.sent),
  metric('tcp_received_bytes_total', (_, part) => part.received),
];

interface Series {
  readonly values: Float64Array;
  lastMs: number;
}

export interface TailoredOptions {
  readonly maxSeries?: number;
  readonly idleExpiryMs?: number;
  readonly node?: Readonly<Record<string, unknown>>;
}

export class TailoredMetrics {
  readonly #families = new Map<string, { readonly histogram: boolean; readonly series: Map<string, Series> }>();
  readonly #maxSeries: number;
  readonly #idleMs: number;
  readonly #node: Readonly<Record<string, unknown>>;
  #count = 0;
  /** Observations that found no room among the series. */
  overflowed = 0;

  constructor(options: TailoredOptions = {}) {
    this.#maxSeries = options.maxSeries ?? MAX_RESPONSE_SERIES;
    this.#idleMs = options.idleExpiryMs ?? DEFAULT_IDLE_EXPIRY_MS;
    this.#node = options.node ?? {};
  }

  record(record: StreamRecord, reporter: Reporter, rules: MetricRules): void {
    const part = { opened: 1, closed: 1, sent: record.bytesSent, received: record.bytesReceived };
    this.#add(record, reporter, rules, part, record.endMs >= 0 ? record.endMs : record.startMs);
  }

  /** Labels are looked at anew with each report: what they are made of may come late. */
  openTcp(record: StreamRecord, reporter: Reporter, openMs: number, rules: MetricRules): TcpReport {
    const add = (change: Partial<TcpPart>, nowMs: number): void =>
      this.#add(record, reporter, rules, { opened: 0, closed: 0, sent: 0, received: 0, ...change }, nowMs);
    add({ opened: 1 }, openMs);
    return {
      bytes: (sent, received, nowMs) => add({ sent, received }, nowMs),
      closed: (nowMs) => add({ closed: 1 }, nowMs),
    };
  }

  #add(record: StreamRecord, reporter: Reporter, rules: MetricRules, part: TcpPart, nowMs: number): void {
    const protocol = record.protocol === 'TCP' ? 'tcp' : record.grpc ? 'grpc' : 'http';
    const context: CelContext = { record, inbound: reporter !== 'source', node: this.#node };
    const edge = new Edge(record, reporter, protocol, '');
    for (const one of protocol === 'tcp' ? TCP : protocol === 'grpc' ? GRPC : HTTP) {
      const rule = rules.of(one.name);
      if (rule.off) continue;
      const series = this.#seriesOf(one, labelText(edge, one, rule, context), reporter);
      series.lastMs = nowMs;
      if (one.histogram) observeAt(series.values, 0, one.read(record, part));
      else series.values[0] = (series.values[0] as number) + one.read(record, part);
    }
  }

  expire(nowMs: number): void {
    for (const { series } of this.#families.values()) {
      for (const [labels, { lastMs }] of series) {
        if (lastMs >= nowMs - this.#idleMs) continue;
        series.delete(labels);
        this.#count--;
      }
    }
  }

  get size(): number {
    return this.#count;
  }

  *render(): Generator<string> {
    let piece = '';
    for (const [name, { histogram, series }] of this.#families) {
      if (series.size === 0) continue;
      piece += `# TYPE istio_${name} ${histogram ? 'histogram' : 'counter'}\n`;
      for (const [labels, { values }] of series) {
        piece += histogram
          ? renderHistogram(`istio_${name}`, labels, values, 0)
          : `istio_${name}{${labels}} ${values[0]}\n`;
        if (piece.length < RENDER_PIECE_CHARS) continue;
        yield piece;
        piece = '';
      }
    }
    if (piece !== '') yield piece;
  }

  #seriesOf(one: Metric, labels: string, reporter: Reporter): Series {
    let family = this.#families.get(one.name);
    if (family === undefined) {
      family = { histogram: one.histogram, series: new Map() };
      this.#families.set(one.name, family);
    }
    const known = family.series.get(labels);
    if (known !== undefined) return known;
    const full = this.#count >= this.#maxSeries;
    if (full) this.overflowed++;
    // One series per reporter and metric beyond the budget: its number is that of the metrics.
    const key = full ? `reporter="${reporter}",destination_service="${OTHER}"` : labels;
    const there = family.series.get(key);
    if (there !== undefined) return there;
    const made: Series = { values: new Float64Array(one.histogram ? HISTOGRAM_SLOTS : 1), lastMs: 0 };
    family.series.set(key, made);
    this.#count++;
    return made;
  }
}

function labelText(edge: Edge, one: Metric, rule: MetricRule, context: CelContext): string {
  let text = '';
  const tailored = new Map(rule.labels);
  const write = (name: string, value: string): void => {
    if (rule.removed.has(name) || tailored.has(name)) return;
    text += `${text === '' ? '' : ','}${name}="${value}"`;
  };
  for (const [name, value] of edgeLabels(edge)) write(name, escapeLabel(value));
  for (const [name, value] of responseLabels(edge, one, context.record)) write(name, value);
  for (const [name, program] of tailored)
    text += `${text === '' ? '' : ','}${name}="${escapeLabel(textOf(program(context)))}"`;
  return text;
}

function responseLabels(edge: Edge, one: Metric, record: StreamRecord): readonly (readonly [string, string])[] {
  if (!one.response) return [];
  const flags = record.flags.length === 0 ? '-' : record.flags.join(',');
  if (edge.protocol === 'tcp')
    return [
      ['request_protocol', 'tcp'],
      ['response_flags', flags],
      ['connection_security_policy', edge.securityPolicy],
    ];
  const status = record.grpcStatus;
  return [
    ['request_protocol', edge.protocol],
    ['response_code', String(record.responseCode)],
    ['grpc_response_status', !record.grpc || status < 0 ? '' : status > 16 ? OTHER : String(status)],
    ['response_flags', flags],
    ['connection_security_policy', edge.securityPolicy],
  ];
}

/** An attribute that is missing is `unknown`, as in Istio. */
function textOf(value: CelValue): string {
  return value === undefined || value === null || Array.isArray(value) ? 'unknown' : String(value);
}
