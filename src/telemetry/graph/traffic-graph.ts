// The live graph: summaries of all agents merged into edges with rates, failures, latency and mTLS over
// the last minute or hour. The read model behind `topsail edges`, `topsail stat` and the dashboard.

import type { EdgeSample, Peer, Summary } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { LastSeen } from './last-seen.ts';
import { MAX_CODES_PER_EDGE, MAX_GRAPH_EDGES } from './limits.ts';
import { type DestinationName, nameDestination, UNKNOWN, wasSpokenTo } from './name-destination.ts';
import type { ToldTime } from './told-time.ts';
import {
  fillRow,
  hasTraffic,
  inboundRow,
  JUDGED,
  MAXIMA,
  mergeAccounts,
  MTLS,
  REQUESTS,
  trafficView,
  WIDTH,
} from './traffic-row.ts';
import type { EdgeView, GraphPeer, SeriesFilter, SeriesStep, WorkloadView } from './traffic-views.ts';
import { addRow, WindowRing } from './window-ring.ts';

const MINUTE_MS = 60_000;
/** Seconds: agents tell once a second, on a busy machine later. */
const ABOUT_A_SUMMARY = 2;
const HOUR_MS = 3_600_000;

/** One reporter's account of an edge. */
class Account {
  readonly seconds = new WindowRing({ slotMs: 1_000, slots: 62, width: WIDTH, maxima: MAXIMA });
  readonly minutes = new WindowRing({ slotMs: MINUTE_MS, slots: 61, width: WIDTH, maxima: MAXIMA });
  readonly codes = new Map<string, number>();
  readonly flags = new Map<string, number>();
  /** Made when the first is denied: most edges never see one. */
  denials: LastSeen | undefined;
  faults: LastSeen | undefined;
  open = 0;
  lastMs = 0;
  /** Of the agent that told last; undefined when nobody keeps it. */
  told: ToldTime | undefined;

  sum(nowMs: number, windowMs: number): Float64Array {
    const row = new Float64Array(WIDTH);
    (windowMs <= MINUTE_MS ? this.seconds : this.minutes).sum(nowMs, windowMs, row);
    return row;
  }

  /** What one second, or one minute, holds. */
  step(atMs: number, stepMs: number): Float64Array {
    const row = new Float64Array(WIDTH);
    (stepMs < MINUTE_MS ? this.seconds : this.minutes).addSlot(atMs, row);
    return row;
  }
}

interface GraphEdge {
  readonly key: string;
  source: GraphPeer;
  destination: GraphPeer;
  readonly destinationService: string;
  readonly protocol: string;
  readonly firstMs: number;
  /** Identities of the caller: a workload's account may change, and an edge has as many as it had. */
  readonly principals: LastSeen;
  bySource: Account | undefined;
  byDestination: Account | undefined;
}

interface WorkloadSums {
  readonly named: DestinationName;
  readonly row: Float64Array;
  readonly denials: Readonly<Record<string, number>>[];
  firstMs: number;
  perSecond: number;
}

export class TrafficGraph {
  readonly #edges = new Map<string, GraphEdge>();
  readonly #max: number;
  /** Samples without room here, and records that agents had no room for. */
  dropped = 0;
  /** Samples that an agent sent about a workload of another namespace. */
  refused = 0;

  constructor(maxEdges: number = MAX_GRAPH_EDGES) {
    this.#max = maxEdges;
  }

  /**
   * Adds one agent's second. `nowMs` is our wall clock: agents' clocks are not compared.
   * With `namespace` (of the agent's verified identity), samples whose own side is of another one are refused; with
   * `told`, rates are per second that the agent's summaries tell of.
   */
  merge(summary: Summary, nowMs: number, namespace?: string, told?: ToldTime): void {
    this.dropped += Number(summary.droppedEdges);
    const row = new Float64Array(WIDTH);
    for (const sample of summary.edges) {
      const own = sample.reporter === 'source' ? sample.source : sample.destination;
      if (namespace !== undefined && own?.namespace !== namespace) {
        this.refused++;
        continue;
      }
      const edge = this.#edgeOf(sample, nowMs);
      if (edge === undefined) {
        this.dropped++;
        continue;
      }
      const fromSource = sample.reporter === 'source';
      const account = fromSource ? (edge.bySource ??= new Account()) : (edge.byDestination ??= new Account());
      fillRow(row, sample);
      account.seconds.add(nowMs, row);
      account.minutes.add(nowMs, row);
      account.lastMs = nowMs;
      account.told = told;
      account.open = Math.max(0, account.open + Number(sample.connectionsOpened) - Number(sample.connectionsClosed));
      addCounts(account.codes, sample.codes);
      addCounts(account.flags, sample.flags);
      for (const [details, n] of Object.entries(sample.denials))
        (account.denials ??= new LastSeen()).add(details, Number(n), nowMs);
      for (const [fault, n] of Object.entries(sample.faults))
        (account.faults ??= new LastSeen()).add(fault, Number(n), nowMs);
    }
  }

