// Time as a parameter: everything outside `io` is told its clock, so no test waits for a real one.

export interface Timer {
  /** Does nothing when the timer already fired or was cancelled. */
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds, with a fraction. For durations and deadlines. */
  now(): number;
  /** Milliseconds since the Unix epoch. For timestamps and certificate validity. */
  wallTime(): number;
  /** Calls `fire` once after `delayMs`. A pending timer does not keep the process alive when `unref` is true. */
  setTimer(delayMs: number, fire: () => void, options?: { readonly unref?: boolean }): Timer;
}

/** A clock that stands still until `advance` is called; timers fire in order of their time. */
export class FakeClock implements Clock {
  #now = 0;
  #wall: number;
  #sequence = 0;
  readonly #timers = new Set<{ at: number; sequence: number; fire: () => void }>();

  constructor(wallTimeMs = 1_750_000_000_000) {
    this.#wall = wallTimeMs;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#wall + this.#now;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, delayMs), sequence: this.#sequence++, fire };
    this.#timers.add(entry);
    return { cancel: () => void this.#timers.delete(entry) };
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves time forward and fires what is due on the way, including what those timers set. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: { at: number; sequence: number; fire: () => void } | undefined;
      for (const t of this.#timers) {
        if (t.at > end) continue;
        if (next === undefined || t.at < next.at || (t.at === next.at && t.sequence < next.sequence)) next = t;
      }
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** Time that passes while one turn of the loop works: no timer fires in it. */
  advanceBusy(ms: number): void {
    this.#now += ms;
  }
}
