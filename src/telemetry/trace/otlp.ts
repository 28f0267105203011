// Spans in OpenTelemetry's protobuf form (opentelemetry-proto 1.x, ExportTraceServiceRequest): the body of OTLP over HTTP
// and the message of OTLP over gRPC.

import { ProtoWriter, WIRE_TYPE } from '#proto/light.ts';
import type { Span } from './span.ts';

export const OTLP_GRPC_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

const KIND_SERVER = 2;
const KIND_CLIENT = 3;
const STATUS_ERROR = 2;
/** The trace was sampled; the parent came with the request. */
const FLAG_SAMPLED = 1;

export function encodeOtlp(
  spans: readonly Span[],
  serviceName: string,
  resource: Readonly<Record<string, string>> = {},
): Uint8Array {
  const writer = new ProtoWriter(256 + spans.length * 1_024);
  writer.message(1, (resourceSpans) => {
    resourceSpans.message(1, (attributes) => {
      for (const [key, value] of Object.entries({ 'service.name': serviceName, ...resource }))
        attribute(attributes, 1, key, value);
    });
    resourceSpans.message(2, (scopeSpans) => {
      scopeSpans.message(1, (scope) => scope.stringField(1, 'topsail'));
      for (const span of spans) scopeSpans.message(2, (inner) => writeSpan(inner, span));
    });
  });
  return writer.finish();
}

function writeSpan(writer: ProtoWriter, span: Span): void {
  writer.bytesField(1, Buffer.from(span.traceId, 'hex'));
  writer.bytesField(2, Buffer.from(span.spanId, 'hex'));
  if (span.parentSpanId !== '') writer.bytesField(4, Buffer.from(span.parentSpanId, 'hex'));
  writer.stringField(5, span.name);
  writer.tag(6, WIRE_TYPE.varint).varint(span.kind === 'server' ? KIND_SERVER : KIND_CLIENT);
  writer.tag(7, WIRE_TYPE.fixed64).fixed64(nanos(span.startWallMs));
  writer.tag(8, WIRE_TYPE.fixed64).fixed64(nanos(span.startWallMs + span.durationMs));
  for (const [key, value] of span.tags) attribute(writer, 9, key, value);
  if (span.error) writer.message(15, (status) => status.tag(3, WIRE_TYPE.varint).varint(STATUS_ERROR));
  writer.tag(16, WIRE_TYPE.fixed32).fixed32(FLAG_SAMPLED);
}

function attribute(writer: ProtoWriter, field: number, key: string, value: string): void {
  writer.message(field, (pair) => {
    pair.stringField(1, key);
    pair.message(2, (any) => any.stringField(1, value));
  });
}

function nanos(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6));
}
