// New connections that say something for the first time are heard a few in each round of the loop, in the order in
// which they came: what a hundred of them begin in one moment would keep everybody else waiting until the last is served.
//
// Whoever comes alone, as most do, is heard at once.

/** So many are heard in a round … */
export const HEARD_MAX = 8;
/** … as long as those before them took less than this, ms; the first one always is. */
export const HEARD_MS = 1;

export interface Newcomer {
  /** Its turn has come; it may have gone away meanwhile. */
  hear(): void;
}

export class Newcomers {
  readonly #now: () => number;
  readonly #atRoundEnd: (run: () => void) => void;
  readonly #line: Newcomer[] = [];
  /** The end of this round will be told. */
  #asked = false;
  #heard = 0;
  #untilMs = 0;

  /** `now`: monotonic ms. `atRoundEnd`: runs each thing given when the present round's events were told, in order; in the next round's end what is given in one. */
  constructor(now: () => number, atRoundEnd: (run: () => void) => void) {
    this.#now = now;
    this.#atRoundEnd = atRoundEnd;
  }

  /** How many stand in line. */
  get waiting(): number {
    return this.#line.length;
  }

  /** False: it has to `wait`. */
  mayBeHeard(): boolean {
    if (!this.#asked) {
      this.#asked = true;
      this.#begin();
      this.#atRoundEnd(this.#next);
    }
    return this.#line.length === 0 && this.#take();
  }

  wait(one: Newcomer): void {
    this.#line.push(one);
  }

  #begin(): void {
    this.#heard = 0;
    this.#untilMs = this.#now() + HEARD_MS;
  }

  #take(): boolean {
    if (this.#heard > 0 && (this.#heard >= HEARD_MAX || this.#now() >= this.#untilMs)) return false;
    this.#heard++;
    return true;
  }

  readonly #next = (): void => {
    this.#begin();
    this.#asked = this.#line.length > 0;
    if (!this.#asked) return;
    this.#atRoundEnd(this.#next);
    // Each by itself: a handshake begins only after the call that brings it.
    for (let i = Math.min(HEARD_MAX, this.#line.length); i > 0; i--) this.#atRoundEnd(this.#hearOne);
  };

  readonly #hearOne = (): void => {
    if (this.#line.length > 0 && this.#take()) (this.#line.shift() as Newcomer).hear();
  };
}

/** Of this thread's loop. */
export const newcomers = new Newcomers(
  () => performance.now(),
  (run) => void setImmediate(run),
);
