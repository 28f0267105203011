// What a client sends before its upgrade or tunnel is granted (RFC 9110 §7.8, §9.3.6): it waits. An application that does not grant it
// would take these bytes for its next request, which nobody has judged.

import { keptBytes } from '#base';

export class EarlyBytes {
  readonly #pieces: Uint8Array[] = [];
  ended = false;
  #refused = false;

  get empty(): boolean {
    return this.#pieces.length === 0 && !this.ended;
  }

  /** False: the client pauses, so that no more than its window waits. */
  take(data: Uint8Array, end: boolean): boolean {
    if (this.#refused) return true;
    if (data.length > 0) this.#pieces.push(keptBytes(data));
    this.ended ||= end;
    return this.#pieces.length === 0;
  }

  all(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Answered otherwise: what came and what comes is lost. */
  refuse(): void {
    this.#refused = true;
    this.#pieces.length = 0;
  }
}
