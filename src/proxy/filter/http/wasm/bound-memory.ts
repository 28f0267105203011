// Writes a limit into a module's own memory, before it is compiled: the engine then refuses to grow further (WebAssembly 2.0 §5.5.8).

const PAGE = 65_536;
const MEMORY_SECTION = 5;
const HEADER_BYTES = 8;

/** The module with its memory bound; throws an Error that says why it cannot run. */
export function boundMemory(code: Uint8Array, bytesMax: number): Uint8Array {
  const pagesMax = Math.floor(bytesMax / PAGE);
  const reader = new Reader(code, HEADER_BYTES);
  while (reader.at < code.length) {
    const start = reader.at;
    const id = reader.byte();
    const size = reader.u32();
    const body = reader.at;
    if (id !== MEMORY_SECTION) {
      reader.at = body + size;
      continue;
    }
    const count = reader.u32();
    if (count !== 1) throw new Error(`it has ${count} memories`);
    const flags = reader.byte();
    // Shared and 64-bit memories have further flags.
    if (flags > 1) throw new Error('its memory is of a kind that is not taken');
    const initial = reader.u32();
    const most = flags === 1 ? reader.u32() : pagesMax;
    if (initial > pagesMax) throw new Error(`it wants ${initial * PAGE} bytes of memory; ${bytesMax} are allowed`);
    const section = [1, 1, ...leb(initial), ...leb(Math.min(most, pagesMax))];
    return Buffer.concat([
      code.subarray(0, start),
      Uint8Array.from([MEMORY_SECTION, ...leb(section.length), ...section]),
      code.subarray(body + size),
    ]);
  }
  throw new Error('it has no memory');
}

function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    out.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return out;
}

class Reader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const value = this.#bytes[this.at++];
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
}
