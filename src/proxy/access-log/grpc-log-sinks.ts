// Envoy's access loggers that send to a service: http_grpc, tcp_grpc (access log service v3) and open_telemetry.

import type { AccessLog } from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import type {
  CommonGrpcAccessLogConfig,
  HttpGrpcAccessLogConfig,
  TcpGrpcAccessLogConfig,
} from '#proto/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import type { OpenTelemetryAccessLogConfig } from '#proto/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import {
  type AlsExtras,
  alsHttpEntry,
  alsTcpEntry,
  encodeOtlpLogRecord,
  keyValue,
  type StreamRecord,
  textValue,
} from '#telemetry';
import { decodeMessage } from '../apply/decode.ts';
import type { StreamSinkExtension } from '../apply/extensions.ts';
import { ConfigError } from '../errors.ts';
import { logContext } from '../format/index.ts';
import type { StreamSink } from '../http/manager-config.ts';
import { millisOf } from '../matcher/fraction.ts';
import type { ProxyServices } from '../services.ts';
import { compileTag } from '../tracing/compile-tag.ts';
import { AlsSender, type AlsTarget } from './als-sender.ts';
import { compileAnyValue, compileKeyValues } from './any-value-format.ts';
import { BUFFER_BYTES, FLUSH_MS } from './limits.ts';
import { compileLogFilter } from './log-filter.ts';
import { OtlpLogSender, type OtlpLogTarget } from './otlp-log-sender.ts';
import { SharedSenders } from './shared-senders.ts';

const PREFIX = 'type.googleapis.com/envoy.extensions.access_loggers';
const HTTP = `${PREFIX}.grpc.v3.HttpGrpcAccessLogConfig`;
const TCP = `${PREFIX}.grpc.v3.TcpGrpcAccessLogConfig`;
const OTEL = `${PREFIX}.open_telemetry.v3.OpenTelemetryAccessLogConfig`;

/** Of one process: listeners that log to one service share its stream. */
export function grpcLogSinks(): readonly StreamSinkExtension[] {
  const als = new SharedSenders<AlsTarget, AlsSender>(
    'access_logs.grpc_access_log',
    (services, target, counts) => new AlsSender(services, target, counts),
  );
  const otel = new SharedSenders<OtlpLogTarget, OtlpLogSender>(
    'access_logs.open_telemetry_access_log',
    (services, target, counts) => new OtlpLogSender(services, target, counts),
  );
  return [
    {
      name: 'envoy.access_loggers.http_grpc',
      typeUrl: HTTP,
      build: (config, services, log) => {
        const message = decodeMessage<HttpGrpcAccessLogConfig>(HTTP, config, 'access_log');
        const target = alsTarget('http', message.commonConfig, log.name);
        const extras = extrasOf(message.commonConfig, services, log.name, {
          requestHeaders: lower(message.additionalRequestHeadersToLog),
          responseHeaders: lower(message.additionalResponseHeadersToLog),
          responseTrailers: lower(message.additionalResponseTrailersToLog),
        });
        return sinkOf(als, target, services, log, (record) => alsHttpEntry(record, extras));
      },
    },
    {
      name: 'envoy.access_loggers.tcp_grpc',
      typeUrl: TCP,
      build: (config, services, log) => {
        const { commonConfig } = decodeMessage<TcpGrpcAccessLogConfig>(TCP, config, 'access_log');
        const extras = extrasOf(commonConfig, services, log.name);
        return sinkOf(als, alsTarget('tcp', commonConfig, log.name), services, log, (record) =>
          alsTcpEntry(record, extras),
        );
      },
    },
    {
      name: 'envoy.access_loggers.open_telemetry',
      typeUrl: OTEL,
      build: (config, services, log) => buildOtel(otel, config, services, log),
    },
  ];
}

