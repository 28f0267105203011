// Access logs as Telemetry objects and MeshConfig ask for them: files, Envoy's access log service, OpenTelemetry,
// each with its CEL filter (inventory §8; pilot/pkg/model/telemetry_logging.go).

import { create, type JsonObject } from '@bufbuild/protobuf';
import type { ExtensionProvider } from '#config';
import {
  type AccessLog,
  type AccessLogFilter,
  AccessLogFilterSchema,
  AccessLogSchema,
} from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import { ApiVersion } from '#proto/envoy/config/core/v3/config_source_pb.ts';
import { FileAccessLogSchema } from '#proto/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { ExpressionFilterSchema } from '#proto/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import {
  type CommonGrpcAccessLogConfigSchema,
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '#proto/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { OpenTelemetryAccessLogConfigSchema } from '#proto/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import type { AnyValueSchema } from '#proto/opentelemetry/proto/common/v1/common_pb.ts';
import type { LogInForce } from '#registry';
import { any, type Init } from '../encode.ts';
import { JSON_LOG_FIELDS, TEXT_LOG_FORMAT } from './log-formats.ts';
import { type ProviderPlaces, type Sink, sinkOf } from './providers.ts';

/** Where a log is attached: HTTP managers, TCP proxies, or listeners (for connections that found no filter chain). */
export type LogPlace = 'http' | 'tcp' | 'listener';

/** `logs` undefined: MeshConfig's own file. */
export function accessLogs(
  logs: readonly LogInForce[] | undefined,
  places: ProviderPlaces,
  where: LogPlace,
): AccessLog[] {
  const { mesh } = places;
  if (where === 'listener' && mesh.spec.disableEnvoyListenerLog === true) return [];
  if (logs === undefined) {
    const { file, format, json } = mesh.accessLog;
    if (file === '') return [];
    const fields = json ? jsonFields(format) : undefined;
    return [fileLog(file, fields === undefined ? format : '', fields, false, filterOf('', where))];
  }
  return logs.flatMap(({ provider, filter }) => {
    const log = logOf(provider, places, where, filterOf(filter, where));
    return log === undefined ? [] : [log];
  });
}

function logOf(
  provider: ExtensionProvider,
  places: ProviderPlaces,
  where: LogPlace,
  filter: AccessLogFilter | undefined,
): AccessLog | undefined {
  const { envoyFileAccessLog: file, envoyHttpAls: http, envoyTcpAls: tcp, envoyOtelAls: otel } = provider;
  if (file !== undefined) {
    const { text, labels } = file.logFormat ?? {};
    return fileLog(
      file.path ?? '/dev/stdout',
      text ?? '',
      labels as JsonObject | undefined,
      file.omitEmptyValues ?? false,
      filter,
    );
  }
  const sink = sinkOf(provider, places);
  if (sink === undefined) return undefined;
  if (http !== undefined && where === 'http') {
    return log(
      'envoy.access_loggers.http_grpc',
      filter,
      any(HttpGrpcAccessLogConfigSchema, {
        commonConfig: grpcLog(http.logName ?? 'http_envoy_accesslog', sink, http.filterStateObjectsToLog),
        additionalRequestHeadersToLog: [...(http.additionalRequestHeadersToLog ?? [])],
        additionalResponseHeadersToLog: [...(http.additionalResponseHeadersToLog ?? [])],
        additionalResponseTrailersToLog: [...(http.additionalResponseTrailersToLog ?? [])],
      }),
    );
  }
  if (tcp !== undefined && where !== 'http') {
    return log(
      'envoy.access_loggers.tcp_grpc',
      filter,
      any(TcpGrpcAccessLogConfigSchema, {
        commonConfig: grpcLog(
          tcp.logName ?? (where === 'tcp' ? 'tcp_envoy_accesslog' : 'listener_envoy_accesslog'),
          sink,
          tcp.filterStateObjectsToLog,
        ),
      }),
    );
  }
  if (otel === undefined) return undefined;
  const { text, labels } = otel.logFormat ?? {};
  return log(
    'envoy.access_loggers.open_telemetry',
    filter,
    any(OpenTelemetryAccessLogConfigSchema, {
      commonConfig: grpcLog(otel.logName ?? 'otel_envoy_accesslog', sink, undefined),
      disableBuiltinLabels: true,
      body: anyValue((text ?? TEXT_LOG_FORMAT).replace(/\n$/, '')),
      ...(labels === undefined ? {} : { attributes: { values: keyValues(labels) } }),
    }),
  );
}

function log(name: string, filter: AccessLogFilter | undefined, value: ReturnType<typeof any>): AccessLog {
  return create(AccessLogSchema, {
    name,
    ...(filter === undefined ? {} : { filter }),
    configType: { case: 'typedConfig', value },
  });
}

function grpcLog(
  logName: string,
  sink: Sink,
  filterState: readonly string[] | undefined,
): Init<typeof CommonGrpcAccessLogConfigSchema> {
  return {
    logName,
    grpcService: {
      targetSpecifier: { case: 'envoyGrpc', value: { clusterName: sink.cluster, authority: sink.host } },
    },
    transportApiVersion: ApiVersion.V3,
    filterStateObjectsToLog: [...(filterState ?? [])],
  };
}

function fileLog(
  path: string,
  text: string,
  fields: JsonObject | undefined,
  omitEmptyValues: boolean,
  filter: AccessLogFilter | undefined,
): AccessLog {
  const line = text === '' ? TEXT_LOG_FORMAT : text.endsWith('\n') ? text : `${text}\n`;
  return log(
    'envoy.access_loggers.file',
    filter,
    any(FileAccessLogSchema, {
      path,
      accessLogFormat: {
        case: 'logFormat',
        value: {
          omitEmptyValues,
          format:
            fields === undefined
              ? { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: line } } }
              : { case: 'jsonFormat', value: fields },
        },
      },
    }),
  );
}

/** Listeners log only what no other log sees. */
function filterOf(expression: string, where: LogPlace): AccessLogFilter | undefined {
  const filters: Init<typeof AccessLogFilterSchema>[] = [];
  if (where === 'listener') filters.push({ filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } } });
  if (expression !== '')
    filters.push({
      filterSpecifier: {
        case: 'extensionFilter',
        value: {
          name: 'envoy.access_loggers.extension_filters.cel',
          configType: { case: 'typedConfig', value: any(ExpressionFilterSchema, { expression }) },
        },
      },
    });
  const [only, ...more] = filters;
  if (only === undefined) return undefined;
  return create(
    AccessLogFilterSchema,
    more.length === 0 ? only : { filterSpecifier: { case: 'andFilter', value: { filters } } },
  );
}

function keyValues(labels: Readonly<Record<string, unknown>>) {
  return Object.entries(labels).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: unknown): Init<typeof AnyValueSchema> {
  if (Array.isArray(value)) return { value: { case: 'arrayValue', value: { values: value.map(anyValue) } } };
  if (typeof value === 'object' && value !== null)
    return { value: { case: 'kvlistValue', value: { values: keyValues(value as Readonly<Record<string, unknown>>) } } };
  return { value: { case: 'stringValue', value: String(value) } };
}

/** A format that is no JSON object falls back to Istio's fields; reading the configuration has complained by then. */
function jsonFields(format: string): JsonObject {
  if (format === '') return JSON_LOG_FIELDS;
  try {
    const parsed: unknown = JSON.parse(format);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as JsonObject)
      : JSON_LOG_FIELDS;
  } catch {
    return JSON_LOG_FIELDS;
  }
}
