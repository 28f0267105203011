// Walks a chunked body (RFC 9112 §7.1) only as far as framing needs: data passes as slices of what came in.

import { consumeSome } from '#base';
import { FORBIDDEN_TRAILERS, HeaderBlock } from '../http/index.ts';
import type { H1ErrorCode } from './errors.ts';
import { HeadFacts } from './head-facts.ts';
import { latin1 } from '../http/latin1.ts';
import type { H1Limits } from './limits.ts';
import { hasForbidden, parseFields } from './parse-fields.ts';

export interface ChunkedSink {
  onChunkData(data: Buffer): void;
}

const SIZE = 0;
const DATA = 1;
const DATA_END = 2;
const TRAILER = 3;
const DONE = 4;

/**
 * Framing ended before the trailers, so what they say of it has no meaning (RFC 9110 §6.5.1). Of an endpoint it is dropped;
 * of a client it is judged as in a head, and refused where two readers could take it for different things.
 */
const FRAMING_FIELD = /^(?:transfer-encoding|content-length):.*(?:\r\n|$)/gim;

const CR = 0x0d;
const LF = 0x0a;

export class ChunkedReader {
  error: H1ErrorCode | undefined = undefined;
  trailers: HeaderBlock | undefined = undefined;
  #state: number = SIZE;
  #left = 0;
  #held: Buffer | undefined = undefined;
  readonly #limits: H1Limits;
  readonly #ofResponse: boolean;

  constructor(limits: H1Limits, ofResponse: boolean) {
    this.#limits = limits;
    this.#ofResponse = ofResponse;
  }

  get done(): boolean {
    return this.#state === DONE;
  }

  /**
   * Feeds bytes; gives the number of bytes of `data` that belong to the body (all, unless `done`), or
   * -1 with `error` set.
   */
  feed(data: Buffer, sink: ChunkedSink): number {
    const held = this.#held;
    let base = 0;
    if (held !== undefined) {
      base = held.length;
      data = Buffer.concat([held, data]);
      this.#held = undefined;
    }
    let at = 0;
    while (this.#state !== DONE && at < data.length) {
      const framing = this.#state !== DATA;
      const next = this.#step(data, at, sink);
      if (next === -1) return -1;
      if (next === -2) {
        this.#held = Buffer.from(data.subarray(at));
        consumeSome(data, data.length - at);
        return data.length - base;
      }
      if (framing) consumeSome(data, next - at);
      at = next;
    }
    return at - base;
  }

  /** The next position; -1 on error, -2 when a line is not complete. */
  #step(data: Buffer, at: number, sink: ChunkedSink): number {
    switch (this.#state) {
      case SIZE:
        return this.#readSize(data, at);
      case DATA: {
        const take = Math.min(this.#left, data.length - at);
        this.#left -= take;
        if (this.#left === 0) this.#state = DATA_END;
        sink.onChunkData(data.subarray(at, at + take));
        return at + take;
      }
      case DATA_END:
        if (data.length - at < 2) return data[at] === CR ? -2 : this.#fail('http1.chunk_end');
        if (data[at] !== CR || data[at + 1] !== LF) return this.#fail('http1.chunk_end');
        this.#state = SIZE;
        return at + 2;
      default:
        return this.#readTrailers(data, at);
    }
  }

  #readSize(data: Buffer, at: number): number {
    const eol = data.indexOf('\r\n', at, 'latin1');
    if (eol < 0) return data.length - at > this.#limits.chunkLineBytesMax ? this.#fail('http1.chunk_extension') : -2;
    if (eol - at > this.#limits.chunkLineBytesMax) return this.#fail('http1.chunk_extension');
    const line = latin1(data, at, eol);
    const semicolon = line.indexOf(';');
    const digits = semicolon < 0 ? line : line.slice(0, semicolon);
    if (!/^[0-9A-Fa-f]{1,12}$/.test(digits)) return this.#fail('http1.chunk_size');
    if (semicolon >= 0 && hasForbidden(line)) return this.#fail('http1.chunk_extension');
    if (
      semicolon >= 0 &&
      !/^(;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(=([!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[^"]*"))?)*$/.test(line.slice(semicolon))
    )
      return this.#fail('http1.chunk_extension');
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left === 0 ? TRAILER : DATA;
    return eol + 2;
  }

  #readTrailers(data: Buffer, at: number): number {
    if (data.length - at >= 2 && data[at] === CR && data[at + 1] === LF) {
      this.#state = DONE;
      return at + 2;
    }
    const end = data.indexOf('\r\n\r\n', at, 'latin1');
    const most = this.#limits.headBytesMax;
    // Of the empty line that ends them three bytes may be there.
    if (end < 0) return data.length - at > most + 3 ? this.#fail('http1.headers_too_large') : -2;
    if (end - at > most) return this.#fail('http1.headers_too_large');
    const text = latin1(data, at, end);
    if (hasForbidden(text)) return this.#fail('http1.invalid_characters');
    const fields = this.#ofResponse ? text.replace(FRAMING_FIELD, '') : text;
    const trailers = new HeaderBlock();
    if (parseFields(fields, 0, trailers, new HeadFacts(), this.#limits.fieldsMax) !== undefined)
      return this.#fail('http1.trailer');
    for (const name of FORBIDDEN_TRAILERS) trailers.remove(name);
    if (trailers.count > 0) this.trailers = trailers;
    this.#state = DONE;
    return end + 4;
  }

  #fail(code: H1ErrorCode): number {
    this.error = code;
    return -1;
  }
}
