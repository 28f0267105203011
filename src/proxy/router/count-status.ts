// Counts an upstream's response by its code and by its class.

import { CLUSTER } from '#telemetry';
import type { Cluster } from '../upstream/cluster.ts';

const CLASSES: readonly number[] = [
  0,
  CLUSTER.upstream_rq_1xx,
  CLUSTER.upstream_rq_2xx,
  CLUSTER.upstream_rq_3xx,
  CLUSTER.upstream_rq_4xx,
  CLUSTER.upstream_rq_5xx,
];

export function countStatus(cluster: Cluster, status: number): void {
  if (status < 100 || status > 599) return;
  cluster.stats.inc(CLASSES[(status / 100) | 0] as number);
  cluster.stats.countCode(status);
}
