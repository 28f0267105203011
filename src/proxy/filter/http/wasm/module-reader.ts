// Reads and writes the numbers and sections of a WebAssembly module (core specification 3.0 §5).

export class ModuleReader {
  at: number;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new Error('it ends in the middle');
    return value;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a number in it is too long');
  }

  /** Over a number whose value does not matter. */
  skipNumber(): void {
    for (let i = 0; i < 10; i++) if (this.byte() < 0x80) return;
    throw new Error('a number in it is too long');
  }

  skip(bytes: number): void {
    if (this.at + bytes > this.bytes.length) throw new Error('it ends in the middle');
    this.at += bytes;
  }

  /** A length and as many bytes. */
  part(): Uint8Array {
    const size = this.u32();
    const from = this.at;
    this.skip(size);
    return this.bytes.subarray(from, this.at);
  }
}

export function u32(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    out.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return out;
}

/** A signed number that is not negative. */
export function positive(value: number): number[] {
  const out = u32(value);
  const last = out.length - 1;
  if (((out[last] as number) & 0x40) === 0) return out;
  out[last] = (out[last] as number) | 0x80;
  return [...out, 0];
}

export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

export const HEAD_BYTES = 8;

export function readSections(code: Uint8Array): Section[] {
  const reader = new ModuleReader(code, HEAD_BYTES);
  const found: Section[] = [];
  while (!reader.done) found.push({ id: reader.byte(), body: reader.part() });
  return found;
}
