// Sends one summary a second to the control plane over topsail.telemetry.v1; what cannot be sent is folded into the next one.
import type { Clock, Timer } from '#base';
import type { EdgeAggregator, ProxyHealthReading } from '#telemetry';
import { type ClientCall, GRPC_STATUS, type GrpcChannel } from '#wire/grpc';
import { encodeHello, encodeSummary, encodeTap, type HelloFacts } from './encode-report.ts';
import type { TapStation } from './tap-station.ts';

const PATH = '/topsail.telemetry.v1.TelemetryService/Report';
const EVERY_MS = 1000;
/** A control plane that has no such service (Istio's) is asked again at this pace: another may take its place. */
const UNKNOWN_AGAIN_MS = 300_000;

export interface TelemetryReporterOptions {
  readonly clock: Clock;
  readonly channel: GrpcChannel;
  readonly hello: HelloFacts;
  readonly aggregator: Pick<EdgeAggregator, 'flush'>;
  readonly health: () => ProxyHealthReading;
  readonly taps?: TapStation;
}

export class TelemetryReporter {
  readonly #options: TelemetryReporterOptions;
  #call: ClientCall | undefined;
  #timer: Timer | undefined;
  #closed = false;
  /** Until when nobody there takes summaries. */
  #unknownUntilMs = 0;
  #finished = (): void => {};

  constructor(options: TelemetryReporterOptions) {
    this.#options = options;
    if (options.taps !== undefined) options.taps.tell = (subscription, json) => this.#sendTap(subscription, json);
  }

  start(): void {
    this.#timer = this.#options.clock.setTimer(EVERY_MS, () => this.#turn(), { unref: true });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#call?.cancel();
  }

  /** Sends what is left; resolves when the control plane has taken it, or after `limitMs`. */
  finish(limitMs: number): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    if (this.#call?.open !== true) this.#open();
    const call = this.#call;
    if (call === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const late = this.#options.clock.setTimer(limitMs, () => call.cancel());
      this.#finished = () => {
        late.cancel();
        resolve();
      };
      this.#sendSummary(call);
      call.halfClose();
    });
  }

  #onCommand(bytes: Uint8Array): void {
    try {
      this.#options.taps?.onCommand(bytes);
    } catch {
      // No command of ours: the next turn opens another stream.
      this.#call?.cancel();
    }
  }

  /** A record that the stream has no room for is not sent: tap must not hold up what it watches. */
  #sendTap(subscription: bigint, json: string): void {
    if (this.#call?.writable === true) this.#call.send(encodeTap(subscription, json));
  }

  #turn(): void {
    if (this.#closed) return;
    if (this.#call?.open !== true && this.#options.clock.now() >= this.#unknownUntilMs) this.#open();
    // The aggregator is bounded: while nobody listens, it keeps what it has and counts the rest as dropped.
    if (this.#call?.writable === true) this.#sendSummary(this.#call);
    this.start();
  }

  #sendSummary(call: ClientCall): void {
    const { clock, aggregator, health } = this.#options;
    call.send(encodeSummary(aggregator.flush(clock.wallTime(), health())));
  }

  #open(): void {
    const call = this.#options.channel.openStream(
      PATH,
      {
        onMessage: (bytes) => this.#onCommand(bytes),
        onStatus: ({ code }) => {
          if (code === GRPC_STATUS.unimplemented) this.#unknownUntilMs = this.#options.clock.now() + UNKNOWN_AGAIN_MS;
          if (this.#call === call) this.#call = undefined;
          // Whoever listened asks again on the next stream.
          this.#options.taps?.clear();
          this.#finished();
        },
      },
      { waitForReady: true },
    );
    this.#call = call;
    call.send(encodeHello(this.#options.hello));
  }
}
