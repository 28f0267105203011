// OpenTelemetry values as access log formats: every text in them may hold Envoy's operators.

import { keyValue, textValue } from '#telemetry';
import type { AnyValue, KeyValue } from '#proto/opentelemetry/proto/common/v1/common_pb.ts';
import { compileTextFormat, type FormatContext } from '../format/index.ts';

type Format<T> = (context: FormatContext) => T;

/** Throws a ConfigError for an operator that does not exist. */
export function compileAnyValue(source: AnyValue, field: string): Format<AnyValue> {
  const { value } = source;
  switch (value.case) {
    case 'stringValue': {
      const format = compileTextFormat(value.value, field);
      return (context) => textValue(format.format(context));
    }
    case 'arrayValue': {
      const items = value.value.values.map((item, i) => compileAnyValue(item, `${field}[${i}]`));
      return (context) => ({
        ...source,
        value: { case: 'arrayValue', value: { ...value.value, values: items.map((item) => item(context)) } },
      });
    }
    case 'kvlistValue': {
      const entries = compileKeyValues(value.value.values, field);
      return (context) => ({
        ...source,
        value: { case: 'kvlistValue', value: { ...value.value, values: entries(context) } },
      });
    }
    default:
      return () => source;
  }
}

export function compileKeyValues(entries: readonly KeyValue[], field: string): Format<KeyValue[]> {
  const compiled = entries.map(
    ({ key, value }) => [key, value === undefined ? undefined : compileAnyValue(value, `${field}.${key}`)] as const,
  );
  return (context) => compiled.map(([key, format]) => keyValue(key, format?.(context) ?? textValue('')));
}
