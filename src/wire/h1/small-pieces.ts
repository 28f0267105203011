// Small pieces of bodies that come in one round of the loop: a few leave at once, the others in the next rounds.
//
// Three hundred clients that send a byte each in one moment cost three hundred writes, of 10 µs each, which everybody else
// waited for; to take a piece and keep it costs a third of that.
import { inParts, type Part } from '#base';

/** So many leave at once before the round's end is asked for, so many until it comes, and so many in each round from then on. */
export const PIECES_AT_ONCE = 16;

export interface HeldPiece {
  /** It is in line no longer: sends what was held, if nothing that followed has taken it along. */
  release(): void;
}

export class SmallPieces {
  readonly #later: (part: Part) => void;
  readonly #held: HeldPiece[] = [];
  #count = 0;
  /** The end of this round will be told. */
  #asked = false;

  /** `later`: runs the part in each further round, until it returns false. */
  constructor(later: (part: Part) => void) {
    this.#later = later;
  }

  /** False: it has to be held. */
  leavesNow(): boolean {
    if (++this.#count <= PIECES_AT_ONCE) return !this.#asked || this.#held.length === 0;
    if (this.#asked) return false;
    this.#count = 0;
    this.#asked = true;
    this.#later(this.#sendSome);
    return true;
  }

  /** Whoever is in line already stays there. */
  hold(one: HeldPiece): void {
    this.#held.push(one);
  }

  readonly #sendSome = (): boolean => {
    this.#count = 0;
    for (const one of this.#held.splice(0, PIECES_AT_ONCE)) one.release();
    this.#asked = this.#held.length > 0;
    return this.#asked;
  };
}

/** Of this thread. */
export const smallPieces = new SmallPieces(inParts);
