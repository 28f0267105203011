// Settings of outlier detection with Envoy's defaults filled in (outlier_detection.proto).

import type { OutlierDetection } from '#proto/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { millisOf } from '../matcher/fraction.ts';

export interface OutlierSettings {
  readonly consecutive5xx: number;
  readonly consecutiveGateway: number;
  readonly consecutiveLocal: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxJitterMs: number;
  readonly maxEjectionPercent: number;
  readonly alwaysEjectOne: boolean;
  readonly splitLocalOrigin: boolean;
  readonly unejectOnHealthCheck: boolean;
  /** Chance in [0, 100] that a finding leads to an ejection. */
  readonly enforce: Readonly<Record<EjectionCause, number>>;
  readonly successRateHosts: number;
  readonly successRateVolume: number;
  readonly successRateFactor: number;
  readonly failurePercentageThreshold: number;
  readonly failurePercentageHosts: number;
  readonly failurePercentageVolume: number;
}

export type EjectionCause =
  | 'consecutive-5xx'
  | 'consecutive-gateway-failure'
  | 'consecutive-local-origin-failure'
  | 'success-rate'
  | 'success-rate-local-origin'
  | 'failure-percentage'
  | 'failure-percentage-local-origin';

export function readOutlierSettings(config: OutlierDetection): OutlierSettings {
  const baseEjectionMs = millisOf(config.baseEjectionTime) ?? 30_000;
  return {
    consecutive5xx: config.consecutive5xx ?? 5,
    consecutiveGateway: config.consecutiveGatewayFailure ?? 5,
    consecutiveLocal: config.consecutiveLocalOriginFailure ?? 5,
    intervalMs: Math.max(1, millisOf(config.interval) ?? 10_000),
    baseEjectionMs,
    maxEjectionMs: Math.max(baseEjectionMs, millisOf(config.maxEjectionTime) ?? 300_000),
    maxJitterMs: millisOf(config.maxEjectionTimeJitter) ?? 0,
    maxEjectionPercent: Math.min(100, config.maxEjectionPercent ?? 10),
    alwaysEjectOne: config.alwaysEjectOneHost ?? false,
    splitLocalOrigin: config.splitExternalLocalOriginErrors,
    unejectOnHealthCheck: config.successfulActiveHealthCheckUnejectHost ?? true,
    enforce: {
      'consecutive-5xx': config.enforcingConsecutive5xx ?? 100,
      'consecutive-gateway-failure': config.enforcingConsecutiveGatewayFailure ?? 0,
      'consecutive-local-origin-failure': config.enforcingConsecutiveLocalOriginFailure ?? 100,
      'success-rate': config.enforcingSuccessRate ?? 100,
      'success-rate-local-origin': config.enforcingLocalOriginSuccessRate ?? 100,
      'failure-percentage': config.enforcingFailurePercentage ?? 0,
      'failure-percentage-local-origin': config.enforcingFailurePercentageLocalOrigin ?? 0,
    },
    successRateHosts: config.successRateMinimumHosts ?? 5,
    successRateVolume: config.successRateRequestVolume ?? 100,
    successRateFactor: (config.successRateStdevFactor ?? 1900) / 1000,
    failurePercentageThreshold: config.failurePercentageThreshold ?? 85,
    failurePercentageHosts: config.failurePercentageMinimumHosts ?? 5,
    failurePercentageVolume: config.failurePercentageRequestVolume ?? 50,
  };
}
