// A machine's memory as its host reads and writes it: every pointer that the guest gives is checked.

import type { EngineMemory } from './engine.ts';

/** The guest named bytes that are not in its memory. */
export class BadPointer extends Error {
  constructor() {
    super('a pointer lies outside of the memory');
    this.name = 'BadPointer';
  }
}

export class GuestMemory {
  readonly #memory: EngineMemory;
  readonly #allocate: (size: number) => number;
  #bytes: Buffer;

  constructor(memory: EngineMemory, allocate: (size: number) => number) {
    this.#memory = memory;
    this.#allocate = allocate;
    this.#bytes = Buffer.from(memory.buffer);
  }

  /** Anew after the memory grew: its buffer is another one then. */
  get #view(): Buffer {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = Buffer.from(this.#memory.buffer);
    return this.#bytes;
  }

  /** Valid until the guest runs again. */
  bytes(pointer: number, size: number): Buffer {
    const at = pointer >>> 0;
    const end = at + (size >>> 0);
    const view = this.#view;
    if (end > view.length) throw new BadPointer();
    return view.subarray(at, end);
  }

  copy(pointer: number, size: number): Buffer {
    return Buffer.from(this.bytes(pointer, size));
  }

  latin1(pointer: number, size: number): string {
    return this.bytes(pointer, size).toString('latin1');
  }

  utf8(pointer: number, size: number): string {
    return this.bytes(pointer, size).toString('utf8');
  }

  u32(pointer: number): number {
    return this.bytes(pointer, 4).readUInt32LE(0);
  }

  setU32(pointer: number, value: number): void {
    this.bytes(pointer, 4).writeUInt32LE(value >>> 0, 0);
  }

  setU64(pointer: number, value: bigint): void {
    this.bytes(pointer, 8).writeBigUInt64LE(BigInt.asUintN(64, value), 0);
  }

  write(pointer: number, value: Uint8Array): void {
    this.bytes(pointer, value.length).set(value);
  }

  /** Gives the guest a value in memory that it allocates: address and size go where it asked for them. */
  give(value: Uint8Array, returnPointer: number, returnSize: number): void {
    let at = 0;
    if (value.length > 0) {
      at = this.#allocate(value.length);
      if (at === 0) throw new BadPointer();
      this.write(at, value);
    }
    this.setU32(returnPointer, at);
    this.setU32(returnSize, value.length);
  }

  giveLatin1(value: string, returnPointer: number, returnSize: number): void {
    let at = 0;
    if (value.length > 0) {
      at = this.#allocate(value.length);
      if (at === 0) throw new BadPointer();
      this.bytes(at, value.length).write(value, 0, 'latin1');
    }
    this.setU32(returnPointer, at);
    this.setU32(returnSize, value.length);
  }
}
