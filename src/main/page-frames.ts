// Pages one after another on one stream between dump-processes.ts and render-dump.ts: a piece is its length (four bytes,
// little endian) and its bytes; a length of 0 ends the page.

const PREFIX = 4;

export function pieceFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(PREFIX + length);
  frame.writeUInt32LE(length, 0);
  frame.write(text, PREFIX);
  return frame;
}

export const PAGE_END_FRAME: Buffer = Buffer.alloc(PREFIX);

/** Ends a page that is read, where more may follow. */
export const PAGE_END = Symbol('the end of a page');

/** Reads pages, however their bytes were cut; what belongs to the piece is handed on as it comes. */
export class PageReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);
  /** Bytes of the present piece that are still to come. */
  #left = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Undefined: the stream ended. */
  async next(): Promise<Uint8Array | typeof PAGE_END | undefined> {
    if (this.#left === 0) {
      while (this.#held.length < PREFIX) if (!(await this.#more())) return undefined;
      this.#left = this.#held.readUInt32LE(0);
      this.#held = this.#held.subarray(PREFIX);
      if (this.#left === 0) return PAGE_END;
    }
    while (this.#held.length === 0) if (!(await this.#more())) return undefined;
    const piece = this.#held.subarray(0, this.#left);
    this.#held = this.#held.subarray(piece.length);
    this.#left -= piece.length;
    return piece;
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done === true) return false;
    this.#held = this.#held.length === 0 ? Buffer.from(value) : Buffer.concat([this.#held, value]);
    return true;
  }
}