function buildOtel(
  senders: SharedSenders<OtlpLogTarget, OtlpLogSender>,
  config: Uint8Array,
  services: ProxyServices,
  log: AccessLog,
): StreamSink {
  const message = decodeMessage<OpenTelemetryAccessLogConfig>(OTEL, config, 'access_log');
  if (message.formatters.length > 0)
    throw new ConfigError('proxy.unsupported', `access_log "${log.name}".formatters`, 'formatters are not read');
  const { logName, ...service } = serviceOf(message.commonConfig, log.name);
  const { clock, self } = services;
  const builtIn = message.disableBuiltinLabels
    ? []
    : [
        ['log_name', logName],
        ['cluster_name', self.serviceName],
        ['node_name', self.nodeId],
      ].map(([key = '', value = '']) => keyValue(key, textValue(value)));
  const target = { ...service, resource: [...builtIn, ...(message.resourceAttributes?.values ?? [])] };
  const body = message.body === undefined ? undefined : compileAnyValue(message.body, 'access_log.body');
  const attributes = compileKeyValues(message.attributes?.values ?? [], 'access_log.attributes');
  return sinkOf(senders, target, services, log, (record) => {
    const type = record.protocol === 'TCP' ? 'TcpConnectionEnd' : 'DownstreamEnd';
    const context = logContext(record, clock.wallTime(), type);
    return encodeOtlpLogRecord({
      timeWallMs: record.startWallMs,
      body: body?.(context),
      attributes: attributes(context),
      traceId: record.trace?.traceId ?? '',
      spanId: record.trace?.spanId ?? '',
    });
  });
}

function sinkOf<T extends object>(
  senders: SharedSenders<T, { add(entry: Uint8Array): void; close(): void; readonly queued: number }>,
  target: T,
  services: ProxyServices,
  log: AccessLog,
  encode: (record: StreamRecord) => Uint8Array,
): StreamSink {
  const accepts =
    log.filter === undefined ? undefined : compileLogFilter(log.filter, 'access_log.filter', services.random);
  const sender = senders.acquire(services, target);
  return {
    onStreamEnd: (record) => {
      if (accepts === undefined || accepts(record)) sender.add(encode(record));
    },
    dispose: () => senders.release(target),
  };
}

function alsTarget(kind: AlsTarget['kind'], config: CommonGrpcAccessLogConfig | undefined, name: string): AlsTarget {
  return { kind, ...serviceOf(config, name) };
}

function serviceOf(config: CommonGrpcAccessLogConfig | undefined, name: string): Omit<AlsTarget, 'kind'> {
  const field = `access_log "${name}".common_config`;
  const target = config?.grpcService?.targetSpecifier;
  if (config === undefined || target === undefined) throw new ConfigError('proxy.field-required', field);
  if (target.case !== 'envoyGrpc')
    throw new ConfigError('proxy.unsupported', `${field}.grpc_service`, 'give envoy_grpc with a cluster');
  const { clusterName, authority } = target.value;
  const metadata = (config.grpcService?.initialMetadata ?? []).map(({ key, value }) => [key, value] as const);
  return {
    logName: config.logName,
    cluster: clusterName,
    authority: authority === '' ? clusterName : authority,
    metadata: Object.fromEntries(metadata),
    flushMs: millisOf(config.bufferFlushInterval) ?? FLUSH_MS,
    flushBytes: config.bufferSizeBytes ?? BUFFER_BYTES,
  };
}

function extrasOf(
  config: CommonGrpcAccessLogConfig | undefined,
  services: ProxyServices,
  name: string,
  headers: Pick<AlsExtras, 'requestHeaders' | 'responseHeaders' | 'responseTrailers'> = {
    requestHeaders: [],
    responseHeaders: [],
    responseTrailers: [],
  },
): AlsExtras {
  const warn = (field: string, reason: string): void =>
    services.log.warn('access log setting has no effect', { field, reason });
  const tags = (config?.customTags ?? []).map((tag, i) =>
    compileTag(tag, services, warn, `access_log "${name}".common_config.custom_tags[${i}]`),
  );
  return {
    ...headers,
    filterState: config?.filterStateObjectsToLog ?? [],
    customTags: (record) => Object.fromEntries(tags.map((read) => read(record)).filter((one) => one !== undefined)),
  };
}

function lower(names: readonly string[]): readonly string[] {
  return names.map((name) => name.toLowerCase());
}
