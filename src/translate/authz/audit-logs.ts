// AUDIT in force: what its policies match leaves a line on the proxy's standard output, whatever access logs there are.

import {
  type AccessLog,
  AccessLogSchema,
  MetadataFilterSchema,
} from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import { FileAccessLogSchema } from '#proto/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { create } from '@bufbuild/protobuf';
import { any } from '../encode.ts';
import type { AuthorizationInput } from './authorization-filters.ts';
import type { TelemetryOfSide } from '../telemetry/proxy-telemetry.ts';

const COMMON = {
  audit: true,
  start_time: '%START_TIME%',
  source: '%DOWNSTREAM_PEER_URI_SAN%',
  source_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  destination_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
};
/** Stock Envoy notes that something matched, not what. */
const policyOf = (filter: string): string => `%DYNAMIC_METADATA(${filter}:audit_effective_policy_id)%`;
const FORMATS = {
  http: {
    ...COMMON,
    policy: policyOf('envoy.filters.http.rbac'),
    method: '%REQ(:METHOD)%',
    authority: '%REQ(:AUTHORITY)%',
    path: '%REQ(:PATH)%',
    response_code: '%RESPONSE_CODE%',
    request_id: '%REQ(X-REQUEST-ID)%',
  },
  tcp: { ...COMMON, policy: policyOf('envoy.filters.network.rbac') },
} as const;

/** An Envoy always has them: a policy that comes later must not touch the listener, and without a hint nothing is written. */
function auditLogs({ policies, envoy }: AuthorizationInput, traffic: 'http' | 'tcp'): readonly AccessLog[] {
  if (!envoy && !policies.some(({ spec }) => spec.action === 'AUDIT')) return [];
  const hinted = create(MetadataFilterSchema, {
    matcher: {
      filter: 'envoy.common',
      path: [{ segment: { case: 'key', value: 'access_log_hint' } }],
      value: { matchPattern: { case: 'boolMatch', value: true } },
    },
    matchIfKeyNotFound: false,
  });
  return [
    create(AccessLogSchema, {
      name: 'envoy.access_loggers.file',
      filter: { filterSpecifier: { case: 'metadataFilter', value: hinted } },
      configType: {
        case: 'typedConfig',
        value: any(FileAccessLogSchema, {
          path: '/dev/stdout',
          accessLogFormat: {
            case: 'logFormat',
            value: { format: { case: 'jsonFormat', value: { ...FORMATS[traffic] } } },
          },
        }),
      },
    }),
  ];
}

/** A side's telemetry with them, for the listeners that its policies stand in. */
export function audited(
  telemetry: TelemetryOfSide,
  authorization: AuthorizationInput,
  traffic: 'http' | 'tcp',
): TelemetryOfSide {
  const logs = auditLogs(authorization, traffic);
  if (logs.length === 0) return telemetry;
  return traffic === 'http'
    ? { ...telemetry, httpLogs: [...telemetry.httpLogs, ...logs] }
    : { ...telemetry, tcpLogs: [...telemetry.tcpLogs, ...logs] };
}
