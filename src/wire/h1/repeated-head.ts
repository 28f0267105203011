// A head that comes again byte for byte on its connection, as polls, probes and most responses do: read once, then copied.

import type { RequestHead, ResponseHead } from '../http/index.ts';

/** Characters: a longer one is not kept. */
const TEXT_MAX = 2048;
const HEAD_END = '\r\n\r\n';

/**
 * Belongs to one connection and stands beside its HeadFacts, which after a repetition still say what
 * they said of the head before.
 */
export class RepeatedHead<H> {
  /** Where the body begins in the read that `takeShort` found a head in. */
  bodyAt = 0;
  #text = '';
  #head: H | undefined = undefined;
  /** The head's bytes with its closing empty line, four to a word and the last ones alone. */
  #words: Int32Array | undefined = undefined;
  #tail: readonly number[] = [];
  #seen = false;
  readonly #copy: (head: H) => H;

  constructor(copy: (head: H) => H) {
    this.#copy = copy;
  }

  /** A head of its own when `text` is what was noted last, and twice. */
  take(text: string): H | undefined {
    this.#seen = text === this.#text;
    const head = this.#head;
    return this.#seen && head !== undefined ? this.#copy(head) : undefined;
  }

  /** As `take`, when the first of the `length` bytes of `lent` are the noted head: no text is made of them. */
  takeShort(lent: Buffer, length: number): H | undefined {
    const words = this.#words;
    if (words === undefined) return undefined;
    const tail = this.#tail;
    const tailAt = words.length * 4;
    const bodyAt = tailAt + tail.length;
    const come = wordsOf(lent);
    if (come === undefined || length < bodyAt) return undefined;
    for (let i = 0; i < words.length; i++) if (come[i] !== words[i]) return undefined;
    for (let i = 0; i < tail.length; i++) if (lent[tailAt + i] !== tail[i]) return undefined;
    this.#seen = true;
    this.bodyAt = bodyAt;
    return this.#copy(this.#head as H);
  }

  /** `head` is what `text` was read as, after `take` gave nothing. Copied on the second time only: most heads never come again. */
  note(text: string, head: H): void {
    this.#words = undefined;
    this.#head = undefined;
    if (!this.#seen) {
      this.#text = text.length <= TEXT_MAX ? text : '';
      return;
    }
    this.#head = this.#copy(head);
    const bytes = Uint8Array.from(Buffer.from(text + HEAD_END, 'latin1'));
    const whole = bytes.length & ~3;
    this.#words = new Int32Array(bytes.buffer, 0, whole / 4);
    this.#tail = [...bytes.subarray(whole)];
  }
}

/** All reads are lent in the same buffer: a view of it is made once. */
let viewed: Buffer | undefined;
let view: Int32Array = new Int32Array();

function wordsOf(lent: Buffer): Int32Array | undefined {
  if (lent === viewed) return view;
  if ((lent.byteOffset & 3) !== 0) return undefined;
  view = new Int32Array(lent.buffer, lent.byteOffset, lent.length >> 2);
  viewed = lent;
  return view;
}

export function copyRequestHead(head: RequestHead): RequestHead {
  return {
    method: head.method,
    path: head.path,
    authority: head.authority,
    scheme: head.scheme,
    version: head.version,
    protocol: head.protocol,
    headers: head.headers.clone(),
  };
}

export function copyResponseHead(head: ResponseHead): ResponseHead {
  return { status: head.status, headers: head.headers.clone() };
}
