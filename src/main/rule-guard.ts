// Rules that redirect a workload's traffic to its proxy, and that somebody deleted, are put back: again and again until
// they are there, and what is told of the workload's health follows.
import type { Clock, Logger, Timer } from '#base';

const AGAIN_MS = 2_000;
const AGAIN_MAX_MS = 60_000;
/** Several looks: what was put back and deleted once more meanwhile is not seen as a change. */
const LOOKED_MS = 10_000;

export interface RuleGuardOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Throws with the reason. */
  readonly putBack: () => void;
  /** Why traffic goes past the proxy; undefined: it does no longer. */
  readonly exposed: (reason: string | undefined) => void;
}

export class RuleGuard {
  readonly #options: RuleGuardOptions;
  #timer: Timer | undefined = undefined;
  #waitMs = AGAIN_MS;
  #told = false;

  constructor(options: RuleGuardOptions) {
    this.#options = options;
  }

  /** What a look at them showed: told after every change. */
  changed(captured: boolean): void {
    const { log, exposed } = this.#options;
    this.close();
    if (!captured) {
      log.error('the rules that redirect the traffic of this workload to its proxy were deleted');
      return this.#try();
    }
    log.info('the traffic of this workload goes to its proxy again');
    if (this.#told) exposed(undefined);
    this.#told = false;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waitMs = AGAIN_MS;
  }

  #try(): void {
    const { clock, log, putBack, exposed } = this.#options;
    let waitMs = LOOKED_MS;
    try {
      putBack();
      log.warn('the rules that redirect the traffic of this workload to its proxy were put back');
    } catch (error) {
      waitMs = this.#waitMs;
      this.#waitMs = Math.min(2 * waitMs, AGAIN_MAX_MS);
      const reason = error instanceof Error ? error.message : String(error);
      log.error('the rules could not be put back', { reason, againAfterMs: waitMs });
      this.#told = true;
      exposed(`its traffic goes past its proxy: ${reason}`);
    }
    this.#timer = clock.setTimer(waitMs, () => this.#try(), { unref: true });
  }
}
