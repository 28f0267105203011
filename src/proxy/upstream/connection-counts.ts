// What a cluster counts of one of its connections: its bytes while it lives, and at its end who ended it, in the middle of what.

import type { Conn, ConnError } from '#base';
import { CLUSTER, type StatBlock } from '#telemetry';
import type { CountedConn } from '../open-bytes.ts';
import type { Cluster } from './cluster.ts';

const BYTES = { read: CLUSTER.upstream_cx_rx_bytes_total, written: CLUSTER.upstream_cx_tx_bytes_total };

export function countBytes({ services, stats }: Cluster, conn: Conn): CountedConn {
  return services.openBytes.add(conn, stats, BYTES);
}

/** It is up. */
export function countConnected({ conn: { tls }, stats }: CountedConn): void {
  if (tls === undefined) return;
  stats.inc(CLUSTER['ssl.handshake']);
  if (tls.resumed) stats.inc(CLUSTER['ssl.session_reused']);
}

/** One of TCP is up: as in Envoy's pools it is one request, which waited for it. */
export function countTcpConnected(counted: CountedConn): void {
  const { stats } = counted;
  countConnected(counted);
  stats.dec(CLUSTER.upstream_rq_pending_active);
  stats.inc(CLUSTER.upstream_rq_active);
  stats.inc(CLUSTER.upstream_rq_total);
}

/** It never came up. `waited`: requests that fail with it. */
export function countFailure(stats: StatBlock, error: ConnError | undefined, waited: number): void {
  stats.inc(CLUSTER.upstream_cx_connect_fail);
  stats.add(CLUSTER.upstream_rq_pending_failure_eject, waited);
  if (error?.kind === 'timeout') stats.inc(CLUSTER.upstream_cx_connect_timeout);
  if (error?.kind === 'tls') stats.inc(CLUSTER['ssl.connection_error']);
}

/** `busy`: a request was under way. */
export function countEnd(counted: CountedConn, busy: boolean, byPeer = counted.conn.endedByPeer): void {
  counted.end();
  const { stats } = counted;
  stats.inc(CLUSTER.upstream_cx_destroy);
  stats.inc(byPeer ? CLUSTER.upstream_cx_destroy_remote : CLUSTER.upstream_cx_destroy_local);
  if (!busy) return;
  stats.inc(CLUSTER.upstream_cx_destroy_with_active_rq);
  stats.inc(
    byPeer ? CLUSTER.upstream_cx_destroy_remote_with_active_rq : CLUSTER.upstream_cx_destroy_local_with_active_rq,
  );
}
