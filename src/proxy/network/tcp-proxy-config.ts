// What a TCP proxy is configured to do.

import type { StreamSink } from '../http/manager-config.ts';
import type { TunnelSettings } from './http-tunnel.ts';

export interface TcpProxyConfig {
  readonly statPrefix: string;
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  readonly totalWeight: number;
  /** 0 = none. */
  readonly idleMs: number;
  readonly connectAttempts: number;
  /** How long a connection may last, 0 = as its ends want. */
  readonly lifeMs: number;
  /** Connections of one client go to one endpoint, where its cluster balances by hash. */
  readonly hashSource: boolean;
  /** The endpoints are HTTP proxies, which are asked for another place. */
  readonly tunnel: TunnelSettings | undefined;
  readonly sinks: readonly StreamSink[];
}
