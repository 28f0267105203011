// The command operators of Envoy's access log (%NAME(argument):length%), each compiled to a reader of the stream's record.

import { ConfigError } from '../errors.ts';
import { barePath } from '../matcher/path-template.ts';
import type { FormatContext } from './format-context.ts';
import { compileHeaderOperator } from './header-operators.ts';
import { LONG_FLAGS } from './response-flags.ts';
import { compileTimeFormat, isoMillis, isoSeconds } from './time-format.ts';

/** Undefined = no value: "-" in text, null in JSON. */
export type OperatorValue = string | number | boolean | object | undefined;
export type Operator = (context: FormatContext) => OperatorValue;
type Compile = (argument: string | undefined, field: string) => Operator;

/** The value of an operator, its argument and its length limit. Throws a ConfigError for an unknown one. */
export function compileOperator(
  name: string,
  argument: string | undefined,
  maxLength: number | undefined,
  field: string,
): Operator {
  const compile = OPERATORS.get(name);
  if (compile === undefined)
    throw new ConfigError('proxy.format-illegal', field, `%${name}% is not a known command operator`);
  const operator = compile(argument, field);
  if (maxLength === undefined) return operator;
  return (context) => {
    const value = operator(context);
    if (value === undefined) return undefined;
    return (typeof value === 'object' ? JSON.stringify(value) : String(value)).slice(0, maxLength);
  };
}

/** The same in pieces, for lines that are never one string: V8 would join them only to read them letter by letter. */
export function compilePieces(name: string, argument: string | undefined, maxLength: number | undefined): Operator[] {
  if (name !== 'START_TIME' || argument !== undefined || maxLength !== undefined) return [];
  return [({ record }) => isoSeconds(record.startWallMs), ({ record }) => isoMillis(record.startWallMs)];
}

function reads(read: Operator): Compile {
  return (argument, field) => {
    if (argument !== undefined && argument !== '')
      throw new ConfigError('proxy.format-illegal', field, 'this operator takes no argument');
    return read;
  };
}

const text = (value: string): string | undefined => (value === '' ? undefined : value);
/** As Envoy logs details: no spaces. */
const oneWord = (value: string): string | undefined => {
  if (value === '') return undefined;
  return value.includes(' ') ? value.replaceAll(' ', '_') : value;
};
const addressOnly = (value: string): string | undefined =>
  text(value.startsWith('/') ? value : value.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));
const portOnly = (value: string): number | undefined => {
  const port = /:(\d+)$/.exec(value)?.[1];
  return port === undefined ? undefined : Number(port);
};
const span = (from: number, to: number): number | undefined =>
  from < 0 || to < 0 ? undefined : Math.max(0, Math.round(to - from));

