// How long an endpoint lets a connection rest before it closes it: learned from what it closes, from what it says, and
// from connections that rest still. What rests for longer is not used again, so that no request meets the close (pains 2).

/** A request that may be repeated can be sent again when the guess was wrong. */
const REPEATABLE_PART = 0.9;
/** One that may not must be far from the end, whatever the clocks and loops of both sides do. */
const UNREPEATABLE_PART = 0.5;

export class RestTime {
  #ms = Number.POSITIVE_INFINITY;

  /** Nothing has to be asked before it is. */
  get known(): boolean {
    return this.#ms !== Number.POSITIVE_INFINITY;
  }

  get ms(): number {
    return this.#ms;
  }

  /** The endpoint closed a connection that had rested for so long, perhaps under a request. */
  closedAfter(ms: number): void {
    this.#ms = Math.max(1, ms);
  }

  /** The endpoint said so: "Keep-Alive: timeout=5". */
  announced(parameters: string): void {
    const seconds = /(?:^|[\s,;])timeout=(\d{1,5})(?!\d)/i.exec(parameters)?.[1];
    if (seconds !== undefined) this.#ms = Math.min(this.#ms, Math.max(1, Number(seconds) * 1000));
  }

  /** May a connection that rested for `ms` carry a request? `oldestMs`: another one rests for so long and is open. */
  allows(ms: number, oldestMs: number, repeatable: boolean): boolean {
    // A server that goes down closes what rests for a moment only: what outlives that is the better witness.
    if (oldestMs > this.#ms) this.#ms = oldestMs;
    return ms < this.#ms * (repeatable ? REPEATABLE_PART : UNREPEATABLE_PART);
  }
}
