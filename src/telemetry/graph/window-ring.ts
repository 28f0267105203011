// Sums over the last while in fixed memory: a ring of rows, one per slot of time, each a few numbers; the last ones may be maxima.

export class WindowRing {
  readonly #slotMs: number;
  readonly #slots: number;
  readonly #width: number;
  readonly #maxima: number;
  readonly #values: Float32Array;
  /** Which slot of time each row holds; -1 = none. */
  readonly #times: Float64Array;

  /** `maxima`: so many of the last columns hold the largest value instead of the sum. */
  constructor(options: {
    readonly slotMs: number;
    readonly slots: number;
    readonly width: number;
    readonly maxima?: number;
  }) {
    this.#slotMs = options.slotMs;
    this.#slots = options.slots;
    this.#width = options.width;
    this.#maxima = options.maxima ?? 0;
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
    addRow(this.#values.subarray(base, base + this.#width), row, this.#maxima);
  }

  /** Adds to `into` what arrived within `windowMs` before now, whole slots. */
  sum(nowMs: number, windowMs: number, into: Float64Array): void {
    const newest = Math.floor(nowMs / this.#slotMs);
    const oldest = newest - Math.ceil(windowMs / this.#slotMs);
    for (let slot = 0; slot < this.#slots; slot++) {
      const time = this.#times[slot] as number;
      if (time < 0 || time <= oldest || time > newest) continue;
      this.#addTo(into, slot);
    }
  }

  /** Adds to `into` the slot that holds `timeMs`; false when it is not kept (any more). */
  addSlot(timeMs: number, into: Float64Array): boolean {
    const time = Math.floor(timeMs / this.#slotMs);
    const slot = ((time % this.#slots) + this.#slots) % this.#slots;
    if (this.#times[slot] !== time) return false;
    this.#addTo(into, slot);
    return true;
  }

  #addTo(into: Float64Array, slot: number): void {
    addRow(into, this.#values.subarray(slot * this.#width, (slot + 1) * this.#width), this.#maxima);
  }
}

/** Adds a row to another: sums, and at the end so many maxima. */
export function addRow(into: Float64Array | Float32Array, row: Float64Array | Float32Array, maxima: number): void {
  const sums = row.length - maxima;
  for (let i = 0; i < sums; i++) (into[i] as number) += row[i] as number;
  for (let i = sums; i < row.length; i++) into[i] = Math.max(into[i] as number, row[i] as number);
}
