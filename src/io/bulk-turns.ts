// Long reads of many connections that come in one round of the loop: once these took their share of it, each reads on when its turn
// comes, some in each round, in the order in which they were stopped.
//
// libuv reads one connection up to 32 times in a row, and all that are ready in one round: a hundred responses that arrive at once
// are a round of thirty milliseconds, which everybody else waits for.

/** From the first long read of a round on so many ms pass until each is the last of its connection. */
export const ROUND_MS = 0.5;
/**
 * Most rounds are over sooner, and to be told a round's end costs a third of what a read does: nobody asks before long reads have
 * followed each other for so many ms, in one round or in several. The share is then counted from the first of them.
 */
const UNASKED_MS = ROUND_MS / 2;
/** So many read on in one round at most, and at first. */
const FIT_MAX = 16;
const FIT_FIRST = 8;

export interface BulkReader {
  /** Its turn has come; it may rest or be gone by now. */
  readOn(): void;
}

export class BulkTurns {
  readonly #atRoundEnd: (run: () => void) => void;
  readonly #line: BulkReader[] = [];
  /** The end of this round will be told. */
  #asked = false;
  /** Long reads of this round; where nobody asked for its end, those before too that it followed. */
  #count = 0;
  /** When the first of them began, and the last one was over. */
  #beganMs = 0;
  #endMs = Number.NEGATIVE_INFINITY;
  #over = false;
  /** As many as a round had when its time was over last; more after rounds that had time left. */
  #fit = FIT_FIRST;

  /** `atRoundEnd`: runs what is given when the present round's events were told; in the next round's end what is given in one. */
  constructor(atRoundEnd: (run: () => void) => void) {
    this.#atRoundEnd = atRoundEnd;
  }

  /** A long read was told of and dealt with, monotonic ms. False: its connection has to `wait`. */
  mayReadOn(beganMs: number, endMs: number): boolean {
    if (!this.#asked && beganMs - this.#endMs > UNASKED_MS) this.#count = 0;
    this.#endMs = endMs;
    if (++this.#count === 1) this.#beganMs = beganMs;
    // Not only what each took: the kernel's copying lies between them.
    const ms = endMs - this.#beganMs;
    if (ms >= UNASKED_MS) this.#ask();
    if (!this.#over && ms >= ROUND_MS) {
      this.#over = true;
      this.#fit = this.#count;
    }
    return !this.#over;
  }

  wait(one: BulkReader): void {
    this.#ask();
    this.#line.push(one);
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#atRoundEnd(this.#next);
  }

  readonly #next = (): void => {
    if (!this.#over) this.#fit = Math.min(FIT_MAX, this.#fit * 2);
    this.#count = 0;
    this.#over = false;
    this.#asked = this.#line.length > 0;
    if (!this.#asked) return;
    this.#atRoundEnd(this.#next);
    for (const one of this.#line.splice(0, this.#fit)) one.readOn();
  };
}

/** Of this thread's loop. */
export const bulkTurns = new BulkTurns((run) => void setImmediate(run));
