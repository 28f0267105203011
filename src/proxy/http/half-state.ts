// Where one direction of a stream stands in its filter chain: running, stopped at a filter, or collecting a body for it.

import type { HeaderBlock } from '#wire/http';
import type { FilterStatus } from './filter.ts';

export class HalfState {
  mode: 'run' | 'stop' | 'buffer' = 'run';
  /** The filter that holds the head, while `headDone` is false. */
  headAt = -1;
  headDone = false;
  /** Where held data goes on. */
  dataFrom = 0;
  /** Response: the head came with end. */
  end = false;
  /** A whole body is being given to a filter: the head that goes on meanwhile is not the end. */
  pendingBody = false;
  trailers: HeaderBlock | undefined = undefined;
  bytes = 0;
  #pieces: Uint8Array[] | undefined = undefined;
  #heldEnd = false;
  /** The filter whose method runs now; it may continue before it returns. */
  #inside = -1;
  #stoppedAt = -1;
  #continuedInside = false;

  get stopped(): boolean {
    return this.mode !== 'run';
  }

  /** Something of the body is held back or about to follow. */
  get holds(): boolean {
    return this.pendingBody || (this.#pieces !== undefined && this.#pieces.length > 0) || this.trailers !== undefined;
  }

  enter(index: number): void {
    this.#inside = index;
    this.#continuedInside = false;
  }

  /** True when the direction stops here. */
  leave(status: FilterStatus): boolean {
    const index = this.#inside;
    this.#inside = -1;
    if (status === 'continue' || this.#continuedInside) return false;
    this.mode = status;
    this.#stoppedAt = index;
    this.dataFrom = index;
    return true;
  }

  /** A filter's continue call: true when the direction was stopped at it and runs again. */
  resume(index: number): boolean {
    if (this.#inside === index) {
      this.#continuedInside = true;
      return false;
    }
    if (this.mode === 'run' || this.#stoppedAt !== index) return false;
    this.mode = 'run';
    return true;
  }

  /** Runs again because what was waited for is whole. */
  give(): void {
    this.mode = 'run';
  }

  /** A local reply begins the response direction anew. */
  restart(): void {
    this.mode = 'run';
    this.headDone = false;
    this.headAt = -1;
    this.trailers = undefined;
    this.bytes = 0;
    this.#pieces = undefined;
    this.#heldEnd = false;
    this.#inside = -1;
    this.pendingBody = false;
  }

  keep(data: Uint8Array, end: boolean): void {
    if (data.length > 0) {
      (this.#pieces ??= []).push(data);
      this.bytes += data.length;
    }
    if (end) this.#heldEnd = true;
  }

  takeData(): { readonly data: Uint8Array | undefined; readonly end: boolean } {
    const pieces = this.#pieces;
    const end = this.#heldEnd;
    this.#pieces = undefined;
    this.#heldEnd = false;
    this.bytes = 0;
    if (pieces === undefined || pieces.length === 0) return { data: undefined, end };
    return { data: pieces.length === 1 ? pieces[0] : Buffer.concat(pieces), end };
  }

  takeTrailers(): HeaderBlock | undefined {
    const trailers = this.trailers;
    this.trailers = undefined;
    return trailers;
  }
}
