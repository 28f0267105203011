// What a sink hears of a TCP connection while it lives, and at its end in place of the common line.

import { Deadline } from '#base';
import type { LiveTcp, StreamRecord } from '#telemetry';
import type { StreamSink } from '../http/manager-config.ts';
import type { ProxyServices } from '../services.ts';

export class TcpReports {
  readonly #sink: StreamSink;
  readonly #report: LiveTcp;
  readonly #services: ProxyServices;
  readonly #next: Deadline;

  private constructor(sink: StreamSink, report: LiveTcp, services: ProxyServices) {
    this.#sink = sink;
    this.#report = report;
    this.#services = services;
    const { wheel, clock } = services;
    this.#next = new Deadline(() => {
      report.report(clock.now());
      wheel.arm(this.#next, report.everyMs, clock.now());
    });
    wheel.arm(this.#next, report.everyMs, clock.now());
  }

  /** Of the first sink that wants to hear; undefined: none does. */
  static begin(record: StreamRecord, sinks: readonly StreamSink[], services: ProxyServices): TcpReports | undefined {
    for (const sink of sinks) {
      const report = sink.onTcpConnected?.(record, services.clock.now());
      if (report !== undefined) return new TcpReports(sink, report, services);
    }
    return undefined;
  }

  /** Whom it told: the sink needs no other line. */
  end(endMs: number): StreamSink {
    this.#services.wheel.cancel(this.#next);
    this.#report.end(endMs);
    return this.#sink;
  }
}
