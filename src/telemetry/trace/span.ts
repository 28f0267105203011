// One finished span, with Envoy's tags, and its form in Zipkin v2 JSON.

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
    /** Characters of the path in http.url; Envoy cuts at 256. */
    readonly maxPathLength?: number;
    readonly extra?: readonly (readonly [key: string, value: string])[];
  },
): Span {
  const failed = record.responseCode >= 500 || record.responseCode === 0 || failedCall(record);
  const path = (record.originalPath || record.path).slice(0, about.maxPathLength ?? MAX_PATH);
  const tags: (readonly [string, string])[] = [
    ['guid:x-request-id', record.requestId],
    ['http.url', `${record.scheme || 'http'}://${record.authority}${path}`],
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
    ['downstream_cluster', record.requestHeaders?.get('x-envoy-downstream-service-cluster') ?? '-'],
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

const MAX_PATH = 256;
/** gRPC statuses that are the server's failure, as Envoy counts them. */
const GRPC_FAILURES = new Set([1, 2, 4, 8, 12, 13, 14, 15]);

function failedCall({ grpc, grpcStatus }: StreamRecord): boolean {
  return grpc && GRPC_FAILURES.has(grpcStatus);
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
