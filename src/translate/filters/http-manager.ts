// The HTTP connection manager with its filters in Istio's order (inventory §3.4).

import { DENIED_BY_ANNOTATION } from '#config';
import type { FilterSchema as NetworkFilterSchema } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import type { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import {
  HttpConnectionManagerSchema,
  HttpConnectionManager_PathWithEscapedSlashesAction as Escaped,
  type HttpConnectionManager_UpgradeConfigSchema,
  type HttpFilterSchema,
  type LocalReplyConfigSchema,
  type ResponseMapperSchema,
} from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { CorsSchema } from '#proto/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { HTTPFaultSchema } from '#proto/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { FilterConfigSchema as GrpcStatsSchema } from '#proto/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
import { GrpcWebSchema } from '#proto/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts';
import { RouterSchema } from '#proto/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { UuidRequestIdConfigSchema } from '#proto/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import type { MeshSettings } from '#registry';
import { ADS, any, duration, type Init, typed } from '../encode.ts';
import { agentAccessLog, takePeerHeaders } from './envoy-peers.ts';
import { bodyBuffer, bodyLimit, limitReplies, requestHeadSettings, type ScopeLimits } from './message-limits.ts';
import { peerMetadata } from './peer-metadata.ts';
import { headerSettings, hidesDebugHeaders } from './proxy-headers.ts';
import type { TelemetryOfSide } from '../telemetry/proxy-telemetry.ts';
import { statsFilter } from '../telemetry/stats-filter.ts';
import { UNPROCESSED_HEADER } from '../routes/retry.ts';
import { CORS_FILTER, FAULT_FILTER } from '../routes/route-filters.ts';

type HttpFilter = Init<typeof HttpFilterSchema>;

export interface HttpManagerInput {
  readonly mesh: MeshSettings;
  readonly telemetry: TelemetryOfSide;
  readonly statPrefix: string;
  /** Stock Envoy: only its own filters. */
  readonly envoy: boolean;
  readonly direction: 'inbound' | 'outbound' | 'gateway';
  readonly routes: { readonly name: string } | { readonly inline: Init<typeof RouteConfigurationSchema> };
  /** Authorization, in order: AUDIT, DENY, ALLOW. */
  readonly authorization: readonly HttpFilter[];
  readonly grpcWeb?: boolean;
  /** Right before the router. */
  readonly last?: readonly HttpFilter[];
  readonly trustedHops?: number;
  /** What requests may be as large as, and what the place is called that says so. */
  readonly limits?: { readonly inForce: ScopeLimits; readonly hop: string };
  /** CONNECT is taken as a request. */
  readonly connect?: boolean;
}

export function httpManager(input: HttpManagerInput): Init<typeof NetworkFilterSchema> {
  const { mesh, direction, routes, telemetry } = input;
  const gateway = direction === 'gateway';
  const limits = input.limits?.inForce;
  return typed('envoy.filters.network.http_connection_manager', HttpConnectionManagerSchema, {
    statPrefix: input.statPrefix,
    routeSpecifier:
      'name' in routes
        ? { case: 'rds', value: { configSource: ADS, routeConfigName: routes.name } }
        : { case: 'routeConfig', value: routes.inline },
    httpFilters: [...httpFilters(input, limits === undefined ? [] : bodyBuffer(limits, input.envoy))],
    ...(limits === undefined ? {} : requestHeadSettings(limits)),
    accessLog: [
      ...telemetry.httpLogs,
      ...(input.envoy
        ? [agentAccessLog(direction === 'inbound' ? 'destination' : 'source', 'http', telemetry.stats)]
        : []),
    ],
    useRemoteAddress: gateway,
    ...(gateway && (input.trustedHops ?? 0) > 0 ? { xffNumTrustedHops: input.trustedHops ?? 0 } : {}),
    ...headerSettings(mesh, direction),
    upgradeConfigs: [...upgrades(input)],
    // A name with the root's dot is the same host: policies, routes and the application see one spelling.
    ...(direction === 'outbound' ? {} : { stripTrailingHostDot: true }),
    streamIdleTimeout: duration(0),
    ...localReplies(input),
    proxy100Continue: true,
    ...normalization(mesh),
    ...(telemetry.tracing === undefined ? {} : { tracing: telemetry.tracing }),
    requestIdExtension: {
      typedConfig: any(UuidRequestIdConfigSchema, { useRequestIdForTraceSampling: telemetry.useRequestId }),
    },
  });
}

const DENIED_BY_HEADER = 'x-topsail-denied-by';

/** The first that fits changes a reply of the proxy's own. */
function localReplies({ direction, mesh, limits, envoy }: HttpManagerInput): {
  readonly localReplyConfig?: Init<typeof LocalReplyConfigSchema>;
} {
  const denied = direction !== 'outbound' && mesh.origin?.metadata.annotations[DENIED_BY_ANNOTATION] === 'true';
  const sizes = limits === undefined ? [] : limitReplies(limits.inForce, limits.hop, envoy);
  const mappers = [...sizes, ...(direction === 'inbound' ? [unprocessed()] : []), ...(denied ? [deniedBy()] : [])];
  return mappers.length === 0 ? {} : { localReplyConfig: { mappers } };
}

/** The application took no connection (UF): the caller's proxy may send any request to another pod. */
function unprocessed(): Init<typeof ResponseMapperSchema> {
  return {
    filter: { filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['UF'] } } },
    headersToAdd: [{ header: { key: UNPROCESSED_HEADER, value: '1' } }],
  };
}

