// An edge: one (reporter, source, destination, service, protocol) tuple of Istio's labels, found from a
// StreamRecord by identity of its peers, so that the long label text is made once and not per request.

import type { PeerInfo, StreamRecord } from '../stream-record.ts';
import { escapeLabel } from '../stats/render-prometheus.ts';
import { MAX_EDGES, MAX_INDEX_ENTRIES } from './limits.ts';

export type Reporter = 'source' | 'destination' | 'waypoint';
export type EdgeProtocol = 'http' | 'grpc' | 'tcp';

/** What a label says when the fact is missing. */
const UNKNOWN = 'unknown';
/** What every label says on the tuple that takes what the budget has no room for. */
export const OTHER = 'other';

export class Edge {
  readonly reporter: Reporter;
  readonly source: PeerInfo;
  readonly destination: PeerInfo;
  readonly sourcePrincipal: string;
  readonly destinationPrincipal: string;
  readonly service: string;
  readonly serviceName: string;
  readonly serviceNamespace: string;
  readonly protocol: EdgeProtocol;
  readonly mtls: boolean;
  readonly key: string;
  /** Monotonic ms of the last record. */
  lastMs = 0;
  /** Open connections that hold it: it does not expire while they live. */
  pins = 0;
  #labels = '';

  constructor(record: StreamRecord, reporter: Reporter, protocol: EdgeProtocol, key: string) {
    const inbound = reporter !== 'source';
    this.reporter = reporter;
    this.protocol = protocol;
    this.key = key;
    this.source = record.source;
    this.destination = record.destination;
    this.sourcePrincipal = inbound ? record.downstreamPrincipal : record.upstreamLocalPrincipal;
    this.destinationPrincipal = inbound ? record.downstreamLocalPrincipal : record.upstreamPrincipal;
    this.mtls = isMtls(record, inbound);
    this.service = record.destinationService;
    this.serviceName = record.destinationServiceName;
    this.serviceNamespace = record.destinationServiceNamespace;
  }

  /** The labels from `reporter` to `destination_cluster`, in Istio's order, without braces. */
  get labels(): string {
    if (this.#labels === '') this.#labels = this.key === OTHER ? otherLabels(this.reporter) : labelTextOf(this);
    return this.#labels;
  }

  /** `connection_security_policy`: only the destination can tell, as in Istio. */
  get securityPolicy(): string {
    if (this.key === OTHER) return OTHER;
    return this.reporter === 'source' ? UNKNOWN : this.mtls ? 'mutual_tls' : 'none';
  }

  fits(record: StreamRecord, inbound: boolean, protocol: EdgeProtocol): boolean {
    return (
      this.service === record.destinationService &&
      this.protocol === protocol &&
      this.mtls === isMtls(record, inbound) &&
      this.sourcePrincipal === (inbound ? record.downstreamPrincipal : record.upstreamLocalPrincipal) &&
      this.destinationPrincipal === (inbound ? record.downstreamLocalPrincipal : record.upstreamPrincipal) &&
      this.serviceName === record.destinationServiceName &&
      this.serviceNamespace === record.destinationServiceNamespace
    );
  }
}

/** Finds or makes the edge of a record. Bounded: what does not fit lands on one `other` edge per reporter and protocol. */
export class EdgeIndex {
  readonly #byPeers = new Map<PeerInfo, Map<PeerInfo, Edge[]>>();
  readonly #edges = new Map<string, Edge>();
  readonly #maxEdges: number;
  #indexed = 0;
  #last: Edge | undefined = undefined;
  /** Records that were counted on an `other` edge. */
  overflowed = 0;

  constructor(maxEdges: number = MAX_EDGES) {
    this.#maxEdges = maxEdges;
  }

