// TCP proxying to one or several clusters (inventory §3.4, TCP order).

import { durationMs } from '#config';
import type { FilterSchema } from '#proto/envoy/config/listener/v3/listener_components_pb.ts';
import { TcpProxySchema } from '#proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { MeshSettings } from '#registry';
import type { ConnectionPool } from '../clusters/traffic-policy.ts';
import { duration, type Init, typed } from '../encode.ts';
import { accessLogs } from './access-log.ts';

export interface TcpTarget {
  readonly cluster: string;
  readonly weight: number;
}

export function tcpProxy(
  mesh: MeshSettings,
  statPrefix: string,
  targets: readonly TcpTarget[],
  pool?: ConnectionPool,
): Init<typeof FilterSchema> {
  const first = targets[0];
  const idle = durationMs(pool?.tcp?.idleTimeout);
  return typed('envoy.filters.network.tcp_proxy', TcpProxySchema, {
    statPrefix,
    clusterSpecifier:
      targets.length === 1 && first !== undefined
        ? { case: 'cluster', value: first.cluster }
        : {
            case: 'weightedClusters',
            value: { clusters: targets.map(({ cluster, weight }) => ({ name: cluster, weight })) },
          },
    accessLog: accessLogs(mesh),
    ...(idle === undefined ? {} : { idleTimeout: duration(idle) }),
  });
}
