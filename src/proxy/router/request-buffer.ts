// The request's body as far as it came, kept until it was sent and can't be needed again.

import { keptBytes } from '#base';
import type { HeaderBlock } from '#wire/http';

/** Without a retry policy: what is sent again when the endpoint did not look at it. */
export const UNSEEN_BYTES_MAX = 16 * 1024;

export class RequestBuffer {
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  trailers: HeaderBlock | undefined = undefined;

  get empty(): boolean {
    return this.pieces.length === 0;
  }

  /** Whether a piece is worth keeping: what fills `bytesMax` and goes on would be copied only to be dropped with the next one. */
  takes(data: Uint8Array, end: boolean, bytesMax: number): boolean {
    const room = bytesMax - this.bytes;
    return end ? data.length <= room : data.length < room;
  }

  add(data: Uint8Array): void {
    if (data.length === 0) return;
    this.pieces.push(keptBytes(data));
    this.bytes += data.length;
  }
}
