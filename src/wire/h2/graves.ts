// Streams that we reset or passed over lately: what the peer sent before it knew is nobody's fault, up to the window that it had (RFC 9113 §5.4.2).

/** Twice as many as may be open. */
const GRAVES_MAX = 2048;

export class Graves {
  /** By stream: bytes that the peer may have sent in good faith. */
  readonly #left = new Map<number, number>();

  add(streamId: number, windowBytes: number): void {
    this.#left.set(streamId, windowBytes);
    if (this.#left.size > GRAVES_MAX) this.#left.delete(this.#left.keys().next().value as number);
  }

  has(streamId: number): boolean {
    return this.#left.has(streamId);
  }

  /** Whether DATA of so many bytes may have been under way. */
  takes(streamId: number, bytes: number): boolean {
    const left = this.#left.get(streamId);
    if (left === undefined || bytes === 0 || bytes > left) return false;
    this.#left.set(streamId, left - bytes);
    return true;
  }
}
