// Folds stream records into one bounded summary a second, which the agent sends to the control plane (design §3d).

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { EdgeSampleSchema, SummarySchema } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { type Edge, EdgeIndex, type Reporter } from '../istio/edge.ts';
import type { PeerInfo, ResponseFlag, StreamRecord } from '../stream-record.ts';
import { denialOf, isFailure } from './failure.ts';
import { injectedFault } from './injected-fault.ts';
import { PASSED_THROUGH, STOPPED } from './pass-through.ts';
import { LATENCY_BOUNDS, latencyBucket } from './latency.ts';
import { MAX_CODES_PER_EDGE, MAX_EDGES_PER_SUMMARY } from './limits.ts';
import { RouteAggregator } from './route-aggregator.ts';
import { causeOf } from './tap-record.ts';

/** A Summary as plain data: `create(SummarySchema, …)` and `toBinary` are the sender's. */
export type SummaryInit = Exclude<MessageInitShape<typeof SummarySchema>, { $typeName: string }>;
export type EdgeSampleInit = Exclude<MessageInitShape<typeof EdgeSampleSchema>, { $typeName: string }>;

export interface ProxyHealthReading {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly activeConnections: number;
  readonly activeRequests: number;
}

class Sample {
  readonly edge: Edge;
  requests = 0;
  failures = 0;
  denied = 0;
  bytesSent = 0;
  bytesReceived = 0;
  opened = 0;
  closed = 0;
  latencySumMs = 0;
  latencyMaxMs = 0;
  readonly latency = new Float64Array(LATENCY_BOUNDS.length + 1);
  readonly codes = new Map<string, number>();
  readonly flags = new Map<string, number>();
  readonly denials = new Map<string, number>();
  readonly faults = new Map<string, number>();

  constructor(edge: Edge) {
    this.edge = edge;
  }
}

export class EdgeAggregator {
  readonly #index = new EdgeIndex(MAX_EDGES_PER_SUMMARY * 2);
  #samples = new Map<Edge, Sample>();
  readonly #routes = new RouteAggregator();
  #dropped = 0;

