// Joins the fragments of a header block from HEADERS and CONTINUATION, bounded before anything is decoded (RFC 9113 §6.2, §6.10).
import { ConnectionError, H2_ERROR } from './errors.ts';
import type { H2Limits } from './limits.ts';

export interface HeaderBlockFragments {
  readonly streamId: number;
  /** Of the HEADERS frame that began it. */
  readonly flags: number;
  readonly block: Buffer;
}

export class HeaderBlockAssembler {
  readonly #owner: { readonly limits: H2Limits };
  #streamId = 0;
  #flags = 0;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** Its limits may change: they hold from the next fragment on. */
  constructor(owner: { readonly limits: H2Limits }) {
    this.#owner = owner;
  }

  /** The stream whose block is not whole yet; 0 = none. */
  get openStream(): number {
    return this.#streamId;
  }

  begin(streamId: number, flags: number, fragment: Buffer): void {
    this.#streamId = streamId;
    this.#flags = flags;
    this.#parts = [];
    this.#bytes = 0;
    this.#add(fragment);
  }

  /** The whole block when this was its last fragment. */
  append(fragment: Buffer, last: boolean): HeaderBlockFragments | undefined {
    if (this.#streamId === 0)
      throw new ConnectionError(H2_ERROR.PROTOCOL_ERROR, 'CONTINUATION without HEADERS (RFC 9113 §6.10)');
    this.#add(fragment);
    if (!last) return undefined;
    const whole = { streamId: this.#streamId, flags: this.#flags, block: Buffer.concat(this.#parts) };
    this.#streamId = 0;
    this.#parts = [];
    return whole;
  }

  #add(fragment: Buffer): void {
    this.#parts.push(Buffer.from(fragment));
    this.#bytes += fragment.length;
    const { headerBlockBytesMax, continuationsMax } = this.#owner.limits;
    if (this.#bytes > headerBlockBytesMax || this.#parts.length > continuationsMax + 1) {
      throw new ConnectionError(H2_ERROR.ENHANCE_YOUR_CALM, 'a header block is too large', 'header_overflow');
    }
  }
}
