// Asks the application's port whether it takes connections: its readiness before the first yes, its health afterwards.
import type { Clock, Net, Timer } from '#base';

const STARTING_MS = 100;
const EVERY_MS = 2000;
const TIMEOUT_MS = 1000;
/** A silent application is told of after so long, then again after each such while. */
const SILENT_MS = 5000;
const STILL_SILENT_MS = 60_000;
/** So many refusals in a row make a healthy application unhealthy; one answer heals it. */
const FAILURES = 3;

export interface HealthProbeOptions {
  readonly clock: Clock;
  readonly net: Pick<Net, 'connect'>;
  readonly port: number;
  readonly changed: (healthy: boolean, reason: string) => void;
  /** It has not answered yet, so long after its start. */
  readonly silent?: (seconds: number) => void;
}

export class HealthProbe {
  readonly #options: HealthProbeOptions;
  #timer: Timer | undefined;
  #failures = 0;
  #healthy: boolean | undefined;
  #closed = false;
  #startedMs = 0;
  #tellMs = SILENT_MS;

  constructor(options: HealthProbeOptions) {
    this.#options = options;
  }

  /** Undefined before the first answer. */
  get healthy(): boolean | undefined {
    return this.#healthy;
  }

  start(): void {
    this.#startedMs = this.#options.clock.now();
    this.#ask();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #ask(): void {
    if (this.#closed) return;
    let done = false;
    const finish = (reason: string): void => {
      if (done) return;
      done = true;
      this.#judge(reason);
    };
    const nothing = (): void => {};
    const conn = this.#options.net.connect(
      { host: '127.0.0.1', port: this.#options.port, timeoutMs: TIMEOUT_MS },
      {
        onConnected: () => {
          finish('');
          conn.destroy();
        },
        onData: nothing,
        onEnd: nothing,
        onDrain: nothing,
        onClose: (error) => finish(error?.message ?? 'closed'),
      },
    );
  }

  #judge(reason: string): void {
    if (this.#closed) return;
    const answered = reason === '';
    this.#failures = answered ? 0 : this.#failures + 1;
    const healthy = answered || (this.#healthy === true && this.#failures < FAILURES);
    // Silence while it starts is no news: it was never said to be healthy.
    if (healthy !== (this.#healthy ?? false)) {
      this.#healthy = healthy;
      this.#options.changed(healthy, reason);
    }
    if (this.#healthy === undefined) this.#tellSilence();
    const wait = this.#healthy === true ? EVERY_MS : STARTING_MS;
    this.#timer = this.#options.clock.setTimer(wait, () => this.#ask(), { unref: true });
  }

  #tellSilence(): void {
    const waitedMs = this.#options.clock.now() - this.#startedMs;
    if (waitedMs < this.#tellMs) return;
    this.#tellMs = waitedMs + STILL_SILENT_MS;
    this.#options.silent?.(Math.round(waitedMs / 1000));
  }
}
