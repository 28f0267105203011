// How much time an agent's summaries of a window tell of: what a window's sums have to be divided by, since a window of
// ten seconds holds nine, ten or eleven summaries, whichever arrived.
import { WindowRing } from './window-ring.ts';

/** A summary after a longer silence tells of no more than this: the agent was away, not idle. */
const LONGEST_MS = 5_000;
const SLOT_MS = 1_000;

export class ToldTime {
  readonly #seconds = new WindowRing({ slotMs: SLOT_MS, slots: 62, width: 1 });
  readonly #row = new Float64Array(1);
  #lastMs: number | undefined;

  /** A summary arrived; `nowMs` is our wall clock, as for the numbers it brought. */
  arrived(nowMs: number): void {
    const since = this.#lastMs === undefined ? SLOT_MS : nowMs - this.#lastMs;
    this.#row[0] = Math.min(LONGEST_MS, Math.max(0, since));
    this.#lastMs = nowMs;
    this.#seconds.add(nowMs, this.#row);
  }

  /** Ms that the summaries of a window of up to a minute tell of. */
  within(nowMs: number, windowMs: number): number {
    const sum = new Float64Array(1);
    this.#seconds.sum(nowMs, windowMs, sum);
    return sum[0] as number;
  }
}
