// Log records of OpenTelemetry, encoded: opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest (logs.proto 1.x).
import { encodeLight, ProtoWriter } from '#proto/light.ts';
import type { AnyValue, KeyValue } from '#proto/opentelemetry/proto/common/v1/common_pb.ts';

export const OTLP_LOGS_PATH = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

export interface OtlpLogRecord {
  readonly timeWallMs: number;
  readonly body: AnyValue | undefined;
  readonly attributes: readonly KeyValue[];
  /** Hexadecimal; '' = not traced. */
  readonly traceId: string;
  readonly spanId: string;
}

export function encodeOtlpLogRecord(record: OtlpLogRecord): Uint8Array {
  const writer = new ProtoWriter(512);
  writer.tag(1, 1).fixed64(nanoseconds(record.timeWallMs));
  if (record.body !== undefined)
    writer.bytesField(5, encodeLight('opentelemetry.proto.common.v1.AnyValue', record.body));
  for (const one of record.attributes) writer.bytesField(6, encodeKeyValue(one));
  return writer.bytesField(9, hex(record.traceId)).bytesField(10, hex(record.spanId)).finish();
}

export function encodeOtlpLogs(resource: readonly KeyValue[], records: readonly Uint8Array[]): Uint8Array {
  return new ProtoWriter(1024)
    .message(1, (resourceLogs) =>
      resourceLogs
        .message(1, (inner) => {
          for (const one of resource) inner.bytesField(1, encodeKeyValue(one));
        })
        .message(2, (scopeLogs) => {
          for (const record of records) scopeLogs.bytesField(2, record);
        }),
    )
    .finish();
}

export function textValue(text: string): AnyValue {
  return { $typeName: 'opentelemetry.proto.common.v1.AnyValue', value: { case: 'stringValue', value: text } };
}

export function keyValue(key: string, value: AnyValue): KeyValue {
  return { $typeName: 'opentelemetry.proto.common.v1.KeyValue', key, value };
}

function encodeKeyValue(one: KeyValue): Uint8Array {
  return encodeLight('opentelemetry.proto.common.v1.KeyValue', one);
}

function nanoseconds(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6));
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
