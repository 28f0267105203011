// Messages that come thousands of times with the same bytes are decoded once: the metadata of endpoints, of which a
// service's hundreds are alike. What is shared is never written to.

/** Distinct values kept, twice at most; some 1 kB each with their keys. Those that are alike come close together. */
const KEPT_MAX = 256;
/** Bytes: longer ones are hardly ever alike. */
const SIZE_MAX = 512;

export class SharedMessages {
  readonly #types: ReadonlySet<string>;
  #young = new Map<string, unknown>();
  /** What was young before; whatever of it is used again lives on. */
  #old = new Map<string, unknown>();

  constructor(types: readonly string[]) {
    this.#types = new Set(types);
  }

  has(typeName: string): boolean {
    return this.#types.has(typeName);
  }

  /** The message of these bytes, made at most once while it is kept. */
  of(typeName: string, bytes: Uint8Array, make: () => unknown): unknown {
    if (bytes.length > SIZE_MAX) return make();
    const key = typeName + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    let message = this.#young.get(key);
    if (message !== undefined) return message;
    message = this.#old.get(key) ?? make();
    if (this.#young.size >= KEPT_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, message);
    return message;
  }
}
