// How the streams of a connection that is over hear of it: a thousand of them not in one turn, and whoever waits for all of them last.
import { atOnce, type Later, partsOf } from '#base';

/** Each writes its log entry and ends a request of its own. */
const TOLD_AT_ONCE = 16;
/** ms between those and the next: a thousand would be a tenth of a second without a pause. */
const REST_MS = 1;

export class StreamEnds<S extends { closed: boolean }> {
  readonly #later: Later;
  #telling = false;
  #whenTold: (() => void) | undefined = undefined;

  constructor(later: Later | undefined) {
    this.#later = later ?? atOnce;
  }

  /** From now on all are closed. */
  tell(streams: readonly S[], one: (stream: S) => void): void {
    for (const stream of streams) stream.closed = true;
    if (streams.length === 0) return;
    const some = partsOf(streams, TOLD_AT_ONCE, one);
    const part = (): false => {
      this.#telling = some();
      if (this.#telling) this.#later(part, REST_MS);
      else this.#whenTold?.();
      return false;
    };
    part();
  }

  /** At once when there is nobody left to tell. */
  whenTold(then: () => void): void {
    if (this.#telling) this.#whenTold = then;
    else then();
  }
}
