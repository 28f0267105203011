// A custom tag of spans and of records for access log services (envoy.type.tracing.v3.CustomTag).

import type { CustomTag, CustomTag_Metadata } from '#proto/envoy/type/tracing/v3/custom_tag_pb.ts';
import type { MetadataKey } from '#proto/envoy/type/metadata/v3/metadata_pb.ts';
import type { StreamRecord } from '#telemetry';
import { ConfigError } from '../errors.ts';
import { logContext, logFormat, type SubstitutionFormat } from '../format/index.ts';
import type { ProxyServices } from '../services.ts';
import { MAX_HEADER_TAG_CHARS } from './limits.ts';
import type { TagReader } from './stream-tracer.ts';

type Warn = (field: string, reason: string) => void;

export function compileTag({ tag, type }: CustomTag, services: ProxyServices, warn: Warn, field: string): TagReader {
  switch (type.case) {
    case 'literal': {
      const made = [tag, type.value.value] as const;
      return () => made;
    }
    case 'environment': {
      const value = services.self.environment(type.value.name) ?? type.value.defaultValue;
      // Without a value there is no tag, as in Envoy.
      const made = value === '' ? undefined : ([tag, value] as const);
      return () => made;
    }
    case 'requestHeader': {
      const { name, defaultValue } = type.value;
      const lower = name.toLowerCase();
      return (record) => {
        const value = record.requestHeaders?.get(lower) ?? defaultValue;
        return value === '' ? undefined : [tag, value.slice(0, MAX_HEADER_TAG_CHARS)];
      };
    }
    case 'value':
      return formattedTag(tag, type.value, services, warn, `${field}.value`);
    case 'metadata':
      return metadataTag(tag, type.value, warn, `${field}.metadata`);
    default:
      throw new ConfigError('proxy.field-required', `${field}.type`);
  }
}

/** What a format string of access logs says; '' and `-` for nothing are no tag. A request is not refused for its span. */
function formattedTag(tag: string, format: string, services: ProxyServices, warn: Warn, field: string): TagReader {
  let compiled: Pick<SubstitutionFormat, 'format'>;
  try {
    compiled = logFormat(format, field, '');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    warn(field, `${error.message} The tag is left out.`);
    return () => undefined;
  }
  return (record) => {
    const value = compiled.format(logContext(record, services.clock.wallTime()));
    return value === '' ? undefined : [tag, value.slice(0, MAX_HEADER_TAG_CHARS)];
  };
}

/** Istio's control plane names what dry runs of policies found, wherever a mesh is traced. */
function metadataTag(
  tag: string,
  { kind, metadataKey, defaultValue }: CustomTag_Metadata,
  warn: Warn,
  field: string,
): TagReader {
  const from = kind?.kind.case;
  if (from === undefined || metadataKey === undefined) throw new ConfigError('proxy.field-required', `${field}.kind`);
  if (from === 'cluster' || from === 'host')
    warn(`${field}.kind.${from}`, 'spans are told of requests and routes: the tag has its default');
  return (record) => {
    const found = textOf(valueAt(sourceOf(record, from, metadataKey.key), metadataKey)) ?? defaultValue;
    return found === '' ? undefined : [tag, found.slice(0, MAX_HEADER_TAG_CHARS)];
  };
}

function sourceOf(record: StreamRecord, from: string, filter: string): unknown {
  if (from === 'request') return record.metadata?.get(filter);
  return from === 'route' ? record.routeMetadata?.[filter] : undefined;
}

function valueAt(source: unknown, { path }: MetadataKey): unknown {
  let value = source;
  for (const { segment } of path) {
    if (typeof value !== 'object' || value === null || segment.case !== 'key' || !Object.hasOwn(value, segment.value))
      return undefined;
    value = (value as Record<string, unknown>)[segment.value];
  }
  return value;
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
