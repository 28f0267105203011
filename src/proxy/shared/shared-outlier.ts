// A worker's end of outlier detection: it counts, and asks the leader to eject; who is out, it is told.

import type { Host, HostOutcome, OutlierSettings } from '../cluster/index.ts';
import type { EjectionCause } from '../cluster/outlier-settings.ts';
import { TALLY } from './shared-tally.ts';

export class OutlierReporter {
  #settings: OutlierSettings;
  readonly #ask: (host: Host, cause: EjectionCause) => void;

  constructor(settings: OutlierSettings, ask: (host: Host, cause: EjectionCause) => void) {
    this.#settings = settings;
    this.#ask = ask;
  }

  update(settings: OutlierSettings): void {
    this.#settings = settings;
  }

  close(): void {}

  report(host: Host, outcome: HostOutcome): void {
    if (host.removed) return;
    const split = this.#settings.splitLocalOrigin;
    switch (outcome.kind) {
      case 'answer':
        return this.#answered(host, outcome.judged ?? outcome.status);
      case 'request-failed':
        return this.#answered(host, 500);
      case 'connected':
        if (split) this.#local(host, true);
        else if (outcome.whole === true) this.#answered(host, 200);
        return;
      case 'connect-failed':
        return split ? this.#local(host, false) : this.#answered(host, 503);
      case 'timeout':
        return split ? this.#local(host, false) : this.#answered(host, 504);
    }
  }

  #answered(host: Host, status: number): void {
    const tally = host.tally;
    if (tally === undefined) return;
    tally.add(TALLY.externalTotal);
    if (status < 500) {
      tally.add(TALLY.externalSuccess);
      tally.drain(TALLY.consecutive5xx);
      tally.drain(TALLY.consecutiveGateway);
      return;
    }
    const isGateway = status === 502 || status === 503 || status === 504;
    if (!isGateway) tally.drain(TALLY.consecutiveGateway);
    else if (tally.add(TALLY.consecutiveGateway) === this.#settings.consecutiveGateway)
      this.#judge(host, TALLY.consecutiveGateway, 'consecutive-gateway-failure');
    if (tally.add(TALLY.consecutive5xx) === this.#settings.consecutive5xx)
      this.#judge(host, TALLY.consecutive5xx, 'consecutive-5xx');
  }

  #local(host: Host, success: boolean): void {
    const tally = host.tally;
    if (tally === undefined) return;
    tally.add(TALLY.localTotal);
    if (success) {
      tally.add(TALLY.localSuccess);
      tally.drain(TALLY.consecutiveLocal);
    } else if (tally.add(TALLY.consecutiveLocal) === this.#settings.consecutiveLocal)
      this.#judge(host, TALLY.consecutiveLocal, 'consecutive-local-origin-failure');
  }

  #judge(host: Host, cell: number, cause: EjectionCause): void {
    this.#ask(host, cause);
    host.tally?.drain(cell);
  }
}
