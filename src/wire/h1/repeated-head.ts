// A head that comes again byte for byte on its connection, as polls, probes and most responses do: read once, then copied.

import type { RequestHead, ResponseHead } from '../http/index.ts';

/** Characters: a longer one is not kept. */
const TEXT_MAX = 2048;

/**
 * Belongs to one connection and stands beside its HeadFacts, which after a repetition still say what
 * they said of the head before.
 */
export class RepeatedHead<H> {
  #text = '';
  #head: H | undefined = undefined;
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

  /** `head` is what `text` was read as, after `take` gave nothing. Copied on the second time only: most heads never come again. */
  note(text: string, head: H): void {
    this.#head = this.#seen ? this.#copy(head) : undefined;
    if (!this.#seen) this.#text = text.length <= TEXT_MAX ? text : '';
  }
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
