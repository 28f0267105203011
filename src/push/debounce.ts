// Waits until changes fall quiet, but never longer than a limit (design: 10 ms quiet, 100 ms at most, standalone).

import type { Clock, Timer } from '#base';

export interface DebounceLimits {
  readonly quietMs: number;
  readonly maxMs: number;
}

export const STANDALONE_DEBOUNCE: DebounceLimits = { quietMs: 10, maxMs: 100 };

export class Debounce {
  readonly #clock: Clock;
  readonly #limits: DebounceLimits;
  readonly #fire: () => void;
  #timer: Timer | undefined;
  #since = 0;

  constructor(clock: Clock, limits: DebounceLimits, fire: () => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#fire = fire;
  }

  get pending(): boolean {
    return this.#timer !== undefined;
  }

  touch(): void {
    const now = this.#clock.now();
    if (this.#timer === undefined) this.#since = now;
    else this.#timer.cancel();
    const wait = Math.max(0, Math.min(this.#limits.quietMs, this.#since + this.#limits.maxMs - now));
    this.#timer = this.#clock.setTimer(wait, () => this.flush());
  }

  /** Fires at once if something waits. */
  flush(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#fire();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
