// A connection's budgets against floods: what costs us work and moves no request is counted, and over its budget the peer is cut.
import { ConnectionError, H2_ERROR } from './errors.ts';
import type { H2Limits } from './limits.ts';

export class FloodGuard {
  readonly #limits: H2Limits;
  #idleControl = 0;
  #emptyData = 0;
  #resetCredit: number;

  constructor(limits: H2Limits) {
    this.#limits = limits;
    this.#resetCredit = limits.resetCreditMax;
  }

  /** A request began, or body moved in either direction. */
  progress(): void {
    this.#idleControl = 0;
  }

  /** PING, SETTINGS, PRIORITY, WINDOW_UPDATE and unknown frames. */
  controlFrame(): void {
    this.#idleControl += 1;
    if (this.#idleControl > this.#limits.idleControlFramesMax) {
      throw new ConnectionError(H2_ERROR.ENHANCE_YOUR_CALM, 'too many control frames without a request');
    }
  }

  dataFrame(bytes: number, end: boolean): void {
    this.#idleControl = 0;
    this.#emptyData = bytes === 0 && !end ? this.#emptyData + 1 : 0;
    if (this.#emptyData > this.#limits.emptyDataFramesMax) {
      throw new ConnectionError(H2_ERROR.ENHANCE_YOUR_CALM, 'too many empty DATA frames');
    }
  }

  /** Each finished stream earns one reset; more is a rapid reset (CVE-2023-44487). */
  resetFrame(): void {
    this.#resetCredit -= 1;
    if (this.#resetCredit < 0) throw new ConnectionError(H2_ERROR.ENHANCE_YOUR_CALM, 'too many resets');
  }

  streamFinished(): void {
    this.#resetCredit = Math.min(this.#limits.resetCreditMax, this.#resetCredit + 1);
  }
}
