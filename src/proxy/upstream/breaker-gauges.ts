// What circuit breakers are at, as Envoy's gauges say it: open where a limit is reached, and on request what is left.

import { CLUSTER, type StatBlock } from '#telemetry';
import type { Breaker, BreakerCount, ClusterBreakers } from '../cluster/breaker.ts';

const LIMITS: readonly (readonly [what: BreakerCount, limit: (breaker: Breaker) => number])[] = [
  ['connections', (breaker) => breaker.maxConnections],
  ['pending', (breaker) => breaker.maxPending],
  ['requests', (breaker) => breaker.maxRequests],
  ['retries', (breaker) => breaker.retryLimit],
];
const OPEN = {
  default: {
    connections: CLUSTER['circuit_breakers.default.cx_open'],
    pending: CLUSTER['circuit_breakers.default.rq_pending_open'],
    requests: CLUSTER['circuit_breakers.default.rq_open'],
    retries: CLUSTER['circuit_breakers.default.rq_retry_open'],
  },
  high: {
    connections: CLUSTER['circuit_breakers.high.cx_open'],
    pending: CLUSTER['circuit_breakers.high.rq_pending_open'],
    requests: CLUSTER['circuit_breakers.high.rq_open'],
    retries: CLUSTER['circuit_breakers.high.rq_retry_open'],
  },
} as const;
const REMAINING: Readonly<Record<BreakerCount, number>> = {
  connections: CLUSTER['circuit_breakers.default.remaining_cx'],
  pending: CLUSTER['circuit_breakers.default.remaining_pending'],
  requests: CLUSTER['circuit_breakers.default.remaining_rq'],
  retries: CLUSTER['circuit_breakers.default.remaining_retries'],
};

export function showBreakers(stats: StatBlock, breakers: ClusterBreakers): void {
  for (const priority of ['default', 'high'] as const) {
    const breaker = breakers.of(priority);
    for (const [what, limitOf] of LIMITS) {
      const left = limitOf(breaker) - breaker.used(what);
      stats.set(OPEN[priority][what], left > 0 ? 0 : 1);
      if (breaker.tracksRemaining && priority === 'default') stats.set(REMAINING[what], Math.max(0, left));
    }
  }
}
