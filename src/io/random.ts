// Randomness of the machine, drawn in blocks: one system call serves many draws.
import { randomFillSync } from 'node:crypto';
import type { Random } from '#base';

/** 1,024 words are 256 UUIDs. */
const BLOCK_WORDS = 1024;
const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function half(bits: number): string {
  return (BYTES[bits >>> 8] as string) + (BYTES[bits & 0xff] as string);
}

function word(bits: number): string {
  return half(bits >>> 16) + half(bits & 0xffff);
}

export class SystemRandom implements Random {
  readonly #block = new Uint32Array(BLOCK_WORDS);
  #next = BLOCK_WORDS;

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
    const a = this.uint32();
    const b = this.uint32();
    const c = this.uint32();
    const d = this.uint32();
    // RFC 9562 §5.4: version 4, variant 10.
    return `${word(a)}-${half(b >>> 16)}-${half((b & 0x0fff) | 0x4000)}-${half(((c >>> 16) & 0x3fff) | 0x8000)}-${half(c & 0xffff)}${word(d)}`;
  }
}
