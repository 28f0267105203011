// What a connection manager counts of its connections: the gauges that each is one of, and how each ended.

import type { Conn } from '#base';
import { HTTP, type StatBlock } from '#telemetry';
import type { HttpVersion } from '#wire/http';

/** `version`: undefined while nobody knows what it speaks. */
export function countPresent(stats: StatBlock, conn: Conn, version: HttpVersion | undefined, by: 1 | -1): void {
  stats.add(HTTP.downstream_cx_active, by);
  if (conn.tls !== undefined) stats.add(HTTP.downstream_cx_ssl_active, by);
  if (version === undefined) return;
  stats.add(version === '2' ? HTTP.downstream_cx_http2_active : HTTP.downstream_cx_http1_active, by);
}

/** Its requests are another manager's now. */
export function moveRequests(
  from: StatBlock,
  to: StatBlock,
  requests: readonly { readonly upgraded: boolean }[],
): void {
  const upgrades = requests.filter(({ upgraded }) => upgraded).length;
  from.add(HTTP.downstream_rq_active, -requests.length);
  to.add(HTTP.downstream_rq_active, requests.length);
  from.add(HTTP.downstream_cx_upgrades_active, -upgrades);
  to.add(HTTP.downstream_cx_upgrades_active, upgrades);
}

/** `busy`: requests were under way. */
export function countEnd(stats: StatBlock, { bytesRead, bytesWritten, endedByPeer }: Conn, busy: boolean): void {
  stats.add(HTTP.downstream_cx_rx_bytes_total, bytesRead);
  stats.add(HTTP.downstream_cx_tx_bytes_total, bytesWritten);
  stats.inc(HTTP.downstream_cx_destroy);
  stats.inc(endedByPeer ? HTTP.downstream_cx_destroy_remote : HTTP.downstream_cx_destroy_local);
  if (!busy) return;
  stats.inc(HTTP.downstream_cx_destroy_active_rq);
  stats.inc(endedByPeer ? HTTP.downstream_cx_destroy_remote_active_rq : HTTP.downstream_cx_destroy_local_active_rq);
}
