// Choices from a seed, as generators make them.
import { SeededRandom } from '#base';

export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 8; i++) this.#random.uint32();
  }

  /** Of 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.#random.float() * below);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }

  chance(share: number): boolean {
    return this.#random.float() < share;
  }

  /** `count` to `most` of them, drawn one by one. */
  list<T>(least: number, most: number, make: () => T): T[] {
    return Array.from({ length: least + this.int(most - least + 1) }, make);
  }

  /** The fields that luck chose; the share is for each. */
  fields(share: number, makers: Readonly<Record<string, () => unknown>>): Record<string, unknown> {
    const chosen: Record<string, unknown> = {};
    for (const [name, make] of Object.entries(makers)) if (this.chance(share)) chosen[name] = make();
    return chosen;
  }
}
