// TCP proxying to one or several clusters, behind what its metrics need (inventory §3.4, TCP order).

import { durationMs } from '#config';
import type { FilterSchema } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { TcpProxySchema } from '#proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { ConnectionPool } from '../clusters/traffic-policy.ts';
import { duration, type Init, typed } from '../encode.ts';
import type { TelemetryOfSide } from '../telemetry/proxy-telemetry.ts';

export interface TcpTarget {
  readonly cluster: string;
  readonly weight: number;
}

export function tcpProxy(
  telemetry: TelemetryOfSide,
  statPrefix: string,
  targets: readonly TcpTarget[],
  pool?: ConnectionPool,
): readonly Init<typeof FilterSchema>[] {
  const first = targets[0];
  const idle = durationMs(pool?.tcp?.idleTimeout);
  const proxy = typed('envoy.filters.network.tcp_proxy', TcpProxySchema, {
    statPrefix,
    clusterSpecifier:
      targets.length === 1 && first !== undefined
        ? { case: 'cluster', value: first.cluster }
        : {
            case: 'weightedClusters',
            value: { clusters: targets.map(({ cluster, weight }) => ({ name: cluster, weight })) },
          },
    accessLog: [...telemetry.tcpLogs],
    ...(idle === undefined ? {} : { idleTimeout: duration(idle) }),
  });
  return [...telemetry.networkFilters, proxy];
}
