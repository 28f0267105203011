// How a stock Envoy tells the agent what it carried, and its peers who it is: the access log service and static headers (design §3d).

import { create } from '@bufbuild/protobuf';
import {
  celRequestHeaders,
  ENVOY_AGENT_CLUSTERS,
  ENVOY_PEER_ENVIRONMENT,
  ENVOY_PEER_METADATA,
  ENVOY_PEER_TAGS,
  ENVOY_ROUTE_CLUSTER,
  PEER_METADATA_HEADERS,
  RATE_LIMIT_HEADER,
  ROUTE_CAUSE,
} from '#base';
import { type AccessLog, AccessLogSchema } from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOptionSchema,
} from '#proto/envoy/config/core/v3/base_pb.ts';
import { ApiVersion } from '#proto/envoy/config/core/v3/config_source_pb.ts';
import {
  type CommonGrpcAccessLogConfigSchema,
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '#proto/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import {
  Config_ValueType,
  ConfigSchema,
} from '#proto/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.ts';
import type { PluginConfigSchema } from '#proto/istio/stats/config_pb.ts';
import { any, duration, type Init, typed } from '../encode.ts';
import { statsText } from '../telemetry/stats-filter.ts';

/** A summary leaves the agent each second; entries must not wait longer. */
const FLUSH_MS = 500;
const GRPC_STATUS = ['grpc-status'];
/** A local reply of Envoy's says by it which RateLimit it was. */
const ANSWERS = [...GRPC_STATUS, RATE_LIMIT_HEADER];

/** The log whose name says on which side of the connection Envoy stands. */
export function agentAccessLog(
  side: 'source' | 'destination',
  traffic: 'http' | 'tcp',
  stats: Init<typeof PluginConfigSchema> | undefined,
): AccessLog {
  const hostTag = (tag: string, namespace: string, key: string) => ({
    tag,
    type: {
      case: 'metadata' as const,
      value: {
        kind: { kind: { case: 'host' as const, value: {} } },
        metadataKey: { key: namespace, path: [{ segment: { case: 'key' as const, value: key } }] },
      },
    },
  });
  const routeTag = (tag: string, { namespace, key }: typeof ROUTE_CAUSE | typeof ENVOY_ROUTE_CLUSTER) => ({
    tag,
    type: {
      case: 'metadata' as const,
      value: {
        kind: { kind: { case: 'route' as const, value: {} } },
        metadataKey: { key: namespace, path: [{ segment: { case: 'key' as const, value: key } }] },
      },
    },
  });
  const commonConfig: Init<typeof CommonGrpcAccessLogConfigSchema> = {
    ...toAgent(`${side}${stats === undefined ? '' : `?${statsText(stats)}`}`),
    customTags:
      side === 'destination'
        ? []
        : [
            ...(traffic === 'http'
              ? [routeTag(ENVOY_PEER_TAGS.cause, ROUTE_CAUSE), routeTag(ENVOY_PEER_TAGS.cluster, ENVOY_ROUTE_CLUSTER)]
              : []),
            hostTag(ENVOY_PEER_TAGS.destination, 'istio', 'workload'),
            hostTag(ENVOY_PEER_TAGS.tlsMode, 'envoy.transport_socket_match', 'tlsMode'),
          ],
  };
  const config =
    traffic === 'tcp'
      ? any(TcpGrpcAccessLogConfigSchema, { commonConfig })
      : any(HttpGrpcAccessLogConfigSchema, {
          commonConfig,
          additionalRequestHeadersToLog: ['content-type', ...headersIn(stats)],
          additionalResponseHeadersToLog: ANSWERS,
          additionalResponseTrailersToLog: GRPC_STATUS,
        });
  return create(AccessLogSchema, {
    name: `envoy.access_loggers.${traffic}_grpc`,
    configType: { case: 'typedConfig', value: config },
  });
}

/** Of an inbound listener: what no filter chain took, which no chain's log tells of. */
export function refusedAccessLog(): AccessLog {
  return create(AccessLogSchema, {
    name: 'envoy.access_loggers.tcp_grpc',
    filter: { filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } } },
    configType: {
      case: 'typedConfig',
      value: any(TcpGrpcAccessLogConfigSchema, { commonConfig: toAgent('refused') }),
    },
  });
}

function toAgent(logName: string): Init<typeof CommonGrpcAccessLogConfigSchema> {
  return {
    logName,
    grpcService: { targetSpecifier: { case: 'envoyGrpc', value: { clusterName: ENVOY_AGENT_CLUSTERS.accessLog } } },
    transportApiVersion: ApiVersion.V3,
    bufferFlushInterval: duration(FLUSH_MS),
  };
}

/** Request headers that labels are made of. */
function headersIn(stats: Init<typeof PluginConfigSchema> | undefined): readonly string[] {
  const expressions = (stats?.metrics ?? []).flatMap(({ dimensions }) => Object.values(dimensions ?? {}));
  return [...new Set(expressions.flatMap((expression) => celRequestHeaders(expression)))].sort();
}

/** Takes the caller's headers away from the application, and keeps their word for the log. */
export function takePeerHeaders() {
  const rule = (header: string, key: string) => ({
    header,
    remove: true,
    onHeaderPresent: { metadataNamespace: ENVOY_PEER_METADATA.namespace, key, type: Config_ValueType.STRING },
  });
  return typed('envoy.filters.http.header_to_metadata', ConfigSchema, {
    requestRules: [rule(PEER_METADATA_HEADERS.metadata, ENVOY_PEER_METADATA.key), rule(PEER_METADATA_HEADERS.id, 'id')],
  });
}

/** For virtual hosts of the mesh's own services: a header with this workload's description, out of Envoy's environment. */
export function peerHeaders(): Init<typeof HeaderValueOptionSchema>[] {
  const option = (key: string, variable: string): Init<typeof HeaderValueOptionSchema> => ({
    header: { key, value: `%ENVIRONMENT(${variable})%` },
    appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD,
  });
  return [
    option(PEER_METADATA_HEADERS.metadata, ENVOY_PEER_ENVIRONMENT.metadata),
    option(PEER_METADATA_HEADERS.id, ENVOY_PEER_ENVIRONMENT.id),
  ];
}
