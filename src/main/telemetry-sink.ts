// Hears of every finished stream of this workload's proxy and has it counted: Istio's metrics, and the edges of the live graph (design §3d).
import type { BoundPort, NodeMetadata } from '#base';
import type { ClusterManager, StreamSink } from '#proxy';
import { decodeEndpointWorkload, type EdgeAggregator, type IstioMetrics, localPeer, type PeerInfo, type StreamRecord, StreamReporter, UNKNOWN_PEER } from '#telemetry';

/** Workloads met so far: bounded, since endpoints come and go. */
const MOST_PEERS = 4096;

export interface TelemetrySinkOptions {
  readonly metadata: NodeMetadata;
  readonly boundPorts: readonly BoundPort[];
  readonly clusters: () => ClusterManager;
  readonly aggregator: EdgeAggregator;
  readonly metrics: IstioMetrics;
}

export class TelemetrySink implements StreamSink {
  readonly #clusters: () => ClusterManager;
  readonly #inboundListeners: ReadonlySet<string>;
  readonly #outbound: StreamSink;
  readonly #inbound: StreamSink;
  /** Metrics alone: a caller in the mesh tells of the edge itself, and knows both its ends. */
  readonly #inboundFromMesh: StreamSink;
  /** Equal peers are one object: metrics find their series by it. */
  readonly #peers = new Map<string, PeerInfo>();

  constructor({ metadata, boundPorts, clusters, aggregator, metrics }: TelemetrySinkOptions) {
    const local = localPeer(metadata);
    const whole = new StreamReporter({ local, metrics, aggregator });
    this.#clusters = clusters;
    this.#inboundListeners = new Set(boundPorts.map(({ boundPort }) => `127.0.0.1_${boundPort}`));
    this.#outbound = whole.sink('source');
    this.#inbound = whole.sink('destination');
    this.#inboundFromMesh = new StreamReporter({ local, metrics }).sink('destination');
  }

  onStreamEnd(record: StreamRecord): void {
    if (record.upstreamCluster.startsWith('inbound|') || this.#inboundListeners.has(record.listener)) {
      const toldByCaller = record.downstreamPrincipal !== '' && record.source === UNKNOWN_PEER;
      (toldByCaller ? this.#inboundFromMesh : this.#inbound).onStreamEnd(record);
      return;
    }
    if (record.destination === UNKNOWN_PEER && record.upstreamHost !== '') record.destination = this.#peerAt(record.upstreamCluster, record.upstreamHost);
    this.#outbound.onStreamEnd(record);
  }

  /** The workload that an endpoint's metadata names. */
  #peerAt(cluster: string, key: string): PeerInfo {
    const text = this.#clusters().get(cluster)?.hosts.get(key)?.spec.metadata['istio']?.['workload'];
    if (typeof text !== 'string') return UNKNOWN_PEER;
    let peer = this.#peers.get(text);
    if (peer === undefined) {
      if (this.#peers.size >= MOST_PEERS) this.#peers.clear();
      this.#peers.set(text, (peer = decodeEndpointWorkload(text)));
    }
    return peer;
  }
}
