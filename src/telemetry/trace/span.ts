// One finished span and its two wire forms: Zipkin v2 JSON and OTLP/HTTP JSON (opentelemetry-proto 1.x, JSON mapping).

import type { StreamRecord } from '../stream-record.ts';
import type { TraceContext } from './trace-context.ts';

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly kind: 'server' | 'client';
  /** Envoy's operation: the route's decorator, or host and port. */
  readonly name: string;
  readonly startWallMs: number;
  readonly durationMs: number;
  readonly error: boolean;
  readonly tags: readonly (readonly [key: string, value: string])[];
}

/** The span of a stream with Envoy's tags; `extra` are the provider's (istio.*, custom). */
export function spanOf(
  record: StreamRecord,
  context: TraceContext,
  about: {
    readonly kind: 'server' | 'client';
    readonly name: string;
    readonly nodeId: string;
    readonly extra?: readonly (readonly [key: string, value: string])[];
  },
): Span {
  const failed = record.responseCode >= 500 || record.responseCode === 0;
  const tags: (readonly [string, string])[] = [
    ['guid:x-request-id', record.requestId],
    ['http.url', `${record.scheme || 'http'}://${record.authority}${record.originalPath || record.path}`],
    ['http.method', record.method],
    ['http.protocol', record.protocol],
    ['http.status_code', String(record.responseCode)],
    ['request_size', String(record.bytesReceived)],
    ['response_size', String(record.bytesSent)],
    ['response_flags', record.flags.length === 0 ? '-' : record.flags.join(',')],
    ['upstream_cluster', record.upstreamCluster],
    ['upstream_cluster.name', record.upstreamCluster],
    ['peer.address', record.downstreamRemoteAddress.replace(/:\d+$/, '')],
    ['user_agent', record.requestHeaders?.get('user-agent') ?? '-'],
    ['component', 'proxy'],
    ['node_id', about.nodeId],
  ];
  if (record.grpc && record.grpcStatus >= 0) tags.push(['grpc.status_code', String(record.grpcStatus)]);
  if (failed) tags.push(['error', 'true']);
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    parentSpanId: context.parentSpanId,
    kind: about.kind,
    name: about.name,
    startWallMs: record.startWallMs,
    durationMs: Math.max(0, record.endMs - record.startMs),
    error: failed,
    tags: [...tags.filter(([, value]) => value !== ''), ...(about.extra ?? [])],
  };
}

/** Body of POST /api/v2/spans. */
export function encodeZipkin(spans: readonly Span[], serviceName: string, address: string): string {
  return JSON.stringify(
    spans.map((s) => ({
      traceId: s.traceId,
      id: s.spanId,
      ...(s.parentSpanId === '' ? {} : { parentId: s.parentSpanId }),
      kind: s.kind === 'server' ? 'SERVER' : 'CLIENT',
      name: s.name,
      timestamp: Math.round(s.startWallMs * 1000),
      duration: Math.max(1, Math.round(s.durationMs * 1000)),
      localEndpoint: {
        serviceName,
        ...(address === '' ? {} : address.includes(':') ? { ipv6: address } : { ipv4: address }),
      },
      tags: Object.fromEntries(s.tags),
    })),
  );
}

/** Body of POST /v1/traces with content-type application/json. */
export function encodeOtlp(
  spans: readonly Span[],
  serviceName: string,
  resource: Readonly<Record<string, string>> = {},
): string {
  const attribute = (key: string, value: string): object => ({ key, value: { stringValue: value } });
  return JSON.stringify({
    resourceSpans: [
      {
        resource: {
          attributes: Object.entries({ 'service.name': serviceName, ...resource }).map(([k, v]) => attribute(k, v)),
        },
        scopeSpans: [
          {
            scope: { name: 'topsail' },
            spans: spans.map((s) => ({
              traceId: s.traceId,
              spanId: s.spanId,
              ...(s.parentSpanId === '' ? {} : { parentSpanId: s.parentSpanId }),
              name: s.name,
              kind: s.kind === 'server' ? 2 : 3,
              startTimeUnixNano: nanos(s.startWallMs),
              endTimeUnixNano: nanos(s.startWallMs + s.durationMs),
              attributes: s.tags.map(([k, v]) => attribute(k, v)),
              status: s.error ? { code: 2 } : {},
            })),
          },
        ],
      },
    ],
  });
}

/** Nanoseconds as a decimal string: beyond what a double holds. */
function nanos(ms: number): string {
  const whole = Math.floor(ms);
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6)));
}