  /** Adds a finished stream, or a finished connection that was not reported while it lived. */
  add(record: StreamRecord, reporter: Reporter): void {
    const sample = this.#sampleOf(record, reporter);
    if (sample === undefined) return;
    sample.bytesSent += record.bytesSent;
    sample.bytesReceived += record.bytesReceived;
    const failed = judge(sample, record);
    for (const flag of record.flags) count(sample.flags, flag);
    // Most streams have no flag at all.
    if (record.flags.length > 0) countFault(sample.faults, record);
    if (record.protocol === 'TCP') {
      sample.opened++;
      sample.closed++;
      return;
    }
    const ms = Math.max(0, record.endMs - record.startMs);
    sample.requests++;
    sample.latencySumMs += ms;
    if (ms > sample.latencyMaxMs) sample.latencyMaxMs = ms;
    (sample.latency[latencyBucket(ms)] as number)++;
    count(sample.codes, String(record.responseCode));
    if (reporter === 'source' && !this.#routes.add(record, failed, ms)) this.#dropped++;
  }

  /** For connections that live long: opened, bytes now and then, closed. */
  addTcp(
    record: StreamRecord,
    reporter: Reporter,
    what: { readonly opened?: boolean; readonly closed?: boolean; readonly sent?: number; readonly received?: number },
  ): void {
    const sample = this.#sampleOf(record, reporter);
    if (sample === undefined) return;
    if (what.opened === true) sample.opened++;
    if (what.closed === true) {
      sample.closed++;
      judge(sample, record);
      for (const flag of record.flags) count(sample.flags, flag satisfies ResponseFlag);
    }
    sample.bytesSent += what.sent ?? 0;
    sample.bytesReceived += what.received ?? 0;
  }

  /** What was added since the last call. */
  flush(wallMs: number, health: ProxyHealthReading): SummaryInit {
    const edges = [...this.#samples.values()].map(toSample);
    const droppedEdges = BigInt(this.#dropped);
    this.#samples = new Map();
    this.#dropped = 0;
    this.#index.expire(Number.POSITIVE_INFINITY);
    return {
      at: { seconds: BigInt(Math.floor(wallMs / 1000)), nanos: Math.floor(wallMs % 1000) * 1_000_000 },
      edges,
      routes: [...this.#routes.flush()],
      droppedEdges,
      health: {
        cpuSeconds: health.cpuSeconds,
        rssBytes: BigInt(Math.round(health.rssBytes)),
        activeConnections: BigInt(health.activeConnections),
        activeRequests: BigInt(health.activeRequests),
      },
    };
  }

  #sampleOf(record: StreamRecord, reporter: Reporter): Sample | undefined {
    const edge = this.#index.find(record, reporter);
    let sample = this.#samples.get(edge);
    if (sample !== undefined) return sample;
    if (this.#samples.size >= MAX_EDGES_PER_SUMMARY) {
      this.#dropped++;
      return undefined;
    }
    sample = new Sample(edge);
    this.#samples.set(edge, sample);
    return sample;
  }
}

/** Counts it as denied or failed, where it was; what was denied did not fail. */
function judge(sample: Sample, record: StreamRecord): boolean {
  const denial = denialOf(record);
  if (denial !== '') {
    sample.denied++;
    count(sample.denials, denial);
    return true;
  }
  const failed = isFailure(record);
  if (failed) sample.failures++;
  return failed;
}

function countFault(faults: Map<string, number>, record: StreamRecord): void {
  const { flags, grpcStatus, responseCode: status } = record;
  const fault = injectedFault({ flags, grpcStatus, status, cause: causeOf(record) });
  if (fault !== '') count(faults, fault);
}

function count(counts: Map<string, number>, key: string): void {
  const known = counts.get(key);
  if (known !== undefined) counts.set(key, known + 1);
  else if (counts.size < MAX_CODES_PER_EDGE) counts.set(key, 1);
  else counts.set('other', (counts.get('other') ?? 0) + 1);
}

function toSample(s: Sample): EdgeSampleInit {
  const { edge } = s;
  return {
    reporter: edge.reporter === 'source' ? 'source' : 'destination',
    source: toPeer(edge.source, edge.sourcePrincipal),
    destination: toPeer(edge.destination, edge.destinationPrincipal),
    destinationService: edge.service || undeclaredName(edge),
    protocol: edge.protocol,
    mtls: edge.mtls,
    requests: BigInt(s.requests),
    failures: BigInt(s.failures),
    bytesSent: BigInt(s.bytesSent),
    bytesReceived: BigInt(s.bytesReceived),
    connectionsOpened: BigInt(s.opened),
    connectionsClosed: BigInt(s.closed),
    latencyCounts: s.requests === 0 ? [] : Array.from(s.latency, BigInt),
    latencySumMs: s.latencySumMs,
    latencyMaxMs: s.latencyMaxMs,
    codes: toCounts(s.codes),
    flags: toCounts(s.flags),
    denied: BigInt(s.denied),
    denials: toCounts(s.denials),
    faults: toCounts(s.faults),
  };
}

/** As Istio's metrics call what nothing declares, so that it is no more `unknown` than it has to be. */
function undeclaredName({ serviceName }: Edge): string {
  return serviceName === PASSED_THROUGH || serviceName === STOPPED ? serviceName : '';
}

function toCounts(counts: ReadonlyMap<string, number>): Record<string, bigint> {
  return Object.fromEntries(Array.from(counts, ([k, n]) => [k, BigInt(n)]));
}

function toPeer(peer: PeerInfo, principal: string): NonNullable<EdgeSampleInit['source']> {
  return {
    workload: peer.workload,
    namespace: peer.namespace,
    canonicalService: peer.canonicalService,
    canonicalRevision: peer.canonicalRevision,
    principal,
    app: peer.app,
    version: peer.version,
    cluster: peer.cluster,
  };
}
