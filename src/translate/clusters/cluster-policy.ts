// Connection pool, circuit breakers, outlier detection and balancing of a cluster, from a DestinationRule (inventory §1.2, §3.7).

import { BALANCER_ANNOTATION, durationMs } from '#config';
import { Cluster_LbPolicy, type ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { OutlierDetectionSchema } from '#proto/envoy/config/cluster/v3/outlier_detection_pb.ts';
import type { CircuitBreakersSchema } from '#proto/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import type { MatchPredicateSchema } from '#proto/envoy/config/common/matcher/v3/matcher_pb.ts';
import { HttpProtocolOptionsSchema } from '#proto/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import type { HeadLimits, MeshSettings } from '#registry';
import { any, duration, type Init } from '../encode.ts';
import { responseHeadOptions } from '../filters/message-limits.ts';
import type { ConnectionPool, EffectivePolicy, LoadBalancer, OutlierDetection } from './traffic-policy.ts';

type ClusterInit = Init<typeof ClusterSchema>;

const UNLIMITED = 4_294_967_295;
/**
 * Share of active requests that may be retries, and how many always may (design 10; user-pains 29). A pod that goes fails
 * all its requests at once: each of them has to find another one, so the second is what a pod may have at a time.
 */
const RETRY_BUDGET = { percent: 20, minConcurrency: 100 };
const ISTIO_MIN_RETRY_CONCURRENCY = 3;

export type UpstreamProtocol = 'http1' | 'http2' | 'downstream' | 'tcp';

export function circuitBreakers(policy: EffectivePolicy): Init<typeof CircuitBreakersSchema> {
  const { tcp, http } = policy.connectionPool ?? {};
  const limited = http?.maxRetries !== undefined && http.maxRetries > 0;
  const budget = policy.retryBudget;
  return {
    thresholds: [
      {
        maxConnections: orUnlimited(tcp?.maxConnections),
        maxPendingRequests: orUnlimited(http?.http1MaxPendingRequests),
        maxRequests: orUnlimited(http?.http2MaxRequests),
        maxRetries: orUnlimited(http?.maxRetries),
        trackRemaining: true,
        ...(limited && budget === undefined
          ? {}
          : {
              retryBudget: {
                budgetPercent: { value: budget?.percent ?? RETRY_BUDGET.percent },
                minRetryConcurrency:
                  budget === undefined
                    ? RETRY_BUDGET.minConcurrency
                    : (budget.minRetryConcurrency ?? ISTIO_MIN_RETRY_CONCURRENCY),
              },
            }),
      },
    ],
  };
}

function orUnlimited(value: number | undefined): number {
  return value === undefined || value === 0 ? UNLIMITED : value;
}

/** `consecutiveErrors` is what Istio had before 1.7: gateway errors only, 5xx ejection off. */
export function outlierDetection(
  outlier: OutlierDetection | undefined,
): Pick<ClusterInit, 'outlierDetection' | 'commonLbConfig'> {
  if (outlier === undefined) return {};
  const legacy =
    outlier.consecutiveErrors !== undefined &&
    outlier.consecutive5xxErrors === undefined &&
    outlier.consecutiveGatewayErrors === undefined;
  const gateway = legacy ? outlier.consecutiveErrors : outlier.consecutiveGatewayErrors;
  const fivexx = legacy ? 0 : outlier.consecutive5xxErrors;
  const value: Init<typeof OutlierDetectionSchema> = {
    enforcingSuccessRate: 0,
    alwaysEjectOneHost: true,
    ...(fivexx === undefined
      ? {}
      : fivexx > 0
        ? { consecutive5xx: fivexx, enforcingConsecutive5xx: 100 }
        : { enforcingConsecutive5xx: 0 }),
    ...(gateway === undefined
      ? {}
      : gateway > 0
        ? { consecutiveGatewayFailure: gateway, enforcingConsecutiveGatewayFailure: 100 }
        : { enforcingConsecutiveGatewayFailure: 0 }),
    ...(outlier.interval === undefined ? {} : { interval: duration(durationMs(outlier.interval, 10_000)) }),
    ...(outlier.baseEjectionTime === undefined
      ? {}
      : { baseEjectionTime: duration(durationMs(outlier.baseEjectionTime, 30_000)) }),
    ...(outlier.maxEjectionPercent === undefined || outlier.maxEjectionPercent === 0
      ? {}
      : { maxEjectionPercent: outlier.maxEjectionPercent }),
    ...(outlier.splitExternalLocalOriginErrors === true
      ? {
          splitExternalLocalOriginErrors: true,
          enforcingLocalOriginSuccessRate: 0,
          ...(outlier.consecutiveLocalOriginFailures === undefined
            ? {}
            : {
                consecutiveLocalOriginFailure: outlier.consecutiveLocalOriginFailures,
                enforcingConsecutiveLocalOriginFailure: 100,
              }),
        }
      : {}),
  };
  return {
    outlierDetection: value,
    commonLbConfig: { healthyPanicThreshold: { value: outlier.minHealthPercent ?? 0 } },
  };
}

/** Metadata by which a cluster asks our proxy for a policy that Envoy has not. */
export function ownBalancing(
  balancer: LoadBalancer | undefined,
  mesh: MeshSettings,
): Readonly<Record<string, { policy: string }>> {
  if (mesh.origin?.metadata.annotations[BALANCER_ANNOTATION] !== 'PEAK_EWMA') return {};
  const { simple, consistentHash } = balancer ?? {};
  if (consistentHash !== undefined || (simple !== undefined && simple !== 'UNSPECIFIED')) return {};
  return warmup(balancer) === undefined ? { 'topsail.lb': { policy: 'PEAK_EWMA' } } : {};
}

export function loadBalancing(balancer: LoadBalancer | undefined): Pick<ClusterInit, 'lbPolicy' | 'lbConfig'> {
  const hash = balancer?.consistentHash;
  if (hash !== undefined) {
    if (hash.maglev !== undefined) {
      return {
        lbPolicy: Cluster_LbPolicy.MAGLEV,
        lbConfig: { case: 'maglevLbConfig', value: { tableSize: BigInt(hash.maglev.tableSize ?? 65_537) } },
      };
    }
    const size = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? 1024;
    return {
      lbPolicy: Cluster_LbPolicy.RING_HASH,
      lbConfig: { case: 'ringHashLbConfig', value: { minimumRingSize: BigInt(size === 0 ? 1024 : size) } },
    };
  }
  const warm = warmup(balancer);
  switch (balancer?.simple) {
    case 'RANDOM':
      return { lbPolicy: Cluster_LbPolicy.RANDOM };
    case 'ROUND_ROBIN':
      return {
        lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
        ...(warm === undefined ? {} : { lbConfig: { case: 'roundRobinLbConfig', value: { slowStartConfig: warm } } }),
      };
    default:
      return {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        ...(warm === undefined ? {} : { lbConfig: { case: 'leastRequestLbConfig', value: { slowStartConfig: warm } } }),
      };
  }
}

function warmup(balancer: LoadBalancer | undefined) {
  const text = balancer?.warmup?.duration ?? balancer?.warmupDurationSecs;
  const ms = durationMs(text);
  if (ms === undefined) return undefined;
  return {
    slowStartWindow: duration(ms),
    aggression: { defaultValue: balancer?.warmup?.aggression ?? 1, runtimeKey: '' },
    minWeightPercent: { value: balancer?.warmup?.minimumPercent ?? 10 },
  };
}

const ANY_HEAD: HeadLimits = { maxKiB: undefined, maxCount: undefined };

/** Undefined when Envoy's defaults (HTTP/1.1, no limits) are what is wanted. */
export function protocolOptions(
  protocol: UpstreamProtocol,
  pool: ConnectionPool | undefined,
  h2Upgrade: boolean,
  answers: HeadLimits = ANY_HEAD,
  errorCodes: readonly number[] = [],
): ClusterInit['typedExtensionProtocolOptions'] | undefined {
  if (protocol === 'tcp') return undefined;
  const http = pool?.http;
  const upgrade = http?.h2UpgradePolicy === 'UPGRADE' || (h2Upgrade && http?.h2UpgradePolicy !== 'DO_NOT_UPGRADE');
  const kind =
    http?.useClientProtocol === true || protocol === 'downstream'
      ? 'downstream'
      : protocol === 'http2' || upgrade
        ? 'http2'
        : 'http1';
  const idle = durationMs(http?.idleTimeout ?? pool?.tcp?.idleTimeout);
  const common = {
    ...responseHeadOptions(answers),
    ...(idle === undefined ? {} : { idleTimeout: duration(idle) }),
    ...(http?.maxRequestsPerConnection === undefined || http.maxRequestsPerConnection === 0
      ? {}
      : { maxRequestsPerConnection: http.maxRequestsPerConnection }),
    ...(pool?.tcp?.maxConnectionDuration === undefined
      ? {}
      : { maxConnectionDuration: duration(durationMs(pool.tcp.maxConnectionDuration, 0)) }),
  };
  const http2 = {
    ...(http?.maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams: http.maxConcurrentStreams }),
    ...(http?.http2KeepAlive === undefined
      ? {}
      : {
          connectionKeepalive: {
            interval: duration(durationMs(http.http2KeepAlive.interval, 0)),
            timeout: duration(durationMs(http.http2KeepAlive.timeout, 0)),
          },
        }),
  };
  const hasCommon = Object.keys(common).length > 0;
  if (kind === 'http1' && !hasCommon && errorCodes.length === 0) return undefined;
  return {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(HttpProtocolOptionsSchema, {
      ...(hasCommon ? { commonHttpProtocolOptions: common } : {}),
      ...(errorCodes.length === 0 ? {} : { outlierDetection: { errorMatcher: anyStatusOf(errorCodes) } }),
      upstreamProtocolOptions:
        kind === 'downstream'
          ? { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: http2 } }
          : {
              case: 'explicitHttpConfig',
              value: {
                protocolConfig:
                  kind === 'http2'
                    ? { case: 'http2ProtocolOptions', value: http2 }
                    : { case: 'httpProtocolOptions', value: {} },
              },
            },
    }),
  };
}