const OPERATORS: ReadonlyMap<string, Compile> = new Map<string, Compile>([
  ['REQ', (argument, field) => compileHeaderOperator('request', argument, field)],
  ['RESP', (argument, field) => compileHeaderOperator('response', argument, field)],
  ['TRAILER', (argument, field) => compileHeaderOperator('trailer', argument, field)],
  [
    'REQ_WITHOUT_QUERY',
    (argument, field) => {
      const read = compileHeaderOperator('request', argument, field);
      return (context) => {
        const value = read(context);
        return value === undefined ? undefined : barePath(value);
      };
    },
  ],
  ['PATH', compilePathOperator],
  ['START_TIME', compileTime((c) => c.record.startWallMs)],
  ['EMIT_TIME', compileTime((c) => c.nowWallMs)],
  ['BYTES_RECEIVED', reads((c) => c.record.bytesReceived)],
  ['BYTES_SENT', reads((c) => c.record.bytesSent)],
  ['REQUEST_HEADERS_BYTES', reads((c) => c.record.requestHeaderBytes)],
  ['RESPONSE_HEADERS_BYTES', reads((c) => c.record.responseHeaderBytes)],
  ['PROTOCOL', reads((c) => (c.record.protocol === 'TCP' ? undefined : c.record.protocol))],
  ['RESPONSE_CODE', reads((c) => c.record.responseCode)],
  ['RESPONSE_CODE_DETAILS', reads((c) => oneWord(c.record.responseCodeDetails))],
  ['CONNECTION_TERMINATION_DETAILS', reads((c) => oneWord(c.record.connectionTerminationDetails))],
  // A dash in JSON too, where other operators without a value are null.
  ['RESPONSE_FLAGS', reads((c) => (c.record.flags.length === 0 ? '-' : c.record.flags.join(',')))],
  ['RESPONSE_FLAGS_LONG', reads((c) => c.record.flags.map((flag) => LONG_FLAGS[flag]).join(',') || '-')],
  ['DURATION', reads((c) => (c.record.endMs < 0 ? undefined : span(c.record.startMs, c.record.endMs)))],
  [
    'REQUEST_DURATION',
    reads((c) => (c.record.requestEndMs < 0 ? undefined : span(c.record.startMs, c.record.requestEndMs))),
  ],
  [
    'REQUEST_TX_DURATION',
    reads((c) => (c.record.upstreamStartMs < 0 ? undefined : span(c.record.startMs, c.record.upstreamStartMs))),
  ],
  [
    'RESPONSE_DURATION',
    reads((c) => (c.record.upstreamFirstByteMs < 0 ? undefined : span(c.record.startMs, c.record.upstreamFirstByteMs))),
  ],
  ['RESPONSE_TX_DURATION', reads((c) => span(c.record.upstreamFirstByteMs, c.record.endMs))],
  ['UPSTREAM_REQUEST_ATTEMPT_COUNT', reads((c) => c.record.attempts)],
  ['UPSTREAM_HOST', reads((c) => text(c.record.upstreamHost))],
  ['UPSTREAM_HOST_NAME', reads((c) => text(c.record.upstreamHost))],
  ['UPSTREAM_HOST_NAME_WITHOUT_PORT', reads((c) => addressOnly(c.record.upstreamHost))],
  ['UPSTREAM_REMOTE_ADDRESS', reads((c) => text(c.record.upstreamHost))],
  ['UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', reads((c) => addressOnly(c.record.upstreamHost))],
  ['UPSTREAM_REMOTE_PORT', reads((c) => portOnly(c.record.upstreamHost))],
  ['UPSTREAM_CLUSTER', reads((c) => text(c.record.upstreamCluster))],
  ['UPSTREAM_CLUSTER_RAW', reads((c) => text(c.record.upstreamCluster))],
  ['UPSTREAM_LOCAL_ADDRESS', reads((c) => text(c.record.upstreamLocalAddress))],
  ['UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT', reads((c) => addressOnly(c.record.upstreamLocalAddress))],
  ['UPSTREAM_LOCAL_PORT', reads((c) => portOnly(c.record.upstreamLocalAddress))],
  ['UPSTREAM_TRANSPORT_FAILURE_REASON', reads((c) => oneWord(c.record.upstreamTransportFailure))],
  ['UPSTREAM_PEER_URI_SAN', reads((c) => text(c.record.upstreamPrincipal))],
  ['DOWNSTREAM_REMOTE_ADDRESS', reads((c) => text(c.record.downstreamRemoteAddress))],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', reads((c) => addressOnly(c.record.downstreamRemoteAddress))],
  ['DOWNSTREAM_REMOTE_PORT', reads((c) => portOnly(c.record.downstreamRemoteAddress))],
  ['DOWNSTREAM_DIRECT_REMOTE_ADDRESS', reads((c) => text(c.record.downstreamDirectRemoteAddress))],
  ['DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT', reads((c) => addressOnly(c.record.downstreamDirectRemoteAddress))],
  ['DOWNSTREAM_DIRECT_REMOTE_PORT', reads((c) => portOnly(c.record.downstreamDirectRemoteAddress))],
  ['DOWNSTREAM_LOCAL_ADDRESS', reads((c) => text(c.record.downstreamLocalAddress))],
  ['DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT', reads((c) => addressOnly(c.record.downstreamLocalAddress))],
  ['DOWNSTREAM_LOCAL_PORT', reads((c) => portOnly(c.record.downstreamLocalAddress))],
  ['DOWNSTREAM_PEER_URI_SAN', reads((c) => text(c.connection?.peerUriSans.join(',') ?? c.record.downstreamPrincipal))],
  ['DOWNSTREAM_LOCAL_URI_SAN', reads((c) => text(c.record.downstreamLocalPrincipal))],
  ['DOWNSTREAM_TLS_VERSION', reads((c) => text(c.record.tlsVersion))],
  ['REQUESTED_SERVER_NAME', reads((c) => text(c.record.sni))],
  ['ROUTE_NAME', reads((c) => text(c.record.routeName))],
  ['VIRTUAL_CLUSTER_NAME', reads((c) => text(c.record.virtualCluster))],
  ['FILTER_CHAIN_NAME', reads((c) => text(c.record.filterChain))],
  ['STREAM_ID', reads((c) => text(c.record.requestId))],
  ['UNIQUE_ID', reads((c) => text(c.record.requestId))],
  ['TRACE_ID', reads((c) => traceId(c))],
  ['ACCESS_LOG_TYPE', reads((c) => c.accessLogType)],
  ['LOCAL_REPLY_BODY', reads((c) => c.localReplyBody)],
  ['GRPC_STATUS', compileGrpcStatus],
  ['GRPC_STATUS_NUMBER', reads((c) => (c.record.grpcStatus < 0 ? undefined : c.record.grpcStatus))],
  ['DYNAMIC_METADATA', compileDynamicMetadata],
  [
    'METADATA',
    (argument, field) => {
      if (argument?.startsWith('DYNAMIC:')) return compileDynamicMetadata(argument.slice(8), field);
      throw new ConfigError('proxy.format-illegal', field, '%METADATA(…)% needs the type DYNAMIC');
    },
  ],
  ['FILTER_STATE', compileFilterState],
  // Facts that no part of this proxy records: known names that always print "-".
  ...[
    'UPSTREAM_PEER_SUBJECT',
    'UPSTREAM_PROTOCOL',
    'UPSTREAM_FILTER_STATE',
    'CLUSTER_METADATA',
    'DOWNSTREAM_PEER_SUBJECT',
    'DOWNSTREAM_LOCAL_SUBJECT',
    'DOWNSTREAM_PEER_FINGERPRINT_256',
    'DOWNSTREAM_PEER_SERIAL',
    'DOWNSTREAM_TLS_CIPHER',
    'DOWNSTREAM_TLS_SESSION_ID',
    'DOWNSTREAM_TRANSPORT_FAILURE_REASON',
    'CONNECTION_ID',
    'HOSTNAME',
    'UPSTREAM_TLS_VERSION',
    'UPSTREAM_TLS_CIPHER',
    'UPSTREAM_WIRE_BYTES_SENT',
    'UPSTREAM_WIRE_BYTES_RECEIVED',
    'DOWNSTREAM_WIRE_BYTES_SENT',
    'DOWNSTREAM_WIRE_BYTES_RECEIVED',
    'RESPONSE_TRAILERS_BYTES',
    'UPSTREAM_METADATA',
  ].map((name): [string, Compile] => [name, () => () => undefined]),
]);