  /** Edges with traffic in the window, busiest first. `windowSeconds` up to 3,600; default 60. */
  edges(nowMs: number, windowSeconds = 60): EdgeView[] {
    const windowMs = Math.min(HOUR_MS, Math.max(1_000, windowSeconds * 1000));
    const views: EdgeView[] = [];
    for (const edge of this.#edges.values()) {
      const view = viewOf(edge, nowMs, windowMs);
      if (view !== undefined) views.push(view);
    }
    return views.sort(
      (a, b) => b.requestsPerSecond - a.requestsPerSecond || compare(a.destinationService, b.destinationService),
    );
  }

  /** Inbound traffic per workload, as long as it took there; worst success rate first, then slowest. */
  workloads(nowMs: number, windowSeconds = 60): WorkloadView[] {
    const windowMs = Math.min(HOUR_MS, Math.max(1_000, windowSeconds * 1000));
    const rows = new Map<string, WorkloadSums>();
    for (const edge of this.#edges.values()) {
      const row = inboundRow(edge.bySource?.sum(nowMs, windowMs), edge.byDestination?.sum(nowMs, windowMs));
      if (!hasTraffic(row)) continue;
      const named = nameDestination(edge.destination, edge.destinationService);
      const key = `${named.reached}/${named.namespace}/${named.workload}`;
      const known = rows.get(key);
      const perSecond = (row[REQUESTS] as number) / spanOf(edge, nowMs, windowMs);
      const denials = denialsOf(edge, nowMs - windowMs);
      if (known === undefined) rows.set(key, { named, row, firstMs: edge.firstMs, perSecond, denials: [denials] });
      else {
        known.perSecond += perSecond;
        known.denials.push(denials);
        addRow(known.row, row, MAXIMA);
        known.firstMs = Math.min(known.firstMs, edge.firstMs);
      }
    }
    const views = Array.from(
      rows.values(),
      ({ named, row, firstMs, perSecond, denials }): WorkloadView => ({
        ...named,
        denials: sumsOf(denials.flatMap(Object.entries<number>)),
        mtlsShare: wasSpokenTo(named) ? (row[MTLS] as number) / (row[JUDGED] as number) : Number.NaN,
        // The rates of its edges add up, each over the time that its own teller told of.
        ...trafficView(row, perSecond === 0 ? span(firstMs, nowMs, windowMs) : (row[REQUESTS] as number) / perSecond),
      }),
    );
    return views.sort(
      (a, b) => a.successRate - b.successRate || (b.p99Ms || 0) - (a.p99Ms || 0) || compare(a.workload, b.workload),
    );
  }

  /** The last minute by the second, or up to an hour by the minute; oldest first, the running step left out. */
  series(filter: SeriesFilter, nowMs: number, spanSeconds: number): readonly SeriesStep[] {
    const stepMs = spanSeconds <= 60 ? 1_000 : MINUTE_MS;
    const count = Math.min(60, Math.max(1, Math.ceil((spanSeconds * 1_000) / stepMs)));
    const edges = [...this.#edges.values()].filter(
      (edge) =>
        (filter.source ?? nameOf(edge.source)) === nameOf(edge.source) &&
        (filter.destination ?? nameOf(edge.destination)) === nameOf(edge.destination),
    );
    const newest = Math.floor(nowMs / stepMs) * stepMs - stepMs;
    // What one workload is asked, by whomever, is its own to time, as in the golden table.
    const merged = filter.source === undefined && filter.destination !== undefined ? inboundRow : mergeAccounts;
    return Array.from({ length: count }, (_, i) => {
      const atMs = newest - (count - 1 - i) * stepMs;
      const row = new Float64Array(WIDTH);
      for (const edge of edges) {
        const [bySource, byDestination] = [edge.bySource?.step(atMs, stepMs), edge.byDestination?.step(atMs, stepMs)];
        addRow(row, merged(bySource, byDestination), MAXIMA);
      }
      return { atMs, ...trafficView(row, stepMs / 1_000) };
    });
  }

  /** Forgets edges that nobody reported for an hour and that hold no connection. */
  expire(nowMs: number): void {
    for (const [key, edge] of this.#edges) {
      if (lastMs(edge) < nowMs - HOUR_MS && openOf(edge) === 0) this.#edges.delete(key);
    }
  }

  get size(): number {
    return this.#edges.size;
  }