/** Envoy takes an alternative of two at least. */
function anyStatusOf(codes: readonly number[]): Init<typeof MatchPredicateSchema> {
  const rules = [...new Set(codes)].map((code): Init<typeof MatchPredicateSchema> => {
    const exact = { matchPattern: { case: 'exact' as const, value: String(code) } };
    const header = { name: ':status', headerMatchSpecifier: { case: 'stringMatch' as const, value: exact } };
    return { rule: { case: 'httpResponseHeadersMatch', value: { headers: [header] } } };
  });
  const only = rules[0];
  return rules.length === 1 && only !== undefined ? only : { rule: { case: 'orMatch', value: { rules } } };
}

export function tcpKeepalive(pool: ConnectionPool | undefined): Pick<ClusterInit, 'upstreamConnectionOptions'> {
  const alive = pool?.tcp?.tcpKeepalive;
  if (alive === undefined) return {};
  const seconds = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Math.max(1, Math.round(durationMs(text, 0) / 1000));
  const time = seconds(alive.time);
  const interval = seconds(alive.interval);
  return {
    upstreamConnectionOptions: {
      tcpKeepalive: {
        ...(alive.probes === undefined ? {} : { keepaliveProbes: alive.probes }),
        ...(time === undefined ? {} : { keepaliveTime: time }),
        ...(interval === undefined ? {} : { keepaliveInterval: interval }),
      },
    },
  };
}
