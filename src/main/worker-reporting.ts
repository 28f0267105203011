// A worker's end of its agent's telemetry: counts Istio's metrics and edges, and taps, until the process asks for them.
import { TapStation } from '#agent';
import type { Clock, NodeMetadata } from '#base';
import { peerMetadataExtension, type Proxy } from '#proxy';
import { EdgeAggregator, encodePeerMetadata, IstioMetrics, localPeer, StreamReporter } from '#telemetry';
import type { WorkerSummary } from './worker-messages.ts';

export interface ReportingOrder {
  readonly metadata: NodeMetadata;
  readonly nodeId: string;
}

const EXPIRE_MS = 60_000;
const NO_HEALTH = { cpuSeconds: 0, rssBytes: 0, activeConnections: 0, activeRequests: 0 };

export class WorkerReporting {
  readonly reporter: StreamReporter;
  readonly taps: TapStation;
  readonly #order: ReportingOrder;
  readonly #clock: Clock;
  readonly #metrics: IstioMetrics;
  readonly #aggregator = new EdgeAggregator();

  constructor(order: ReportingOrder, clock: Clock) {
    this.#order = order;
    this.#clock = clock;
    const local = localPeer(order.metadata);
    this.taps = new TapStation({ clock, local });
    this.#metrics = new IstioMetrics({ istioVersion: order.metadata.ISTIO_VERSION, node: { ...order.metadata } });
    this.reporter = new StreamReporter({
      local,
      metrics: this.#metrics,
      aggregator: this.#aggregator,
      taps: this.taps,
    });
    this.#expire();
  }

  install(proxy: Proxy): void {
    installPeerMetadata(proxy, this.#order);
  }

  /** With exemplars: who shows it may leave them out. */
  exposition(): string {
    return [...this.#metrics.renderPrometheus(false, true)].join('');
  }

  /** What was added since the last call. */
  summary(connections: number): WorkerSummary {
    const { edges = [], routes = [], droppedEdges = 0n } = this.#aggregator.flush(0, NO_HEALTH);
    return { edges, routes, droppedEdges, connections };
  }

  #expire(): void {
    this.#metrics.expire(this.#clock.now());
    this.#clock.setTimer(EXPIRE_MS, () => this.#expire(), { unref: true });
  }
}

/** Who this workload is, for its peers. */
export function installPeerMetadata(proxy: Proxy, { metadata, nodeId }: ReportingOrder): void {
  proxy.extensions.registerHttpFilter(
    peerMetadataExtension({ encoded: encodePeerMetadata(localPeer(metadata)), nodeId }, proxy.services.peers),
  );
}