function deniedBy(): Init<typeof ResponseMapperSchema> {
  return {
    filter: {
      filterSpecifier: {
        case: 'statusCodeFilter',
        value: { comparison: { op: 0, value: { defaultValue: 403, runtimeKey: 'topsail.denied_status' } } },
      },
    },
    headersToAdd: [{ header: { key: DENIED_BY_HEADER, value: '%RESPONSE_CODE_DETAILS%' } }],
  };
}

/** A stream that was upgraded has no end that stock Envoy could wait for. */
function upgrades(input: HttpManagerInput): Init<typeof HttpConnectionManager_UpgradeConfigSchema>[] {
  const collected = input.envoy && input.limits?.inForce.body?.buffered === true;
  return [
    { upgradeType: 'websocket', ...(collected ? { filters: [...httpFilters(input, [])] } : {}) },
    ...(input.connect === true ? [{ upgradeType: 'CONNECT' }] : []),
  ];
}

function httpFilters(input: HttpManagerInput, collecting: readonly HttpFilter[]): readonly HttpFilter[] {
  return [
    ...(input.limits === undefined ? [] : bodyLimit(input.limits.inForce, input.envoy)),
    ...(input.envoy ? (input.direction === 'outbound' ? [] : [takePeerHeaders()]) : [peerMetadata(input.direction)]),
    ...input.authorization,
    ...collecting,
    ...(input.grpcWeb === true ? [typed('envoy.filters.http.grpc_web', GrpcWebSchema, {})] : []),
    typed('envoy.filters.http.grpc_stats', GrpcStatsSchema, {
      emitFilterState: true,
      perMethodStatSpecifier: { case: 'statsForAllMethods', value: { value: false } },
    }),
    typed(FAULT_FILTER, HTTPFaultSchema, {}),
    typed(CORS_FILTER, CorsSchema, {}),
    ...(input.envoy || input.telemetry.stats === undefined ? [] : [statsFilter(input.telemetry.stats)]),
    ...(input.last ?? []),
    typed('envoy.filters.http.router', RouterSchema, { suppressEnvoyHeaders: hidesDebugHeaders(input.mesh) }),
  ];
}

/** BASE is Istio's default: policies and routes see one spelling of a path. */
function normalization(mesh: MeshSettings) {
  const mode = mesh.spec.pathNormalization?.normalization ?? 'DEFAULT';
  if (mode === 'NONE') return {};
  return {
    normalizePath: true,
    ...(mode === 'MERGE_SLASHES' || mode === 'DECODE_AND_MERGE_SLASHES' ? { mergeSlashes: true } : {}),
    pathWithEscapedSlashesAction:
      mode === 'DECODE_AND_MERGE_SLASHES' ? Escaped.UNESCAPE_AND_FORWARD : Escaped.KEEP_UNCHANGED,
  };
}
