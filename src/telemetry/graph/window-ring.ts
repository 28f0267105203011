// Sums over the last while in fixed memory: a ring of rows, one per slot of time, each a few numbers.

export class WindowRing {
  readonly #slotMs: number;
  readonly #slots: number;
  readonly #width: number;
  readonly #values: Float32Array;
  /** Which slot of time each row holds; -1 = none. */
  readonly #times: Float64Array;

  constructor(options: { readonly slotMs: number; readonly slots: number; readonly width: number }) {
    this.#slotMs = options.slotMs;
    this.#slots = options.slots;
    this.#width = options.width;
    this.#values = new Float32Array(options.slots * options.width);
    this.#times = new Float64Array(options.slots).fill(-1);
  }

  add(nowMs: number, row: Float64Array): void {
    const time = Math.floor(nowMs / this.#slotMs);
    const slot = time % this.#slots;
    const base = slot * this.#width;
    if (this.#times[slot] !== time) {
      this.#values.fill(0, base, base + this.#width);
      this.#times[slot] = time;
    }
    for (let i = 0; i < this.#width; i++) (this.#values[base + i] as number) += row[i] as number;
  }

  /** Adds to `into` what arrived within `windowMs` before now, whole slots. */
  sum(nowMs: number, windowMs: number, into: Float64Array): void {
    const newest = Math.floor(nowMs / this.#slotMs);
    const oldest = newest - Math.ceil(windowMs / this.#slotMs);
    for (let slot = 0; slot < this.#slots; slot++) {
      const time = this.#times[slot] as number;
      if (time < 0 || time <= oldest || time > newest) continue;
      for (let i = 0; i < this.#width; i++) (into[i] as number) += this.#values[slot * this.#width + i] as number;
    }
  }

  /** Adds to `into` the slot that holds `timeMs`; false when it is not kept (any more). */
  addSlot(timeMs: number, into: Float64Array): boolean {
    const time = Math.floor(timeMs / this.#slotMs);
    const slot = ((time % this.#slots) + this.#slots) % this.#slots;
    if (this.#times[slot] !== time) return false;
    for (let i = 0; i < this.#width; i++) (into[i] as number) += this.#values[slot * this.#width + i] as number;
    return true;
  }
}
