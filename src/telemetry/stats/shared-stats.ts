// A worker thread's statistics where the process can read them: numbers in shared memory, and word of what each is.
// The worker counts as ever, without atomics: only it writes, and a reader that is a moment late is just that.

import type { BlockSchema } from './stat-block.ts';
import { CODE_SLOTS, type NamedStatFacts, type StatMemory } from './stat-memory.ts';

/** Of one allocation from the kernel: some 80 clusters. */
const CHUNK_SLOTS = 16_384;

/** What a worker says of its memory. */
export type StatWord =
  | { readonly kind: 'chunk'; readonly buffer: SharedArrayBuffer }
  | {
      readonly kind: 'block';
      readonly id: number;
      readonly prefix: string;
      readonly tagValues: readonly string[];
      readonly at: StatPlace;
    }
  | { readonly kind: 'codes'; readonly id: number; readonly family: number; readonly at: StatPlace }
  | { readonly kind: 'named'; readonly stat: NamedStatFacts; readonly at: StatPlace }
  | { readonly kind: 'freed'; readonly id: number };

export interface StatPlace {
  readonly chunk: number;
  readonly slot: number;
  readonly slots: number;
}

export class SharedStatMemory implements StatMemory {
  readonly #say: (word: StatWord) => void;
  #chunk: SharedArrayBuffer | undefined = undefined;
  #chunks = 0;
  #used = 0;
  #nextId = 1;
  readonly #ids = new WeakMap<Float64Array, number>();
  /** Given back, by size: clusters come and go. */
  readonly #free = new Map<number, { readonly buffer: SharedArrayBuffer; readonly at: StatPlace }[]>();
  /** A stream may write to a block long after its cluster is gone: its place is free when nobody can any more. */
  readonly #unreachable = new FinalizationRegistry<{ readonly buffer: SharedArrayBuffer; readonly at: StatPlace }>(
    (place) => {
      const list = this.#free.get(place.at.slots);
      if (list === undefined) this.#free.set(place.at.slots, [place]);
      else list.push(place);
    },
  );

  constructor(say: (word: StatWord) => void) {
    this.#say = say;
  }

  block(schema: BlockSchema, tagValues: readonly string[]): Float64Array {
    const { values, at } = this.#take(schema.slotCount);
    values.fill(-0);
    const id = this.#nextId++;
    this.#ids.set(values, id);
    this.#say({ kind: 'block', id, prefix: schema.prefix, tagValues, at });
    return values;
  }

  codes(of: Float64Array, family: number): Float64Array {
    const { values, at } = this.#take(CODE_SLOTS);
    values.fill(0);
    this.#say({ kind: 'codes', id: this.#ids.get(of) as number, family, at });
    return values;
  }

  named({ name, family, tags, kind }: NamedStatFacts, slots: number): Float64Array {
    const { values, at } = this.#take(slots);
    values.fill(-0);
    this.#say({ kind: 'named', stat: { name, family, tags, kind }, at });
    return values;
  }

  freed(values: Float64Array): void {
    const id = this.#ids.get(values);
    if (id !== undefined) this.#say({ kind: 'freed', id });
  }

  #take(slots: number): { readonly values: Float64Array; readonly at: StatPlace } {
    const again = this.#free.get(slots)?.pop();
    if (again !== undefined) return this.#view(again.buffer, again.at);
    if (this.#chunk === undefined || this.#used + slots > this.#chunk.byteLength / 8) {
      this.#chunk = new SharedArrayBuffer(8 * Math.max(CHUNK_SLOTS, slots));
      this.#chunks++;
      this.#used = 0;
      this.#say({ kind: 'chunk', buffer: this.#chunk });
    }
    const at: StatPlace = { chunk: this.#chunks - 1, slot: this.#used, slots };
    this.#used += slots;
    return this.#view(this.#chunk, at);
  }

  #view(buffer: SharedArrayBuffer, at: StatPlace): { readonly values: Float64Array; readonly at: StatPlace } {
    const values = new Float64Array(buffer, at.slot * 8, at.slots);
    this.#unreachable.register(values, { buffer, at });
    return { values, at };
  }
}
