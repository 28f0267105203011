// What a finished stream is counted into: Istio's metrics and the summary for the control plane, once per reporter.

import type { EdgeAggregator } from './graph/edge-aggregator.ts';
import type { Reporter } from './istio/edge.ts';
import type { IstioMetrics } from './istio/istio-metrics.ts';
import type { StreamRecord } from './stream-record.ts';

export class StreamReporter {
  readonly #metrics: IstioMetrics | undefined;
  readonly #aggregator: EdgeAggregator | undefined;
  readonly #sinks = new Map<Reporter, { onStreamEnd(record: StreamRecord): void }>();

  constructor(targets: { readonly metrics?: IstioMetrics; readonly aggregator?: EdgeAggregator }) {
    this.#metrics = targets.metrics;
    this.#aggregator = targets.aggregator;
  }

  /** `destination` for inbound listeners, `source` for outbound ones and gateways. Call after `endMs` was set. */
  sink(reporter: Reporter): { onStreamEnd(record: StreamRecord): void } {
    let sink = this.#sinks.get(reporter);
    if (sink === undefined) {
      const metrics = this.#metrics;
      const aggregator = this.#aggregator;
      sink = {
        onStreamEnd: (record) => {
          metrics?.recordIstio(record, reporter);
          aggregator?.add(record, reporter);
        },
      };
      this.#sinks.set(reporter, sink);
    }
    return sink;
  }
}
