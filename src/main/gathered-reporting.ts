// What the workers of an agent's proxy count, as if one thread had: Istio's metrics on one page, one summary a second, one tap.
import { TapStation } from '#agent';
import type { Clock } from '#base';
import {
  type ExpositionSource,
  MergedExposition,
  type PeerInfo,
  type ProxyHealthReading,
  type SummaryInit,
} from '#telemetry';
import type { ProxyWorkers } from './proxy-workers.ts';

export class GatheredReporting implements ExpositionSource {
  readonly taps: TapStation;
  readonly #workers: ProxyWorkers;
  #edges: NonNullable<SummaryInit['edges']> = [];
  #routes: NonNullable<SummaryInit['routes']> = [];
  #dropped = 0n;
  #asking = false;
  connections = 0;

  constructor(workers: ProxyWorkers, clock: Clock, local: PeerInfo) {
    this.#workers = workers;
    this.taps = new TapStation({ clock, local });
    this.taps.changed = (asks) => workers.setTaps(asks);
    workers.onTap = (subscription, json) => this.taps.relay(subscription, json);
  }

  /** As of the last look at the workers. */
  *renderPrometheus(_usedOnly = false, exemplars = false): Iterable<string> {
    const all = new MergedExposition();
    for (const text of this.#workers.expositions) all.add(text);
    yield* all.render(exemplars);
  }

  /**
   * What was gathered since the last call, and asks the workers for the next: while nobody takes summaries, the
   * workers keep what they have, each within its bounds.
   */
  flush(wallMs: number, health: ProxyHealthReading): SummaryInit {
    const summary: SummaryInit = {
      at: { seconds: BigInt(Math.floor(wallMs / 1000)), nanos: Math.floor(wallMs % 1000) * 1_000_000 },
      edges: this.#edges,
      routes: this.#routes,
      droppedEdges: this.#dropped,
      health: {
        cpuSeconds: health.cpuSeconds,
        rssBytes: BigInt(Math.round(health.rssBytes)),
        activeConnections: BigInt(health.activeConnections),
        activeRequests: BigInt(health.activeRequests),
      },
    };
    this.#edges = [];
    this.#routes = [];
    this.#dropped = 0n;
    void this.gather();
    return summary;
  }

  async gather(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const told = await this.#workers.summaries();
    this.#asking = false;
    this.connections = 0;
    for (const { edges, routes, droppedEdges, connections } of told) {
      this.#edges.push(...edges);
      this.#routes.push(...routes);
      this.#dropped += droppedEdges;
      this.connections += connections;
    }
  }
}
