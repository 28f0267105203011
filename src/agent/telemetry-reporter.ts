// Sends one summary a second to the control plane over topsail.telemetry.v1; what cannot be sent is folded into the next one.
import type { Clock, Timer } from '#base';
import type { EdgeAggregator, ProxyHealthReading } from '#telemetry';
import { type ClientCall, type GrpcChannel } from '#wire/grpc';
import { encodeHello, encodeSummary, type HelloFacts } from './encode-report.ts';

const PATH = '/topsail.telemetry.v1.TelemetryService/Report';
const EVERY_MS = 1000;

export interface TelemetryReporterOptions {
  readonly clock: Clock;
  readonly channel: GrpcChannel;
  readonly hello: HelloFacts;
  readonly aggregator: EdgeAggregator;
  readonly health: () => ProxyHealthReading;
}

export class TelemetryReporter {
  readonly #options: TelemetryReporterOptions;
  #call: ClientCall | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: TelemetryReporterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.setTimer(EVERY_MS, () => this.#turn(), { unref: true });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#call?.cancel();
  }

  #turn(): void {
    if (this.#closed) return;
    const { clock, aggregator, health } = this.#options;
    if (this.#call?.open !== true) this.#open();
    // The aggregator is bounded: while nobody listens, it keeps what it has and counts the rest as dropped.
    if (this.#call?.writable === true) this.#call.send(encodeSummary(aggregator.flush(clock.wallTime(), health())));
    this.start();
  }

  #open(): void {
    const call = this.#options.channel.openStream(PATH, {
      onMessage: () => {},
      onStatus: () => {
        if (this.#call === call) this.#call = undefined;
      },
    }, { waitForReady: true });
    this.#call = call;
    call.send(encodeHello(this.#options.hello));
  }
}
