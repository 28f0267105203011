// Counts of what the server sent, and how long proxies take from a snapshot to its last acknowledgement (istiod's pilot_xds_pushes and pilot_proxy_convergence_time).

import type { Clock } from '#base';

/** Seconds, as istiod's. */
export const CONVERGENCE_BOUNDS: readonly number[] = [0.1, 0.5, 1, 3, 5, 10, 20, 30];
/** Snapshots whose making is remembered; older ones count from the oldest known. */
const REMEMBERED = 256;

export class PushCounts {
  readonly #clock: Clock;
  /** Responses by type URL. */
  readonly sent = new Map<string, number>();
  /** Cumulative per bound, the last without bound. */
  readonly convergence: number[] = Array.from({ length: CONVERGENCE_BOUNDS.length + 1 }, () => 0);
  convergenceSum = 0;
  readonly #madeMs = new Map<number, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  snapshotMade(number: number): void {
    this.#madeMs.set(number, this.#clock.now());
    if (this.#madeMs.size > REMEMBERED) this.#madeMs.delete(this.#madeMs.keys().next().value as number);
  }

  pushed(typeUrl: string): void {
    this.sent.set(typeUrl, (this.sent.get(typeUrl) ?? 0) + 1);
  }

  /** A proxy has all of a snapshot. */
  converged(snapshot: number): void {
    const made = this.#madeMs.get(snapshot);
    if (made === undefined) return;
    const seconds = (this.#clock.now() - made) / 1000;
    this.convergenceSum += seconds;
    const first = CONVERGENCE_BOUNDS.findIndex((bound) => seconds <= bound);
    for (let i = first < 0 ? CONVERGENCE_BOUNDS.length : first; i < this.convergence.length; i++)
      (this.convergence[i] as number)++;
  }
}
