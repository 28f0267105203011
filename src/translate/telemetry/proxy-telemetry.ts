// What a proxy's listeners carry for telemetry, by side: client (outbound, gateways) and server (inbound).

import type { ObjectRef } from '#base';
import { refOf } from '#config';
import type { AccessLog } from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { FilterSchema } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import type { HttpConnectionManager_TracingSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { PluginConfigSchema } from '#proto/istio/stats/config_pb.ts';
import { mergeTelemetry, type SideTelemetry, type Telemetry } from '#registry';
import type { TranslationCache } from '../cache.ts';
import { type Init, typed } from '../encode.ts';
import { agentAccessLog } from '../filters/envoy-peers.ts';
import { accessLogs } from './access-logs.ts';
import { type ProviderPlaces, sinkOf } from './providers.ts';
import { statsConfig } from './stats-filter.ts';
import { tracing } from './tracing.ts';

/** Istio's own interval (tcp_reporting_duration of stats.PluginConfig). */
const TCP_REPORT_MS = 5_000;

export interface TelemetryOfSide {
  readonly httpLogs: readonly AccessLog[];
  readonly tcpLogs: readonly AccessLog[];
  /** Only for connections that found no filter chain, which no other log sees. */
  readonly listenerLogs: readonly AccessLog[];
  readonly tracing: Init<typeof HttpConnectionManager_TracingSchema> | undefined;
  /** x-request-id carries the decision to trace. */
  readonly useRequestId: boolean;
  /** Changes to Istio's metrics. */
  readonly stats: Init<typeof PluginConfigSchema> | undefined;
  /** How a stock Envoy tells its agent of TCP connections, and how often while they live; undefined for our proxy, which counts itself. */
  readonly tcpReports: { readonly log: AccessLog; readonly everyMs: number } | undefined;
  /** In front of TCP proxies: stock Envoy has no filter for these metrics, its agent counts. */
  readonly networkFilters: readonly Init<typeof FilterSchema>[];
}

export interface ProxyTelemetry {
  readonly client: TelemetryOfSide;
  readonly server: TelemetryOfSide;
  readonly origins: readonly ObjectRef[];
}

/** The same object for equal inputs: it stands in cache keys. */
export function proxyTelemetry(
  objects: readonly Telemetry[],
  places: ProviderPlaces,
  serviceName: string,
  envoy: boolean,
  cache: TranslationCache,
): ProxyTelemetry {
  const { mesh } = places;
  const merged = cache.value(['merged-telemetry', mesh, objects], () => mergeTelemetry(objects, mesh));
  const sinks = [...providersOf(merged.client), ...providersOf(merged.server)].map(
    (provider) => sinkOf(provider, places)?.cluster ?? '',
  );
  return cache.value(['telemetry', merged, sinks.join(' '), serviceName, envoy], () =>
    Object.freeze({
      client: sideOf(merged.client, 'source', places, serviceName, envoy),
      server: sideOf(merged.server, 'destination', places, serviceName, envoy),
      origins: objects.map((object) => refOf(object)),
    }),
  );
}

/** Does a stock Envoy have to be told its own name, so that workloads cannot share listeners? */
export function namesItself(objects: readonly Telemetry[], { mesh }: Pick<ProviderPlaces, 'mesh'>): boolean {
  const { client, server } = mergeTelemetry(objects, mesh);
  return [client, server].some(({ tracing: inForce }) => inForce?.provider?.opentelemetry !== undefined);
}

function providersOf({ logs, tracing: inForce }: SideTelemetry) {
  return [...(logs ?? []).map(({ provider }) => provider), inForce?.provider].filter((one) => one !== undefined);
}

function sideOf(
  side: SideTelemetry,
  reporter: 'source' | 'destination',
  places: ProviderPlaces,
  serviceName: string,
  envoy: boolean,
): TelemetryOfSide {
  const stats = statsConfig(side);
  return Object.freeze<TelemetryOfSide>({
    httpLogs: accessLogs(side.logs, places, 'http'),
    tcpLogs: accessLogs(side.logs, places, 'tcp'),
    listenerLogs: accessLogs(side.logs, places, 'listener'),
    tracing: tracing(side.tracing, places, serviceName),
    useRequestId: side.tracing?.useRequestId ?? true,
    stats,
    tcpReports: envoy
      ? { log: agentAccessLog(reporter, 'tcp', stats), everyMs: side.reportingMs ?? TCP_REPORT_MS }
      : undefined,
    networkFilters: envoy || stats === undefined ? [] : [typed('istio.stats', PluginConfigSchema, stats)],
  });
}
