// Compiles envoy.config.accesslog.v3.AccessLogFilter: which finished streams are logged.

import type { Random } from '#base';
import type {
  AccessLogFilter,
  ComparisonFilter,
  ExtensionFilter,
  MetadataFilter,
  RuntimeFilter,
} from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { ExpressionFilter } from '#proto/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import { compileCel, isInbound, type StreamRecord, traceReasonOf } from '#telemetry';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { unpack } from '../apply/decode.ts';
import { ConfigError } from '../errors.ts';
import { grpcStatusOf } from '../http/rescue.ts';
import { linearPattern } from '../matcher/linear-pattern.ts';
import { NOBODY, type ProxySelf } from '../services.ts';
import { compileHeaderMatcher, compileMetadataMatcher, fractionOf } from '../matcher/index.ts';

export type LogPredicate = (record: StreamRecord) => boolean;

const NO_HEADERS = new HeaderBlock();

export function compileLogFilter(
  filter: AccessLogFilter,
  field: string,
  random: Random,
  self: ProxySelf = NOBODY,
): LogPredicate {
  const { filterSpecifier: specifier } = filter;
  switch (specifier.case) {
    case 'statusCodeFilter':
      return compare(specifier.value.comparison, `${field}.status_code_filter`, (r) => r.responseCode);
    case 'durationFilter':
      return compare(specifier.value.comparison, `${field}.duration_filter`, (r) => r.endMs - r.startMs);
    case 'notHealthCheckFilter':
      return (r) => r.filterState?.get('envoy.filters.http.health_check') === undefined;
    case 'traceableFilter':
      return (r) => (traceReasonOf(r.requestId) ?? 'not-sampled') !== 'not-sampled';
    case 'runtimeFilter':
      return sampled(specifier.value, random);
    case 'andFilter': {
      const all = specifier.value.filters.map((f, i) =>
        compileLogFilter(f, `${field}.and_filter.filters[${i}]`, random, self),
      );
      return (r) => all.every((accepts) => accepts(r));
    }
    case 'orFilter': {
      const any = specifier.value.filters.map((f, i) =>
        compileLogFilter(f, `${field}.or_filter.filters[${i}]`, random, self),
      );
      return (r) => any.some((accepts) => accepts(r));
    }
    case 'headerFilter': {
      if (specifier.value.header === undefined)
        throw new ConfigError('proxy.field-required', `${field}.header_filter.header`);
      const matches = compileHeaderMatcher(specifier.value.header, `${field}.header_filter.header`);
      return (r) => matches(headOf(r));
    }
    case 'responseFlagFilter': {
      const wanted = new Set<string>(specifier.value.flags);
      return wanted.size === 0 ? (r) => r.flags.length > 0 : (r) => r.flags.some((flag) => wanted.has(flag));
    }
    case 'grpcStatusFilter': {
      const statuses = new Set<number>(specifier.value.statuses);
      const { exclude } = specifier.value;
      return (r) => statuses.has(statusOf(r)) !== exclude;
    }
    case 'extensionFilter':
      return byExpression(specifier.value, `${field}.extension_filter`, self);
    case 'metadataFilter':
      return byMetadata(specifier.value, `${field}.metadata_filter`);
    default:
      throw new ConfigError(
        'proxy.unsupported',
        `${field}.${specifier.case ?? 'filter_specifier'}`,
        'use a status, duration, header, flag, gRPC status, metadata, CEL or runtime filter',
      );
  }
}

function compare(
  comparison: ComparisonFilter | undefined,
  field: string,
  read: (r: StreamRecord) => number,
): LogPredicate {
  if (comparison?.value === undefined) throw new ConfigError('proxy.field-required', `${field}.comparison.value`);
  // There is no runtime layer: the default counts.
  const limit = comparison.value.defaultValue;
  switch (comparison.op) {
    case 0:
      return (r) => read(r) === limit;
    case 1:
      return (r) => read(r) >= limit;
    case 2:
      return (r) => read(r) <= limit;
    case 3:
      return (r) => read(r) !== limit;
    default:
      throw new ConfigError('proxy.field-invalid', `${field}.comparison.op`, 'expected EQ, GE, LE or NE');
  }
}

/** Envoy decides by the request id unless told otherwise; every proxy on the way then keeps the same requests. */
function sampled(filter: RuntimeFilter, random: Random): LogPredicate {
  const share = fractionOf(filter.percentSampled, 0);
  return (r) => {
    const id = filter.useIndependentRandomness ? '' : r.requestId;
    const draw = id.length === 36 ? Number.parseInt(id.slice(0, 8), 16) / 0x1_0000_0000 : random.float();
    return draw < share;
  };
}

function byMetadata(filter: MetadataFilter, field: string): LogPredicate {
  if (filter.matcher === undefined) return () => true;
  const matches = compileMetadataMatcher(filter.matcher, `${field}.matcher`);
  const whenMissing = filter.matchIfKeyNotFound ?? true;
  const name = filter.matcher.filter;
  return (r) => (r.metadata?.has(name) === true ? matches(r.metadata) : whenMissing);
}

const EXPRESSION = 'envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter';

/** What is no boolean, such as an error, logs nothing. */
function byExpression(filter: ExtensionFilter, field: string, self: ProxySelf): LogPredicate {
  const config = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
  const message = unpack<ExpressionFilter>(config, EXPRESSION, field);
  if (message === undefined)
    throw new ConfigError('proxy.unsupported', field, 'the only extension of filters is CEL expressions');
  const program = compileCel(message.expression, { pattern: (source) => linearPattern(source, field) });
  if (!program.ok) throw new ConfigError('proxy.field-invalid', `${field}.expression`, program.error);
  const holds = program.value;
  return (record) => holds({ record, inbound: isInbound(record), node: self.metadata }) === true;
}

/** Envoy takes the status of the response when no gRPC status was said. */
function statusOf(r: StreamRecord): number {
  if (r.grpcStatus >= 0) return r.grpcStatus;
  return r.responseCode === 200 ? 0 : grpcStatusOf(r.responseCode);
}

function headOf(r: StreamRecord): RequestHead {
  return {
    method: r.method,
    path: r.path,
    authority: r.authority,
    scheme: r.scheme === 'https' ? 'https' : 'http',
    version: r.protocol === 'HTTP/2' ? '2' : r.protocol === 'HTTP/1.0' ? '1.0' : '1.1',
    protocol: '',
    headers: r.requestHeaders ?? NO_HEADERS,
  };
}
