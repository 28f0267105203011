// Looks every other second whether a workload's traffic is still redirected to its proxy: somebody may delete the rules of a
// live namespace. In a pod, a call of the proxy to its own pod comes back in by the proxy's port where they are, else nobody answers.
import type { Clock, Net, Timer } from '#base';

/** Nobody listens there: what arrives nevertheless was redirected (Istio's port for the same check). */
export const PROBE_PORT = 15002;

const EVERY_MS = 2000;
const TIMEOUT_MS = 1000;
/** One refusal may be the proxy's own, between two of its listeners. */
const REFUSALS = 2;

export interface CaptureWatchOptions {
  readonly clock: Clock;
  readonly net: Pick<Net, 'connect'>;
  /** The pod's own. */
  readonly address: string;
  /** Another that only the rules make somebody answer at. */
  readonly port?: number;
  /** Whoever asks made the rules: it need not have seen them once. */
  readonly made?: boolean;
  /** Told after every change; the first time only of rules that are gone. */
  readonly changed: (captured: boolean) => void;
}

export class CaptureWatch {
  readonly #options: CaptureWatchOptions;
  #timer: Timer | undefined = undefined;
  /** Whoever never redirected anything has nothing to lose: an agent that is run by hand. */
  #seen: boolean;
  #lost = false;
  #refusals = 0;
  #closed = false;

  constructor(options: CaptureWatchOptions) {
    this.#options = options;
    this.#seen = options.made === true;
  }

  /** Rules that were there are gone. */
  get lost(): boolean {
    return this.#lost;
  }

  start(): void {
    let answered = false;
    const nothing = (): void => {};
    const { net, address, port = PROBE_PORT } = this.#options;
    const conn = net.connect(
      { host: address, port, timeoutMs: TIMEOUT_MS },
      {
        onConnected: () => {
          answered = true;
          conn.destroy();
        },
        onData: nothing,
        onEnd: nothing,
        onDrain: nothing,
        onClose: () => this.#judge(answered),
      },
    );
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #judge(answered: boolean): void {
    if (this.#closed) return;
    this.#seen ||= answered;
    this.#refusals = answered ? 0 : this.#refusals + 1;
    const lost = this.#seen && this.#refusals >= REFUSALS;
    if (lost !== this.#lost && (lost || answered)) {
      this.#lost = lost;
      this.#options.changed(!lost);
    }
    this.#timer = this.#options.clock.setTimer(EVERY_MS, () => this.start(), { unref: true });
  }
}
