// A TCP connection that is reported while it lives, at the interval of istio.stats (Telemetry's reportingInterval):
// opened once, bytes at each look, closed at its end. The sum over its life is what a single report at its end would say.

import type { EdgeAggregator } from './graph/edge-aggregator.ts';
import type { Reporter } from './istio/edge.ts';
import type { TcpReport } from './istio/istio-metrics.ts';
import type { StreamRecord } from './stream-record.ts';

/** Istio's own (tcp_reporting_duration of stats.PluginConfig). */
export const TCP_REPORT_MS = 5_000;

export interface LiveTcpSinks {
  readonly metrics: TcpReport | undefined;
  /** Absent where the other end tells of the edge. */
  readonly aggregator: EdgeAggregator | undefined;
  readonly finished: () => void;
}

export class LiveTcp {
  /** Milliseconds between reports. */
  readonly everyMs: number;
  readonly #record: StreamRecord;
  readonly #reporter: Reporter;
  readonly #sinks: LiveTcpSinks;
  #sent = 0;
  #received = 0;

  constructor(record: StreamRecord, reporter: Reporter, everyMs: number, sinks: LiveTcpSinks) {
    this.#record = record;
    this.#reporter = reporter;
    this.everyMs = everyMs;
    this.#sinks = sinks;
    sinks.aggregator?.addTcp(record, reporter, { opened: true });
  }

  /** The record's byte counts are those of the whole connection so far. */
  report(nowMs: number): void {
    const record = this.#record;
    const sent = record.bytesSent - this.#sent;
    const received = record.bytesReceived - this.#received;
    this.#sent = record.bytesSent;
    this.#received = record.bytesReceived;
    this.#sinks.metrics?.bytes(sent, received, nowMs);
    if (sent > 0 || received > 0) this.#sinks.aggregator?.addTcp(record, this.#reporter, { sent, received });
  }

  /** Call once, after the record was finished. */
  end(nowMs: number): void {
    this.report(nowMs);
    this.#sinks.metrics?.closed(nowMs);
    this.#sinks.aggregator?.addTcp(this.#record, this.#reporter, { closed: true });
    this.#sinks.finished();
  }
}