function compileTime(read: (context: FormatContext) => number): Compile {
  return (argument, field) => {
    const format = compileTimeFormat(argument ?? '');
    if (format === undefined)
      throw new ConfigError('proxy.format-illegal', field, `"${argument}" is not a time format`);
    return (context) => format(read(context));
  };
}

function compilePathOperator(argument: string | undefined, field: string): Operator {
  const [query = 'WQ', which = 'PATH_OR_ORIGINAL'] = (argument ?? '')
    .split(':')
    .map((word, i) => word || (i === 0 ? 'WQ' : 'PATH_OR_ORIGINAL'));
  if (!['WQ', 'NQ'].includes(query) || !['ORIG', 'PATH', 'PATH_OR_ORIGINAL', 'ORIG_OR_PATH'].includes(which)) {
    throw new ConfigError(
      'proxy.format-illegal',
      field,
      `%PATH(${argument})% takes WQ or NQ, then ORIG, PATH or ORIG_OR_PATH`,
    );
  }
  return (context) => {
    const { originalPath, path } = context.record;
    const value = which === 'PATH' ? path : which === 'ORIG' ? originalPath : originalPath || path;
    return text(query === 'NQ' ? barePath(value) : value);
  };
}

const GRPC_NAMES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

function compileGrpcStatus(argument: string | undefined): Operator {
  if (argument === 'NUMBER') return (c) => (c.record.grpcStatus < 0 ? undefined : c.record.grpcStatus);
  const snake = argument === 'SNAKE_STRING';
  return (c) => {
    if (c.record.grpcStatus < 0) return undefined;
    const name = GRPC_NAMES[c.record.grpcStatus] ?? String(c.record.grpcStatus);
    return snake ? name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase() : name;
  };
}

function compileDynamicMetadata(argument: string | undefined, field: string): Operator {
  const [filter, ...keys] = (argument ?? '').split(':');
  if (filter === undefined || filter === '')
    throw new ConfigError('proxy.format-illegal', field, '%DYNAMIC_METADATA(…)% needs a namespace');
  return (context) => {
    let value: unknown = context.record.metadata?.get(filter);
    for (const key of keys) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      value = (value as Record<string, unknown>)[key];
    }
    return (value ?? undefined) as OperatorValue;
  };
}

function compileFilterState(argument: string | undefined, field: string): Operator {
  const [key, kind = 'TYPED', member] = (argument ?? '').split(':');
  if (key === undefined || key === '')
    throw new ConfigError('proxy.format-illegal', field, '%FILTER_STATE(…)% needs a key');
  if (!['PLAIN', 'TYPED', 'FIELD'].includes(kind))
    throw new ConfigError('proxy.format-illegal', field, `%FILTER_STATE(…)% cannot be written as ${kind}`);
  if (kind !== 'FIELD') return (context) => context.record.filterState?.get(key);
  return (context) => {
    const value = context.record.filterState?.get(key);
    if (value === undefined || member === undefined || !value.startsWith('{')) return undefined;
    try {
      return (JSON.parse(value) as Record<string, OperatorValue>)[member];
    } catch {
      return undefined;
    }
  };
}

/** From traceparent, else B3. */
function traceId(context: FormatContext): string | undefined {
  const headers = context.requestHead?.headers ?? context.record.requestHeaders;
  const parent = headers?.get('traceparent');
  return parent?.split('-')[1] ?? headers?.get('x-b3-traceid') ?? headers?.get('b3')?.split('-')[0];
}
