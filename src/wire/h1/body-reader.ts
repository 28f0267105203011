// Where a body ends (RFC 9112 §6.3): by length, by chunks, by the connection's end, or not at all (tunnel).

import type { HeaderBlock } from '../http/index.ts';
import { ChunkedReader } from './chunked-reader.ts';
import type { H1ErrorCode } from './errors.ts';
import type { H1Limits } from './limits.ts';

export interface BodySink {
  onBody(data: Buffer, end: boolean): void;
  onBodyTrailers(trailers: HeaderBlock): void;
}

export type BodyKind = 'none' | 'length' | 'chunked' | 'until-close';

export const EMPTY = Buffer.alloc(0);

/** One per connection, begun anew for each message. */
export class BodyReader {
  kind: BodyKind = 'none';
  done = true;
  error: H1ErrorCode | undefined = undefined;
  #left = 0;
  #chunks: ChunkedReader | undefined = undefined;
  /** The newest piece of a chunked body, held back within one `feed` so that `end` can go with it. */
  #pending: Buffer | undefined = undefined;
  #limits: H1Limits;
  readonly #sink: BodySink;
  readonly #ofResponses: boolean;

  constructor(limits: H1Limits, sink: BodySink, ofResponses: boolean) {
    this.#limits = limits;
    this.#sink = sink;
    this.#ofResponses = ofResponses;
  }

  /** From the next body on. */
  limit(limits: H1Limits): void {
    this.#limits = limits;
  }

  begin(kind: BodyKind, length: number): void {
    this.kind = kind;
    this.#left = length;
    this.done = kind === 'none' || (kind === 'length' && length === 0);
    this.error = undefined;
    this.#chunks = kind === 'chunked' ? new ChunkedReader(this.#limits, this.#ofResponses) : undefined;
    this.#pending = undefined;
  }

  /** Number of bytes used from `at` on; -1 with `error` set. */
  feed(data: Buffer, at: number): number {
    switch (this.kind) {
      case 'length': {
        const take = Math.min(this.#left, data.length - at);
        this.#left -= take;
        this.done = this.#left === 0;
        this.#sink.onBody(at === 0 && take === data.length ? data : data.subarray(at, at + take), this.done);
        return take;
      }
      case 'chunked':
        return this.#feedChunks(at === 0 ? data : data.subarray(at));
      case 'until-close':
        this.#sink.onBody(at === 0 ? data : data.subarray(at), false);
        return data.length - at;
      default:
        return 0;
    }
  }

  /** The connection's reading side ended: true when that is a proper end of this body. */
  finishAtClose(): boolean {
    if (this.kind !== 'until-close' || this.done) return false;
    this.done = true;
    this.#sink.onBody(EMPTY, true);
    return true;
  }

  onChunkData(data: Buffer): void {
    this.#flush();
    this.#pending = data;
  }

  #feedChunks(data: Buffer): number {
    const chunks = this.#chunks as ChunkedReader;
    const used = chunks.feed(data, this);
    if (used < 0) {
      this.error = chunks.error;
      return -1;
    }
    if (!chunks.done) {
      this.#flush();
      return used;
    }
    this.done = true;
    if (chunks.trailers !== undefined) {
      this.#flush();
      this.#sink.onBodyTrailers(chunks.trailers);
    } else {
      const last = this.#pending ?? EMPTY;
      this.#pending = undefined;
      this.#sink.onBody(last, true);
    }
    return used;
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) this.#sink.onBody(pending, false);
  }
}
