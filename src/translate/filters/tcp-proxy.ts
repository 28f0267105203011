// TCP proxying to one or several clusters, behind what its metrics need (inventory §3.4, TCP order).

import { create } from '@bufbuild/protobuf';
import { durationMs } from '#config';
import {
  type AccessLog,
  AccessLogFilterSchema,
  AccessLogSchema,
} from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import { AccessLogType } from '#proto/envoy/data/accesslog/v3/accesslog_pb.ts';
import type { FilterSchema } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { TcpProxySchema } from '#proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { EffectivePolicy, Tunnel } from '../clusters/traffic-policy.ts';
import { duration, type Init, typed } from '../encode.ts';
import { BLACK_HOLE } from '../names.ts';
import type { Target } from '../routes/http-route.ts';
import type { TelemetryOfSide } from '../telemetry/proxy-telemetry.ts';

export interface TcpTarget {
  readonly cluster: string;
  readonly weight: number;
  /** Of the service and subset. */
  readonly policy?: EffectivePolicy;
  readonly tunnel?: Tunnel | undefined;
}

export function tcpTarget({ cluster, policy, tunnel }: Target, weight = 1): TcpTarget {
  return { cluster, weight, tunnel, ...(policy === undefined ? {} : { policy }) };
}

/** A connection is tunnelled before its endpoint is chosen: destinations of which not all want the same tunnel get nothing. */
function withOneTunnel(targets: readonly TcpTarget[]): readonly TcpTarget[] {
  const wanted = new Set(
    targets.map(({ tunnel }) => (tunnel === undefined ? '' : `${tunnel.protocol ?? 'CONNECT'} ${hostnameOf(tunnel)}`)),
  );
  return wanted.size > 1 ? [{ cluster: BLACK_HOLE, weight: 1 }] : targets;
}

function hostnameOf({ targetHost, targetPort }: Tunnel): string {
  return `${targetHost.includes(':') ? `[${targetHost}]` : targetHost}:${targetPort}`;
}

function tunneling(tunnel: Tunnel | undefined): Pick<Init<typeof TcpProxySchema>, 'tunnelingConfig'> {
  if (tunnel === undefined) return {};
  return { tunnelingConfig: { hostname: hostnameOf(tunnel), usePost: tunnel.protocol === 'POST' } };
}

function accessLogs({
  tcpLogs,
  tcpReports,
}: TelemetryOfSide): Pick<Init<typeof TcpProxySchema>, 'accessLog' | 'accessLogOptions'> {
  if (tcpReports === undefined) return { accessLog: [...tcpLogs] };
  return {
    accessLog: [...tcpLogs.map(atTheEnd), tcpReports.log],
    accessLogOptions: { accessLogFlushInterval: duration(tcpReports.everyMs), flushAccessLogOnConnected: true },
  };
}

/** What is written of living connections is for the agent only. */
function atTheEnd(log: AccessLog): AccessLog {
  const once: Init<typeof AccessLogFilterSchema> = {
    filterSpecifier: {
      case: 'logTypeFilter',
      value: { types: [AccessLogType.TcpUpstreamConnected, AccessLogType.TcpPeriodic], exclude: true },
    },
  };
  const filter: Init<typeof AccessLogFilterSchema> =
    log.filter === undefined
      ? once
      : { filterSpecifier: { case: 'andFilter', value: { filters: [log.filter, once] } } };
  return create(AccessLogSchema, { ...log, filter: create(AccessLogFilterSchema, filter) });
}

export function tcpProxy(
  telemetry: TelemetryOfSide,
  statPrefix: string,
  wanted: readonly TcpTarget[],
): readonly Init<typeof FilterSchema>[] {
  const targets = withOneTunnel(wanted);
  const first = targets[0];
  // Of several the first one's, as in Istio: the connection is limited before its endpoint is chosen.
  const policy = first?.policy;
  const tcp = policy?.connectionPool?.tcp;
  const idle = durationMs(tcp?.idleTimeout);
  const life = durationMs(tcp?.maxConnectionDuration);
  const proxy = typed('envoy.filters.network.tcp_proxy', TcpProxySchema, {
    statPrefix,
    clusterSpecifier:
      targets.length === 1 && first !== undefined
        ? { case: 'cluster', value: first.cluster }
        : {
            case: 'weightedClusters',
            value: { clusters: targets.map(({ cluster, weight }) => ({ name: cluster, weight })) },
          },
    ...tunneling(first?.tunnel),
    ...accessLogs(telemetry),
    ...(idle === undefined ? {} : { idleTimeout: duration(idle) }),
    ...(life === undefined ? {} : { maxDownstreamConnectionDuration: duration(life) }),
    // Of a connection nothing else is known.
    ...(policy?.loadBalancer?.consistentHash?.useSourceIp === true
      ? { hashPolicy: [{ policySpecifier: { case: 'sourceIp', value: {} } }] }
      : {}),
  });
  return [...telemetry.networkFilters, proxy];
}
