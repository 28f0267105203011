// What a finished stream is counted into: Istio's metrics and the summary for the control plane. Fills
// in what the record left open and the proxy itself knows: its own workload, and the service that the
// upstream cluster's name tells ("outbound|9080|v1|reviews.default.svc.cluster.local").

import type { EdgeAggregator } from './graph/edge-aggregator.ts';
import { denialOf, NO_FILTER_CHAIN } from './graph/failure.ts';
import { undeclaredTo } from './graph/pass-through.ts';
import type { Reporter } from './istio/edge.ts';
import type { IstioMetrics } from './istio/istio-metrics.ts';
import type { MetricRules } from './istio/metric-rules.ts';
import { LiveTcp, TCP_REPORT_MS } from './live-tcp.ts';
import { type PeerInfo, type StreamRecord, UNKNOWN_PEER } from './stream-record.ts';

export interface StreamReporterOptions {
  /** This proxy's workload (`localPeer(metadata)`). */
  readonly local: PeerInfo;
  readonly metrics?: IstioMetrics;
  readonly aggregator?: EdgeAggregator;
  readonly taps?: { add(record: StreamRecord, inbound: boolean): void };
}

export interface StreamReporterSink {
  /** Call after `endMs` was set. */
  onStreamEnd(record: StreamRecord): void;
  /** A TCP connection reached its endpoint: its end goes to what is returned, and not to `onStreamEnd`. */
  onTcpConnected(record: StreamRecord, nowMs: number): LiveTcp | undefined;
}

interface Service {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

const SNI = /^outbound_\.\d+_\.[\w.-]*_\.[a-z0-9.-]+$/;
/** Cluster names remembered; configuration bounds them, and clearing costs nothing but a parse. */
const MAX_SERVICES = 4_096;

export class StreamReporter {
  readonly #options: StreamReporterOptions;
  readonly #services = new Map<string, Service>();
  readonly #sinks = new Map<string, StreamReporterSink>();
  #refusals: StreamReporterSink | undefined = undefined;

  constructor(options: StreamReporterOptions) {
    this.#options = options;
  }

  /** `destination` for inbound listeners, `source` for outbound ones and gateways. */
  sink(reporter: Reporter, rules?: MetricRules, tcpReportMs: number = TCP_REPORT_MS): StreamReporterSink {
    // Sinks with rules or an interval of their own are their listener's: configuration bounds their number.
    const shared = rules === undefined && tcpReportMs === TCP_REPORT_MS;
    let sink = shared ? this.#sinks.get(reporter) : undefined;
    if (sink === undefined) {
      const { metrics, aggregator, taps } = this.#options;
      sink = {
        onStreamEnd: (record) => {
          this.#complete(record, reporter);
          if (countedElsewhere(record)) return;
          metrics?.recordIstio(record, reporter, rules);
          taps?.add(record, reporter !== 'source');
          // What was denied here its caller cannot tell apart from an application's refusal.
          if (!toldByPeer(record, reporter) || denialOf(record) !== '') aggregator?.add(record, reporter);
        },
        onTcpConnected: (record, nowMs) => {
          this.#complete(record, reporter);
          if (countedElsewhere(record)) return undefined;
          return new LiveTcp(record, reporter, tcpReportMs, {
            metrics: metrics?.openTcp(record, reporter, nowMs, rules),
            aggregator: toldByPeer(record, reporter) ? undefined : aggregator,
            finished: () => taps?.add(record, reporter !== 'source'),
          });
        },
      };
      if (shared) this.#sinks.set(reporter, sink);
    }
    return sink;
  }

  /**
   * For connections that an inbound listener turned away before any filter chain took them, such as plaintext where
   * mutual TLS is demanded: they are told and tapped, and no part of Istio's metrics, which know only of what a chain took.
   */
  refusals(): StreamReporterSink {
    const { aggregator, taps } = this.#options;
    return (this.#refusals ??= {
      onStreamEnd: (record) => {
        this.#complete(record, 'destination');
        // A stock Envoy's log says so by its flag alone.
        if (record.connectionTerminationDetails === '') record.connectionTerminationDetails = NO_FILTER_CHAIN;
        taps?.add(record, true);
        aggregator?.add(record, 'destination');
      },
      onTcpConnected: () => undefined,
    });
  }

  #complete(record: StreamRecord, reporter: Reporter): void {
    const { local } = this.#options;
    if (reporter === 'source' && record.source === UNKNOWN_PEER) record.source = local;
    if (reporter !== 'source' && record.destination === UNKNOWN_PEER) record.destination = local;
    if (record.destinationService !== '') return;
    let service = this.#serviceOf(record.upstreamCluster);
    if (service.host === '' && reporter !== 'source' && record.downstreamMtls) {
      // Answered before a cluster was chosen (denied, say): a caller of the mesh said in its SNI what it asked for.
      const asked = this.#serviceOf(record.sni);
      if (asked.namespace === local.namespace) service = asked;
    }
    record.destinationService = service.host;
    record.destinationServiceName =
      service.name || undeclaredTo({ cluster: record.upstreamCluster, route: record.routeName });
    record.destinationServiceNamespace = service.namespace || (reporter === 'source' ? '' : local.namespace);
  }

  #serviceOf(cluster: string): Service {
    let service = this.#services.get(cluster);
    if (service === undefined) {
      if (this.#services.size >= MAX_SERVICES) this.#services.clear();
      service = readCluster(cluster);
      this.#services.set(cluster, service);
    }
    return service;
  }
}

/** Bytes of a CONNECT into the mesh are counted by the listener that they enter. */
function countedElsewhere(record: StreamRecord): boolean {
  return record.upstreamCluster.startsWith('connect|');
}

/** A mesh peer that did not say who it is tells of the edge itself, and knows both its ends. */
function toldByPeer(record: StreamRecord, reporter: Reporter): boolean {
  return reporter !== 'source' && record.source === UNKNOWN_PEER && record.downstreamPrincipal !== '';
}

/** A cluster's name, or an SNI: "outbound_.9080_._.reviews.default.svc.cluster.local". */
function readCluster(cluster: string): Service {
  const [direction, , , host = ''] = SNI.test(cluster) ? cluster.split('_.') : cluster.split('|');
  if (host !== '' && (direction === 'outbound' || direction === 'inbound')) {
    const [name = '', namespace = ''] = host.split('.');
    return { host, name, namespace: host.includes('.svc.') ? namespace : '' };
  }
  return { host: '', name: /^InboundPassthroughCluster/.test(cluster) ? cluster : '', namespace: '' };
}
