// Text of a message put together as bytes: no string is made of its pieces, and none has to be flattened to be written.
//
// The bytes are only lent to whoever writes them; what is not taken at once is copied, or the draft gives
// its buffer away and takes another.

/** Holds a beginning that waits for more. */
export interface DraftHolder {
  /** Another message is begun: what the draft has is this one's to keep now. */
  makeRoom(draft: Draft): void;
}

const BYTES = 16 * 1024;
/** Views up to this length are kept: making one costs more than a short message's text. */
const VIEWS = 1024;
/** Characters; longer text is copied by a call into Node, which costs as much as a loop over so many. */
const SHORT_TEXT = 16;

export class Draft {
  length = 0;
  readonly #usual: number;
  #bytes: Buffer;
  #views: (Uint8Array | undefined)[] = [];
  #holder: DraftHolder | undefined = undefined;

  /** `bytes`: room for what is usual; longer ones get a larger buffer. */
  constructor(bytes = BYTES) {
    this.#usual = bytes;
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  /** Begins a message, or goes on with the one that `holder` has begun. */
  begin(holder: DraftHolder): void {
    const before = this.#holder;
    if (before === holder) return;
    before?.makeRoom(this);
    this.#holder = holder;
    this.length = 0;
    if (this.#bytes.length > this.#usual) this.#take(this.#usual);
  }

  heldBy(holder: DraftHolder): boolean {
    return this.#holder === holder;
  }

  /** The message is whole: its bytes are there until the next one begins. */
  finish(): void {
    this.#holder = undefined;
  }

  /** Characters above U+00FF are cut to their low byte. */
  text(text: string): void {
    const count = text.length;
    let at = this.length;
    if (at + count > this.#bytes.length) this.#grow(count);
    const bytes = this.#bytes;
    this.length = at + count;
    if (count > SHORT_TEXT) (bytes as unknown as Latin1).latin1Write(text, at, count);
    else for (let i = 0; i < count; i++) bytes[at++] = text.charCodeAt(i);
  }

  /** False, and the draft as it was, where a character is beyond ASCII. */
  ascii(text: string): boolean {
    const count = text.length;
    const start = this.length;
    if (start + count > this.#bytes.length) this.#grow(count);
    const bytes = this.#bytes;
    let at = start;
    let all = 0;
    for (let i = 0; i < count; i++) {
      const code = text.charCodeAt(i);
      all |= code;
      bytes[at++] = code;
    }
    if (all > 0x7f) return false;
    this.length = at;
    return true;
  }

  /** A whole number from 0 to 2^31 - 1, in decimal digits. */
  digits(value: number): void {
    let count = 1;
    for (let rest = value; rest >= 10; rest = (rest / 10) | 0) count++;
    const end = this.length + count;
    if (end > this.#bytes.length) this.#grow(count);
    const bytes = this.#bytes;
    let rest = value;
    for (let at = end - 1; at >= end - count; at--) {
      bytes[at] = 0x30 + (rest % 10);
      rest = (rest / 10) | 0;
    }
    this.length = end;
  }

  data(data: Uint8Array): void {
    const count = data.length;
    const at = this.length;
    if (at + count > this.#bytes.length) this.#grow(count);
    this.#bytes.set(data, at);
    this.length = at + count;
  }

  view(): Uint8Array {
    const { length } = this;
    const known = this.#views[length];
    if (known !== undefined) return known;
    const view = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, length);
    if (length < VIEWS && this.#bytes.length === this.#usual) this.#views[length] = view;
    return view;
  }

  /** The buffer stays with whoever was given the view. */
  giveAway(): void {
    this.#take(this.#usual);
    this.length = 0;
  }

  #grow(count: number): void {
    const old = this.#bytes;
    this.#take(Math.max(2 * old.length, this.length + count));
    this.#bytes.set(old.subarray(0, this.length));
  }

  #take(bytes: number): void {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
    this.#views = [];
  }
}

interface Latin1 {
  latin1Write(text: string, at: number, length: number): number;
}
