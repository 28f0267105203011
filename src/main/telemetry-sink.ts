// Counts every finished stream of this workload's proxy: Istio's metrics, and the edges of the live graph (design §3d).
import { type BoundPort, type NodeMetadata } from '#base';
import type { ClusterManager, StreamSink } from '#proxy';
import { decodeEndpointWorkload, type EdgeAggregator, type IstioMetrics, localPeer, type PeerInfo, type StreamRecord, UNKNOWN_PEER } from '#telemetry';

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
  readonly #options: TelemetrySinkOptions;
  readonly #local: PeerInfo;
  readonly #inboundListeners: ReadonlySet<string>;
  /** Equal peers are one object: metrics find their series by it. */
  readonly #peers = new Map<string, PeerInfo>();

  constructor(options: TelemetrySinkOptions) {
    this.#options = options;
    this.#local = localPeer(options.metadata);
    this.#inboundListeners = new Set(options.boundPorts.map(({ boundPort }) => `127.0.0.1_${boundPort}`));
  }

  onStreamEnd(record: StreamRecord): void {
    const { aggregator, metrics } = this.#options;
    if (record.upstreamCluster.startsWith('inbound|') || this.#inboundListeners.has(record.listener)) {
      if (record.destination === UNKNOWN_PEER) record.destination = this.#local;
      metrics.recordIstio(record, 'destination');
      // A caller in the mesh tells of this edge itself, and knows both its ends.
      if (record.downstreamPrincipal === '' || record.source !== UNKNOWN_PEER) aggregator.add(record, 'destination');
      return;
    }
    if (record.source === UNKNOWN_PEER) record.source = this.#local;
    this.#readCluster(record);
    metrics.recordIstio(record, 'source');
    aggregator.add(record, 'source');
  }

  /** `outbound|9080|v1|reviews.default.svc.cluster.local` says which service was asked for, the endpoint which workload answered. */
  #readCluster(record: StreamRecord): void {
    const parts = record.upstreamCluster.split('|');
    const host = parts[3];
    if (host !== undefined && host !== '' && record.destinationService === '') {
      const [name = '', namespace = ''] = host.split('.');
      record.destinationService = host;
      record.destinationServiceName = name;
      record.destinationServiceNamespace = namespace;
    }
    if (record.destination === UNKNOWN_PEER && record.upstreamHost !== '') record.destination = this.#peerAt(record.upstreamCluster, record.upstreamHost);
  }

  #peerAt(cluster: string, key: string): PeerInfo {
    const spec = this.#options.clusters().get(cluster)?.hosts.get(key)?.spec;
    const text = spec?.metadata['istio']?.['workload'];
    if (typeof text !== 'string') return UNKNOWN_PEER;
    let peer = this.#peers.get(text);
    if (peer === undefined) {
      if (this.#peers.size >= MOST_PEERS) this.#peers.clear();
      this.#peers.set(text, (peer = decodeEndpointWorkload(text)));
    }
    return peer;
  }
}
