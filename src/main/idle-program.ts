// Lets go of the parts of Node's binary that only starting up and compiling needed, so that a sidecar's resident memory
// is what it uses.
import type { Clock, Logger, Timer } from '#base';
import { fileBytes, releaseProgram, trimMalloc } from '#io';

/** Configured by then, and what is hot has mostly been compiled. */
const FIRST_MS = 10_000;
/** And what runs now and then may come and go: looked at ever more rarely. */
const LONGEST_MS = 600_000;
/** Of a busy proxy's binary and libraries some 18 MB stay: so little over it is not worth a pause of 4 ms. */
const WORTH_BYTES = 24 << 20;

export interface IdleProgramParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly fileBytes?: () => number;
  readonly release?: () => void;
}

export class IdleProgram {
  readonly #parts: Required<IdleProgramParts>;
  #nextMs = FIRST_MS;
  #timer: Timer;

  constructor(parts: IdleProgramParts) {
    this.#parts = { fileBytes, release: releaseUnused, ...parts };
    this.#timer = this.#arm();
  }

  close(): void {
    this.#timer.cancel();
  }

  #arm(): Timer {
    return this.#parts.clock.setTimer(this.#nextMs, () => this.#look(), { unref: true });
  }

  #look(): void {
    const { fileBytes, release, log } = this.#parts;
    if (fileBytes() > WORTH_BYTES) {
      try {
        release();
      } catch (error) {
        // It costs memory, nothing else.
        log.debug('the pages of the program stay in memory', { reason: (error as Error).message });
        return;
      }
    }
    this.#nextMs = Math.min(this.#nextMs * 2, LONGEST_MS);
    this.#timer = this.#arm();
  }
}

/** And what compiling left free between the C library's blocks: 1 to 3 MB, a millisecond or two. */
function releaseUnused(): void {
  releaseProgram();
  trimMalloc();
}
