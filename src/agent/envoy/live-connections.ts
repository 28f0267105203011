// TCP connections that Envoy tells of while they live: its access log carries the bytes of the whole connection each time.

import type { Clock } from '#base';
import type { LiveTcp, StreamRecord, StreamReporterSink } from '#telemetry';
import { MAX_LIVE_CONNECTIONS, SILENT_CONNECTION_MS, SILENT_INTERVALS } from './limits.ts';

interface Live {
  readonly record: StreamRecord;
  readonly report: LiveTcp;
  lastMs: number;
}

export class LiveConnections {
  readonly #clock: Clock;
  readonly #maximum: number;
  /** By Envoy's id of the connection; the longest silent first. */
  readonly #byId = new Map<string, Live>();

  constructor(clock: Clock, maximum: number = MAX_LIVE_CONNECTIONS) {
    this.#clock = clock;
    this.#maximum = maximum;
  }

  /** Its first word, or another. */
  lives(id: string, record: StreamRecord, sink: StreamReporterSink): void {
    const now = this.#clock.now();
    this.#forgetSilent(now);
    const known = this.#byId.get(id);
    if (known !== undefined) {
      // Behind the others: it spoke last.
      this.#byId.delete(id);
      this.#byId.set(id, known);
      known.lastMs = now;
      known.record.bytesSent = record.bytesSent;
      known.record.bytesReceived = record.bytesReceived;
      known.report.report(now);
      return;
    }
    // What finds no room is told of at its end.
    if (id === '' || this.#byId.size >= this.#maximum) return;
    const report = sink.onTcpConnected(record, now);
    if (report === undefined) return;
    report.report(now);
    this.#byId.set(id, { record, report, lastMs: now });
  }

  /** False: it is not known here, and counts as a whole now. */
  ends(id: string, last: StreamRecord): boolean {
    const known = this.#byId.get(id);
    if (known === undefined) return false;
    this.#byId.delete(id);
    const { record } = known;
    record.bytesSent = last.bytesSent;
    record.bytesReceived = last.bytesReceived;
    record.endMs = last.endMs;
    record.connectionTerminationDetails = last.connectionTerminationDetails;
    record.upstreamTransportFailure = last.upstreamTransportFailure;
    for (const flag of last.flags) record.addFlag(flag);
    known.report.end(this.#clock.now());
    return true;
  }

  /** Those of an Envoy that ended without a word. */
  #forgetSilent(now: number): void {
    for (const [id, { record, report, lastMs }] of this.#byId) {
      if (now - lastMs < SILENT_INTERVALS * report.everyMs + SILENT_CONNECTION_MS) return;
      this.#byId.delete(id);
      record.endMs = now;
      report.end(now);
    }
  }
}
