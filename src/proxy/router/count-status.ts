// Counts an upstream's responses by code and by class: those that clients get, and apart from them those that were tried again (Envoy's chargeResponseStat and its prefix "retry").

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
/** No 1xx is tried again. */
const RETRIED_CLASSES: readonly number[] = [
  CLUSTER['retry.upstream_rq_2xx'],
  CLUSTER['retry.upstream_rq_3xx'],
  CLUSTER['retry.upstream_rq_4xx'],
  CLUSTER['retry.upstream_rq_5xx'],
];
/** Place of "retry.upstream_rq" among the schema's families of codes. */
const RETRIED = 1;

/** A response that begins to go to the client, or the proxy's own for this cluster. */
export function countStatus({ stats }: Cluster, status: number): void {
  stats.inc(CLUSTER.upstream_rq_completed);
  if (status < 100 || status > 599) return;
  stats.inc(CLASSES[(status / 100) | 0] as number);
  stats.countCode(status);
}

/** A response that another attempt replaces. */
export function countRetried({ stats }: Cluster, status: number): void {
  stats.inc(CLUSTER['retry.upstream_rq_completed']);
  if (status < 200 || status > 599) return;
  stats.inc(RETRIED_CLASSES[((status / 100) | 0) - 2] as number);
  stats.countCode(status, RETRIED);
}
