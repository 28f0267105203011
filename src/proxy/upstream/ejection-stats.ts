// What outlier detection finds and does, in Envoy's counters.

import { CLUSTER, type StatBlock } from '#telemetry';
import type { EjectionCause, EjectionListener } from '../cluster/index.ts';

const SLOTS: Readonly<Record<EjectionCause, readonly [detected: number, enforced: number]>> = {
  'consecutive-5xx': [
    CLUSTER['outlier_detection.ejections_detected_consecutive_5xx'],
    CLUSTER['outlier_detection.ejections_enforced_consecutive_5xx'],
  ],
  'consecutive-gateway-failure': [
    CLUSTER['outlier_detection.ejections_detected_consecutive_gateway_failure'],
    CLUSTER['outlier_detection.ejections_enforced_consecutive_gateway_failure'],
  ],
  'consecutive-local-origin-failure': [
    CLUSTER['outlier_detection.ejections_detected_consecutive_local_origin_failure'],
    CLUSTER['outlier_detection.ejections_enforced_consecutive_local_origin_failure'],
  ],
  'success-rate': [
    CLUSTER['outlier_detection.ejections_detected_success_rate'],
    CLUSTER['outlier_detection.ejections_enforced_success_rate'],
  ],
  'success-rate-local-origin': [
    CLUSTER['outlier_detection.ejections_detected_local_origin_success_rate'],
    CLUSTER['outlier_detection.ejections_enforced_local_origin_success_rate'],
  ],
  'failure-percentage': [
    CLUSTER['outlier_detection.ejections_detected_failure_percentage'],
    CLUSTER['outlier_detection.ejections_enforced_failure_percentage'],
  ],
  'failure-percentage-local-origin': [
    CLUSTER['outlier_detection.ejections_detected_local_origin_failure_percentage'],
    CLUSTER['outlier_detection.ejections_enforced_local_origin_failure_percentage'],
  ],
};

export function ejectionStats(stats: StatBlock): EjectionListener {
  return {
    detected: (cause) => stats.inc(SLOTS[cause][0]),
    overflow: () => stats.inc(CLUSTER['outlier_detection.ejections_overflow']),
    ejected: (_, cause) => {
      stats.inc(SLOTS[cause][1]);
      stats.inc(CLUSTER['outlier_detection.ejections_enforced_total']);
    },
  };
}
