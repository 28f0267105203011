// The open streams of a connection by id: an open-addressed table in one array (linear probing).
//
// A Map that streams enter and leave all the time makes itself anew every few of them, and what it was
// before still points to the streams of then: they outlive their time and cost a collection of everything.

const LEAST_SLOTS = 16;

export class StreamTable<S extends { readonly id: number }> {
  size = 0;
  #slots: (S | undefined)[] = empty<S>(LEAST_SLOTS);

  get(id: number): S | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    // Ids of one side count up by two: neighbours, which never collide before the array is full.
    for (let i = (id >>> 1) & mask; ; i = (i + 1) & mask) {
      const found = slots[i];
      if (found === undefined || found.id === id) return found;
    }
  }

  /** Replaces the one with the same id. */
  add(stream: S): void {
    if ((this.size + 1) * 2 > this.#slots.length) this.#resize(this.#slots.length * 2);
    if (this.#put(stream)) this.size++;
  }

  delete(id: number): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = (id >>> 1) & mask;
    for (;;) {
      const found = slots[hole];
      if (found === undefined) return false;
      if (found.id === id) break;
      hole = (hole + 1) & mask;
    }
    this.size--;
    // Whoever stands behind the hole and could be found through it moves up.
    for (let i = (hole + 1) & mask; ; i = (i + 1) & mask) {
      const next = slots[i];
      if (next === undefined) break;
      const home = (next.id >>> 1) & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      slots[hole] = next;
      hole = i;
    }
    slots[hole] = undefined;
    if (this.size === 0 && slots.length > 4 * LEAST_SLOTS) this.clear();
    return true;
  }

  clear(): void {
    this.size = 0;
    this.#slots = empty(LEAST_SLOTS);
  }

  /** Those that are there now, in no particular order. */
  values(): S[] {
    return this.#slots.filter((slot): slot is S => slot !== undefined);
  }

  takeAll(): S[] {
    const streams = this.values();
    this.clear();
    return streams;
  }

  #put(stream: S): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let i = (stream.id >>> 1) & mask; ; i = (i + 1) & mask) {
      const there = slots[i];
      if (there !== undefined && there.id !== stream.id) continue;
      slots[i] = stream;
      return there === undefined;
    }
  }

  #resize(length: number): void {
    const streams = this.values();
    this.#slots = empty(length);
    for (const stream of streams) this.#put(stream);
  }
}

function empty<S>(length: number): (S | undefined)[] {
  return new Array<S | undefined>(length).fill(undefined);
}
