// The traffic policy in force for one port and subset: port over subset over host, each block apart (inventory §1.2).

import type { LocalityLb } from '#config';
import type { MergedRule, Subset, TrafficPolicy } from '#registry';

export type ConnectionPool = NonNullable<TrafficPolicy['connectionPool']>;
export type OutlierDetection = NonNullable<TrafficPolicy['outlierDetection']>;
export type LoadBalancer = NonNullable<TrafficPolicy['loadBalancer']>;
export type Tunnel = NonNullable<TrafficPolicy['tunnel']>;
export type ClientTls = NonNullable<TrafficPolicy['tls']>;

export interface EffectivePolicy {
  readonly connectionPool: ConnectionPool | undefined;
  readonly outlierDetection: OutlierDetection | undefined;
  readonly loadBalancer: LoadBalancer | undefined;
  readonly tls: ClientTls | undefined;
  readonly proxyProtocol: TrafficPolicy['proxyProtocol'];
  readonly retryBudget: TrafficPolicy['retryBudget'];
}

const NOTHING: EffectivePolicy = {
  connectionPool: undefined,
  outlierDetection: undefined,
  loadBalancer: undefined,
  tls: undefined,
  proxyProtocol: undefined,
  retryBudget: undefined,
};

export function effectivePolicy(
  host: TrafficPolicy | undefined,
  subset: TrafficPolicy | undefined,
  port: number,
): EffectivePolicy {
  const outer = forPort(host, port);
  const inner = forPort(subset, port);
  return {
    connectionPool: inner.connectionPool ?? outer.connectionPool,
    outlierDetection: inner.outlierDetection ?? outer.outlierDetection,
    loadBalancer: inner.loadBalancer ?? outer.loadBalancer,
    tls: inner.tls ?? outer.tls,
    proxyProtocol: inner.proxyProtocol ?? outer.proxyProtocol,
    retryBudget: inner.retryBudget ?? outer.retryBudget,
  };
}

/** A port's settings replace the four blocks as a whole: what they leave out goes to defaults, not to the host's. */
function forPort(policy: TrafficPolicy | undefined, port: number): EffectivePolicy {
  if (policy === undefined) return NOTHING;
  const own = policy.portLevelSettings?.find((settings) => settings.port?.number === port);
  const blocks = own ?? policy;
  return {
    connectionPool: blocks.connectionPool,
    outlierDetection: blocks.outlierDetection,
    loadBalancer: blocks.loadBalancer,
    tls: blocks.tls,
    proxyProtocol: policy.proxyProtocol,
    retryBudget: policy.retryBudget,
  };
}

/** What a failover that was asked for looks at where no outlier detection says: endpoints that can't be reached or answer as gateways do. */
const FAILOVER_HEALTH: OutlierDetection = { consecutiveGatewayErrors: 5, consecutive5xxErrors: 0 };

/** Whoever names where traffic fails over to means that it does, whether or not outlierDetection stands beside it. */
export function withFailoverHealth(policy: EffectivePolicy, ofMesh: LocalityLb | undefined): EffectivePolicy {
  const setting = policy.loadBalancer?.localityLbSetting ?? ofMesh;
  const named = [...(setting?.failover ?? []), ...(setting?.failoverPriority ?? [])].length > 0;
  if (policy.outlierDetection !== undefined || !named || setting?.enabled === false) return policy;
  return { ...policy, outlierDetection: FAILOVER_HEALTH };
}

export function policyOf(rule: MergedRule | undefined, subset: Subset | undefined, port: number): EffectivePolicy {
  return effectivePolicy(rule?.trafficPolicy, subset?.trafficPolicy, port);
}
