// What an HTTP/2 connection of either role is told by its owner.
import type { Later } from '#base';
import type { H2Limits } from './limits.ts';

export interface H2Options {
  readonly limits: H2Limits;
  /** Runs its argument at the end of the current turn. */
  readonly defer: (flush: () => void) => void;
  /** `defer` runs within the read under way (`runTurnEnd`): body may leave from that read's buffer. */
  readonly relays?: boolean;
  /** Announce RFC 8441 (servers). */
  readonly connectProtocol?: boolean;
  /** Monotonic milliseconds; refills the budgets of peers that behave over time. */
  readonly now?: () => number;
  /**
   * Takes what others must not wait for: the rest of a read that opens a thousand streams, and the end of those; not before
   * `restMs` have passed. Without it all is done at once.
   */
  readonly later?: Later;
}
