// TLS connections to endpoints that are up, so that those to a server which is no longer trusted can be cut (design 4).

import type { Conn, TlsFacts } from '#base';
import type { ProxyServices } from '../services.ts';

/** Connections judged in one turn of the loop: a first look at a peer costs up to 0.2 ms. */
const JUDGED_PER_TURN = 16;
const GRACE_MS = 2000;
/** Closed ones are swept out when so many were added. */
const SWEEP_MIN = 64;

export class StandingConnections {
  readonly #conns = new Set<Conn>();
  #sweepAt = SWEEP_MIN;

  get isEmpty(): boolean {
    this.#sweep();
    return this.#conns.size === 0;
  }

  add(conn: Conn): Conn {
    this.#conns.add(conn);
    if (this.#conns.size >= this.#sweepAt) {
      this.#sweep();
      this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#conns.size);
    }
    return conn;
  }

  judge(faultOf: (facts: TlsFacts) => string | undefined, services: Pick<ProxyServices, 'clock' | 'log'>): void {
    this.#sweep();
    const judgeFrom = (conns: readonly Conn[]): void => {
      for (const conn of conns.slice(0, JUDGED_PER_TURN)) {
        const fault = conn.tls === undefined || conn.destroyed ? undefined : faultOf(conn.tls);
        if (fault === undefined) continue;
        services.log.info('a connection is cut: its server is no longer trusted', {
          peer: conn.remoteAddress,
          reason: fault,
        });
        // A revoked server at once; where only the root went, what is under way may end well.
        if (fault.startsWith('peer_revoked')) conn.destroy();
        else services.clock.setTimer(GRACE_MS, () => conn.destroy(), { unref: true });
      }
      const rest = conns.slice(JUDGED_PER_TURN);
      if (rest.length > 0) services.clock.setTimer(0, () => judgeFrom(rest));
    };
    judgeFrom([...this.#conns]);
  }

  #sweep(): void {
    for (const conn of this.#conns) if (conn.destroyed) this.#conns.delete(conn);
  }
}
