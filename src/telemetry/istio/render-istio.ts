// Renders Istio's metrics as Prometheus text, family by family, in pieces.

import { escapeLabel, renderHistogram } from '../stats/render-prometheus.ts';
import { RENDER_PIECE_CHARS } from '../stats/limits.ts';
import {
  DURATION,
  type EdgeSeries,
  REQUEST_BYTES,
  REQUESTS,
  RESPONSE_BYTES,
  type ResponseSeries,
} from './edge-series.ts';

export function* renderIstio(all: readonly EdgeSeries[], version: string, exemplars: boolean): Generator<string> {
  let piece = `# TYPE istio_build gauge\nistio_build{component="proxy",tag="${escapeLabel(version || 'unknown')}"} 1\n`;
  for (const lines of [responseFamilies(all, exemplars), edgeFamilies(all)]) {
    for (const line of lines) {
      piece += line;
      if (piece.length < RENDER_PIECE_CHARS) continue;
      yield piece;
      piece = '';
    }
  }
  if (piece !== '') yield piece;
}

const HISTOGRAMS = [
  ['istio_request_duration_milliseconds', DURATION],
  ['istio_request_bytes', REQUEST_BYTES],
  ['istio_response_bytes', RESPONSE_BYTES],
] as const;

function* responseFamilies(all: readonly EdgeSeries[], exemplars: boolean): Generator<string> {
  const http = all.filter((s) => s.edge.protocol !== 'tcp');
  if (http.length === 0) return;
  yield '# TYPE istio_requests_total counter\n';
  for (const series of http) {
    for (const response of responsesOf(series)) {
      yield `istio_requests_total{${responseLabels(series, response)}} ${response.values[REQUESTS]}\n`;
    }
  }
  for (const [family, slot] of HISTOGRAMS) {
    yield `# TYPE ${family} histogram\n`;
    for (const series of http) {
      for (const response of responsesOf(series))
        yield renderHistogram(
          family,
          responseLabels(series, response),
          response.values,
          slot,
          exemplars && slot === DURATION ? response.exemplars : undefined,
        );
    }
  }
}

type EdgeCounter = 'requestMessages' | 'responseMessages' | 'opened' | 'closed' | 'sentBytes' | 'receivedBytes';
const EDGE_COUNTERS: readonly (readonly [family: string, field: EdgeCounter, tcp: boolean])[] = [
  ['istio_request_messages_total', 'requestMessages', false],
  ['istio_response_messages_total', 'responseMessages', false],
  ['istio_tcp_connections_opened_total', 'opened', true],
  ['istio_tcp_connections_closed_total', 'closed', true],
  ['istio_tcp_sent_bytes_total', 'sentBytes', true],
  ['istio_tcp_received_bytes_total', 'receivedBytes', true],
];

function* edgeFamilies(all: readonly EdgeSeries[]): Generator<string> {
  for (const [family, field, tcp] of EDGE_COUNTERS) {
    const members = all.filter((s) => s.edge.protocol === (tcp ? 'tcp' : 'grpc'));
    if (members.length === 0) continue;
    yield `# TYPE ${family} counter\n`;
    for (const series of members) {
      // Messages are counted while a stream runs, when its code is not known yet: they carry the peers' labels only.
      const more = tcp
        ? `,request_protocol="tcp",response_flags="-",connection_security_policy="${series.edge.securityPolicy}"`
        : '';
      yield `${family}{${series.edge.labels}${more}} ${series[field]}\n`;
    }
  }
}

function* responsesOf(series: EdgeSeries): Generator<ResponseSeries> {
  yield* series.plain.values();
  yield* series.flagged.values();
  if (series.overflow !== undefined) yield series.overflow;
}

function responseLabels(series: EdgeSeries, response: ResponseSeries): string {
  const { edge } = series;
  return `${edge.labels},request_protocol="${edge.protocol}",${response.labels},connection_security_policy="${edge.securityPolicy}"`;
}