  #edgeOf(sample: EdgeSample, nowMs: number): GraphEdge | undefined {
    const source = toPeer(sample.source);
    const destination = toPeer(sample.destination);
    const key = [
      source.namespace,
      source.workload,
      destination.namespace,
      destination.workload,
      sample.destinationService,
      sample.protocol,
    ].join('|');
    let edge = this.#edges.get(key);
    if (edge === undefined) {
      if (this.#edges.size >= this.#max) this.expire(nowMs);
      if (this.#edges.size >= this.#max) return undefined;
      edge = {
        key,
        source,
        destination,
        destinationService: sample.destinationService,
        protocol: sample.protocol,
        firstMs: nowMs,
        principals: new LastSeen(),
        bySource: undefined,
        byDestination: undefined,
      };
      this.#edges.set(key, edge);
    }
    // Each side knows its own name best; the other's principal is what it verified.
    edge.source = mergePeer(edge.source, source);
    if (source.principal !== '') edge.principals.add(source.principal, 1, nowMs);
    edge.destination = mergePeer(edge.destination, destination);
    return edge;
  }
}

function toPeer(peer: Peer | undefined): GraphPeer {
  return {
    workload: peer?.workload || UNKNOWN,
    namespace: peer?.namespace || UNKNOWN,
    service: peer?.canonicalService ?? '',
    version: peer?.version || peer?.canonicalRevision || '',
    principal: peer?.principal ?? '',
    cluster: peer?.cluster ?? '',
  };
}

function mergePeer(known: GraphPeer, said: GraphPeer): GraphPeer {
  if (known.principal === said.principal && known.service === said.service && known.version === said.version)
    return known;
  return {
    ...known,
    service: said.service || known.service,
    version: said.version || known.version,
    principal: said.principal || known.principal,
    cluster: said.cluster || known.cluster,
  };
}

function mergedRow(edge: GraphEdge, nowMs: number, windowMs: number): Float64Array {
  return mergeAccounts(edge.bySource?.sum(nowMs, windowMs), edge.byDestination?.sum(nowMs, windowMs));
}

function nameOf(peer: GraphPeer): string {
  return `${peer.namespace}/${peer.workload}`;
}

function viewOf(edge: GraphEdge, nowMs: number, windowMs: number): EdgeView | undefined {
  const row = mergedRow(edge, nowMs, windowMs);
  const open = openOf(edge);
  if (!hasTraffic(row) && open === 0) return undefined;
  const judged = row[JUDGED] as number;
  const share = (row[MTLS] as number) / judged;
  const teller = edge.bySource ?? edge.byDestination;
  return {
    source: edge.source,
    destination: edge.destination,
    destinationService: edge.destinationService,
    protocol: edge.protocol,
    mtls: judged === 0 ? 'unknown' : share === 1 ? 'yes' : share === 0 ? 'no' : 'mixed',
    reporters: [
      ...(edge.bySource === undefined ? [] : ['source' as const]),
      ...(edge.byDestination === undefined ? [] : ['destination' as const]),
    ],
    codes: Object.fromEntries(teller?.codes ?? []),
    flags: Object.fromEntries(teller?.flags ?? []),
    denials: denialsOf(edge, nowMs - windowMs),
    faults: sumsOf([edge.bySource, edge.byDestination].flatMap((one) => one?.faults?.since(nowMs - windowMs) ?? [])),
    sourcePrincipals: edge.principals.since(nowMs - windowMs).map(([principal]) => principal),
    openConnections: open,
    lastSeenMs: lastMs(edge),
    ...trafficView(row, spanOf(edge, nowMs, windowMs)),
  };
}

function denialsOf({ bySource, byDestination }: GraphEdge, sinceMs: number): Readonly<Record<string, number>> {
  return sumsOf([bySource, byDestination].flatMap((account) => account?.denials?.since(sinceMs) ?? []));
}

function sumsOf(counts: readonly (readonly [string, number])[]): Readonly<Record<string, number>> {
  const sums = new Map<string, number>();
  for (const [details, count] of counts) sums.set(details, (sums.get(details) ?? 0) + count);
  return Object.fromEntries(sums);
}

/**
 * Seconds that the sums of an edge stand for: the time that summaries tell of, where a summary more or less is all that
 * parts it from the window. Where it is further off, the agent was not there for all of it, and asked for nothing then.
 */
function spanOf(edge: GraphEdge, nowMs: number, windowMs: number): number {
  const life = span(edge.firstMs, nowMs, windowMs);
  const told = (edge.bySource ?? edge.byDestination)?.told?.within(nowMs, windowMs) ?? 0;
  if (told === 0 || windowMs > MINUTE_MS || Math.abs(told / 1000 - life) > ABOUT_A_SUMMARY) return life;
  return life < windowMs / 1000 ? Math.min(life, told / 1000) : told / 1000;
}

/** Seconds of the window that something was there for: a young edge was not for all of it. */
function span(firstMs: number, nowMs: number, windowMs: number): number {
  return Math.min(windowMs, Math.max(1_000, nowMs - firstMs + 1_000)) / 1000;
}

function addCounts(into: Map<string, number>, counts: Readonly<Record<string, bigint>>): void {
  for (const [key, n] of Object.entries(counts)) {
    const name = into.has(key) || into.size < MAX_CODES_PER_EDGE ? key : 'other';
    into.set(name, (into.get(name) ?? 0) + Number(n));
  }
}

function lastMs(edge: GraphEdge): number {
  return Math.max(edge.bySource?.lastMs ?? 0, edge.byDestination?.lastMs ?? 0);
}

function openOf(edge: GraphEdge): number {
  return Math.max(edge.bySource?.open ?? 0, edge.byDestination?.open ?? 0);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
