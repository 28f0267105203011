// Access logs as MeshConfig asks for them: Istio's text or JSON format, or the user's (inventory §8).

import { create, type JsonObject } from '@bufbuild/protobuf';
import {
  type AccessLog,
  AccessLogSchema,
  ResponseFlagFilterSchema,
} from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import { FileAccessLogSchema } from '#proto/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import type { MeshSettings } from '#registry';
import { any } from '../encode.ts';

const TEXT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

const JSON_FIELDS: JsonObject = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
};

export function accessLogs(mesh: MeshSettings): AccessLog[] {
  const config = fileLog(mesh);
  return config === undefined
    ? []
    : [
        create(AccessLogSchema, {
          name: 'envoy.access_loggers.file',
          configType: { case: 'typedConfig', value: config },
        }),
      ];
}

/** On listeners: only connections that found no filter chain, which no other log sees. */
export function listenerAccessLogs(mesh: MeshSettings): AccessLog[] {
  const config = fileLog(mesh);
  if (config === undefined || mesh.spec.disableEnvoyListenerLog === true) return [];
  return [
    create(AccessLogSchema, {
      name: 'envoy.access_loggers.file',
      filter: {
        filterSpecifier: { case: 'responseFlagFilter', value: create(ResponseFlagFilterSchema, { flags: ['NR'] }) },
      },
      configType: { case: 'typedConfig', value: config },
    }),
  ];
}

function fileLog(mesh: MeshSettings) {
  const { file, format, json } = mesh.accessLog;
  if (file === '') return undefined;
  if (!json) {
    const text = format === '' ? TEXT : format.endsWith('\n') ? format : `${format}\n`;
    return any(FileAccessLogSchema, {
      path: file,
      accessLogFormat: {
        case: 'logFormat',
        value: { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: text } } } },
      },
    });
  }
  return any(FileAccessLogSchema, {
    path: file,
    accessLogFormat: { case: 'logFormat', value: { format: { case: 'jsonFormat', value: jsonFields(format) } } },
  });
}

/** A format that is no JSON object falls back to Istio's fields; reading the configuration has complained by then. */
function jsonFields(format: string): JsonObject {
  if (format === '') return JSON_FIELDS;
  try {
    const parsed: unknown = JSON.parse(format);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as JsonObject)
      : JSON_FIELDS;
  } catch {
    return JSON_FIELDS;
  }
}
