// Randomness of the machine, drawn in blocks: one system call serves many draws.
import { randomFillSync } from 'node:crypto';
import type { Random } from '#base';

/** 1,024 words are 256 UUIDs. */
const BLOCK_WORDS = 1024;
/** UUIDs made at once: one string, of which each is a slice. */
const UUIDS = 64;
const UUID_CHARS = 36;
const DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const DASH = 0x2d;

export class SystemRandom implements Random {
  readonly #block = new Uint32Array(BLOCK_WORDS);
  #next = BLOCK_WORDS;
  readonly #text = Buffer.allocUnsafeSlow(UUIDS * UUID_CHARS);
  #uuids = '';
  #nextUuid = 0;

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
    if (this.#nextUuid === this.#uuids.length) this.#makeUuids();
    const at = this.#nextUuid;
    this.#nextUuid = at + UUID_CHARS;
    return this.#uuids.slice(at, this.#nextUuid);
  }

  #makeUuids(): void {
    const out = this.#text;
    for (let one = 0; one < out.length; one += UUID_CHARS) {
      const b = this.uint32();
      const c = this.uint32();
      hex(out, one, this.uint32(), 8);
      // RFC 9562 §5.4: version 4, variant 10.
      out[one + 8] = DASH;
      hex(out, one + 9, b >>> 16, 4);
      out[one + 13] = DASH;
      hex(out, one + 14, (b & 0x0fff) | 0x4000, 4);
      out[one + 18] = DASH;
      hex(out, one + 19, ((c >>> 16) & 0x3fff) | 0x8000, 4);
      out[one + 23] = DASH;
      hex(out, one + 24, c & 0xffff, 4);
      hex(out, one + 28, this.uint32(), 8);
    }
    this.#uuids = out.toString('latin1');
    this.#nextUuid = 0;
  }
}

function hex(out: Uint8Array, at: number, bits: number, digits: number): void {
  for (let i = digits - 1; i >= 0; i--) {
    out[at + i] = DIGITS[bits & 15] as number;
    bits >>>= 4;
  }
}
