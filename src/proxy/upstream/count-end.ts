// What a cluster counts when one of its connections is over: who ended it, in the middle of what, and its bytes.

import type { Conn } from '#base';
import { CLUSTER, type StatBlock } from '#telemetry';

/** `busy`: a request was under way. */
export function countEnd(stats: StatBlock, conn: Conn, busy: boolean, byPeer = conn.endedByPeer): void {
  stats.inc(CLUSTER.upstream_cx_destroy);
  stats.inc(byPeer ? CLUSTER.upstream_cx_destroy_remote : CLUSTER.upstream_cx_destroy_local);
  stats.add(CLUSTER.upstream_cx_rx_bytes_total, conn.bytesRead);
  stats.add(CLUSTER.upstream_cx_tx_bytes_total, conn.bytesWritten);
  if (!busy) return;
  stats.inc(CLUSTER.upstream_cx_destroy_with_active_rq);
  stats.inc(
    byPeer ? CLUSTER.upstream_cx_destroy_remote_with_active_rq : CLUSTER.upstream_cx_destroy_local_with_active_rq,
  );
}
