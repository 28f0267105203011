// Responses that were said in full and that the client does not take: held for so long, then given up (Envoy's stream_flush_timeout).
//
// One watch and one deadline a connection: over TLS no write is taken at once, so that nearly every response begins here.

import { Deadline, inParts, partsOf, turnTime } from '#base';
import type { ServerStream } from '#wire/http';
import type { ProxyServices } from '../services.ts';

/** Milliseconds without a byte taken, where the configuration puts no limit on idle streams. */
const FLUSH_DEFAULT_MS = 300_000;
/** Of streams that are late together, in one turn. */
const GIVEN_UP_AT_ONCE = 16;
const TIDY_LEAST = 4;

interface Said {
  stream: ServerStream;
  left: number;
  sinceMs: number;
}

export class FlushWatch {
  readonly #services: ProxyServices;
  readonly #giveUp: (stream: ServerStream) => void;
  readonly #deadline = new Deadline(() => this.#look());
  #said: Said[] = [];
  /** Those that have left are looked for when there are so many: not for each of a thousand. */
  #tidyAt = TIDY_LEAST;
  #ms = FLUSH_DEFAULT_MS;

  constructor(services: ProxyServices, giveUp: (stream: ServerStream) => void) {
    this.#services = services;
    this.#giveUp = giveUp;
  }

  /** Called when the response's end was said; does nothing when all has left already. */
  watch(stream: ServerStream, idleMs: number): void {
    const left = stream.queuedBytes;
    if (left === 0) return;
    const { clock, wheel } = this.#services;
    const nowMs = turnTime(clock);
    this.#ms = idleMs > 0 ? idleMs : FLUSH_DEFAULT_MS;
    const before = stream.version === '2' ? undefined : this.#said[0];
    if (before !== undefined) {
      // HTTP/1.1: all responses share one queue. That it is no longer than it was shows that the client takes them.
      if (left <= before.left) before.sinceMs = nowMs;
      before.stream = stream;
      before.left = Math.min(left, before.left);
    } else {
      if (this.#said.length >= this.#tidyAt) {
        this.#said = this.#said.filter((one) => one.stream.queuedBytes > 0);
        this.#tidyAt = Math.max(TIDY_LEAST, 2 * this.#said.length);
      }
      this.#said.push({ stream, left, sinceMs: nowMs });
    }
    if (!this.#deadline.armed) wheel.arm(this.#deadline, this.#ms, nowMs);
  }

  /** Those that wait. */
  *streams(): Iterable<ServerStream> {
    for (const { stream } of this.#said) yield stream;
  }

  close(): void {
    this.#services.wheel.cancel(this.#deadline);
    this.#said = [];
  }

  #look(): void {
    const { clock, wheel } = this.#services;
    const nowMs = clock.now();
    let oldest = nowMs;
    const late: ServerStream[] = [];
    this.#said = this.#said.filter((one) => {
      const left = one.stream.queuedBytes;
      if (left === 0) return false;
      if (left < one.left) {
        one.left = left;
        one.sinceMs = nowMs;
      } else if (nowMs - one.sinceMs >= this.#ms) {
        late.push(one.stream);
        return false;
      }
      oldest = Math.min(oldest, one.sinceMs);
      return true;
    });
    if (this.#said.length > 0) wheel.arm(this.#deadline, this.#ms - (nowMs - oldest), nowMs);
    const some = partsOf(late, GIVEN_UP_AT_ONCE, this.#giveUp);
    if (some()) inParts(some);
  }
}
