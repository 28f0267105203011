// Randomness of the machine, drawn in blocks: one system call serves many draws.
import { randomFillSync, randomUUID } from 'node:crypto';
import type { Random } from '#base';

export class SystemRandom implements Random {
  readonly #block = new Uint32Array(256);
  #next = 256;

  float(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  uint32(): number {
    if (this.#next === this.#block.length) {
      randomFillSync(this.#block);
      this.#next = 0;
    }
    return this.#block[this.#next++] as number;
  }

  uuid(): string {
    return randomUUID();
  }
}
