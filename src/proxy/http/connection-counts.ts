// What a connection manager counts of one of its connections: the gauges that it is one of, its bytes, and how it ended.

import type { Conn } from '#base';
import { HTTP, type StatBlock } from '#telemetry';
import type { HttpVersion } from '#wire/http';
import type { CountedConn, OpenBytes } from '../open-bytes.ts';

const BYTES = { read: HTTP.downstream_cx_rx_bytes_total, written: HTTP.downstream_cx_tx_bytes_total };

export class ConnectionCounts {
  readonly #conn: Conn;
  readonly #bytes: CountedConn;
  /** Undefined while nobody knows what it speaks. */
  #version: HttpVersion | undefined = undefined;

  constructor(conn: Conn, stats: StatBlock, open: OpenBytes) {
    this.#conn = conn;
    this.#bytes = open.add(conn, stats, BYTES);
    stats.inc(HTTP.downstream_cx_total);
    if (conn.tls !== undefined) stats.inc(HTTP.downstream_cx_ssl_total);
    this.#present(1);
  }

  speaks(version: HttpVersion): void {
    this.#present(-1);
    this.#version = version;
    this.#present(1);
    this.#bytes.stats.inc(version === '2' ? HTTP.downstream_cx_http2_total : HTTP.downstream_cx_http1_total);
  }

  /** It and its requests are another manager's now. */
  move(to: StatBlock, requests: readonly { readonly upgraded: boolean }[]): void {
    const from = this.#bytes.stats;
    this.#present(-1);
    const upgrades = requests.filter(({ upgraded }) => upgraded).length;
    from.add(HTTP.downstream_rq_active, -requests.length);
    to.add(HTTP.downstream_rq_active, requests.length);
    from.add(HTTP.downstream_cx_upgrades_active, -upgrades);
    to.add(HTTP.downstream_cx_upgrades_active, upgrades);
    this.#bytes.move(to);
    this.#present(1);
  }

  /** `busy`: requests were under way. */
  end(busy: boolean, lengthMs: number): void {
    this.#present(-1);
    this.#bytes.end();
    const { stats } = this.#bytes;
    const { endedByPeer } = this.#conn;
    stats.observe(HTTP.downstream_cx_length_ms, lengthMs);
    stats.inc(HTTP.downstream_cx_destroy);
    stats.inc(endedByPeer ? HTTP.downstream_cx_destroy_remote : HTTP.downstream_cx_destroy_local);
    if (!busy) return;
    stats.inc(HTTP.downstream_cx_destroy_active_rq);
    stats.inc(endedByPeer ? HTTP.downstream_cx_destroy_remote_active_rq : HTTP.downstream_cx_destroy_local_active_rq);
  }

  #present(by: 1 | -1): void {
    const { stats } = this.#bytes;
    stats.add(HTTP.downstream_cx_active, by);
    if (this.#conn.tls !== undefined) stats.add(HTTP.downstream_cx_ssl_active, by);
    if (this.#version === undefined) return;
    stats.add(this.#version === '2' ? HTTP.downstream_cx_http2_active : HTTP.downstream_cx_http1_active, by);
  }
}