  find(record: StreamRecord, reporter: Reporter): Edge {
    const inbound = reporter !== 'source';
    const protocol: EdgeProtocol = record.protocol === 'TCP' ? 'tcp' : record.grpc ? 'grpc' : 'http';
    const last = this.#last;
    if (
      last !== undefined &&
      last.source === record.source &&
      last.destination === record.destination &&
      last.reporter === reporter &&
      last.fits(record, inbound, protocol)
    ) {
      return last;
    }
    const candidates = this.#byPeers.get(record.source)?.get(record.destination);
    if (candidates !== undefined) {
      for (let i = 0; i < candidates.length; i++) {
        const edge = candidates[i] as Edge;
        if (edge.reporter === reporter && edge.fits(record, inbound, protocol)) return (this.#last = edge);
      }
    }
    return this.#findByContent(record, reporter, protocol);
  }

  edges(): IterableIterator<Edge> {
    return this.#edges.values();
  }

  get size(): number {
    return this.#edges.size;
  }

  /** Removes edges without a record since `beforeMs`; returns them. */
  expire(beforeMs: number): Edge[] {
    const gone: Edge[] = [];
    for (const edge of this.#edges.values()) if (edge.lastMs < beforeMs && edge.pins === 0) gone.push(edge);
    for (const edge of gone) this.#edges.delete(edge.key === OTHER ? otherKey(edge.reporter, edge.protocol) : edge.key);
    if (gone.length > 0) this.#clearIndex();
    return gone;
  }

  #findByContent(record: StreamRecord, reporter: Reporter, protocol: EdgeProtocol): Edge {
    const key = contentKey(record, reporter, protocol);
    let edge = this.#edges.get(key);
    if (edge === undefined) {
      if (this.#edges.size >= this.#maxEdges) return this.#other(record, reporter, protocol);
      edge = new Edge(record, reporter, protocol, key);
      this.#edges.set(key, edge);
    }
    // Equal peers may arrive as different objects: the index leads from these very objects to the one edge,
    // and `#last` compares identities, so it takes only an edge made of these objects.
    this.#remember(record, edge);
    return edge;
  }

  #remember(record: StreamRecord, edge: Edge): void {
    if (this.#indexed >= MAX_INDEX_ENTRIES) this.#clearIndex();
    let destinations = this.#byPeers.get(record.source);
    if (destinations === undefined) this.#byPeers.set(record.source, (destinations = new Map()));
    const list = destinations.get(record.destination);
    if (list === undefined) destinations.set(record.destination, [edge]);
    else if (list.length < 32) list.push(edge);
    this.#indexed++;
  }

  #other(record: StreamRecord, reporter: Reporter, protocol: EdgeProtocol): Edge {
    this.overflowed++;
    const key = otherKey(reporter, protocol);
    let edge = this.#edges.get(key);
    if (edge === undefined) this.#edges.set(key, (edge = new Edge(record, reporter, protocol, OTHER)));
    return edge;
  }

  #clearIndex(): void {
    this.#byPeers.clear();
    this.#indexed = 0;
    this.#last = undefined;
  }
}

function otherKey(reporter: Reporter, protocol: EdgeProtocol): string {
  return `${OTHER}|${reporter}|${protocol}`;
}

function isMtls(record: StreamRecord, inbound: boolean): boolean {
  return inbound ? record.downstreamMtls : record.upstreamMtls;
}

function contentKey(r: StreamRecord, reporter: Reporter, protocol: EdgeProtocol): string {
  const inbound = reporter !== 'source';
  return [
    reporter,
    protocol,
    isMtls(r, inbound) ? 1 : 0,
    peerKey(r.source),
    peerKey(r.destination),
    inbound ? r.downstreamPrincipal : r.upstreamLocalPrincipal,
    inbound ? r.downstreamLocalPrincipal : r.upstreamPrincipal,
    r.destinationService,
    r.destinationServiceName,
    r.destinationServiceNamespace,
  ].join('\u0000');
}

function peerKey(p: PeerInfo): string {
  return [p.workload, p.namespace, p.canonicalService, p.canonicalRevision, p.app, p.version, p.cluster].join('\u0001');
}

const LABEL_NAMES = [
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
] as const;

/** Label names and values from source_workload on, in Istio's order, with Istio's words for what is missing. */
function edgeValues(e: Edge): readonly string[] {
  const inbound = e.reporter !== 'source';
  const { source: s, destination: d } = e;
  const sourceNamespace = (inbound ? namespaceOf(e.sourcePrincipal) : '') || s.namespace;
  const destinationNamespace = (inbound ? '' : namespaceOf(e.destinationPrincipal)) || d.namespace;
  // The callee falls back to its own canonical name when it does not know which service was addressed.
  const serviceFallback = inbound ? d.canonicalService : '';
  return [
    s.workload,
    s.canonicalService,
    s.canonicalRevision || 'latest',
    sourceNamespace,
    e.sourcePrincipal,
    s.app,
    s.version,
    s.cluster,
    d.workload,
    destinationNamespace,
    e.destinationPrincipal,
    d.app,
    d.version,
    e.service || serviceFallback,
    d.canonicalService,
    d.canonicalRevision || 'latest',
    e.serviceName || serviceFallback,
    e.serviceNamespace || destinationNamespace,
    d.cluster,
  ];
}

/** From `reporter` to `destination_cluster`, in Istio's order; values are not escaped. */
export function edgeLabels(e: Edge): readonly (readonly [name: string, value: string])[] {
  const values = edgeValues(e);
  return [['reporter', e.reporter], ...LABEL_NAMES.map((name, i) => [name, values[i] || UNKNOWN] as const)];
}

function labelTextOf(e: Edge): string {
  return edgeLabels(e)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');
}

function otherLabels(reporter: Reporter): string {
  return `reporter="${reporter}",${LABEL_NAMES.map((n) => `${n}="${OTHER}"`).join(',')}`;
}

/** The namespace inside a SPIFFE id of Istio's form; '' when there is none. A verified id counts more than metadata. */
function namespaceOf(principal: string): string {
  const begin = principal.indexOf('/ns/');
  if (begin < 0) return '';
  const end = principal.indexOf('/', begin + 4);
  return end < 0 ? principal.slice(begin + 4) : principal.slice(begin + 4, end);
}
