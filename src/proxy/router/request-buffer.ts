// The request's body as far as it came, kept until it was sent and can't be needed again.

import { keepRead } from '#base';
import type { HeaderBlock } from '#wire/http';

export class RequestBuffer {
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  trailers: HeaderBlock | undefined = undefined;

  get empty(): boolean {
    return this.pieces.length === 0;
  }

  add(data: Uint8Array): void {
    if (data.length === 0) return;
    keepRead();
    this.pieces.push(data);
    this.bytes += data.length;
  }
}
