// What the live graph tells: peers, traffic over a window, edges, workloads, steps of a series.

export interface GraphPeer {
  /** 'unknown' when nobody said. */
  readonly workload: string;
  readonly namespace: string;
  readonly service: string;
  readonly version: string;
  readonly principal: string;
  readonly cluster: string;
}

/** What the numbers of a window say; rates per second, latencies in ms (NaN without requests). */
export interface TrafficView {
  readonly requestsPerSecond: number;
  readonly failuresPerSecond: number;
  /** Refused by a policy, a token, an external authorizer or a RateLimit; no part of the failures. */
  readonly deniedPerSecond: number;
  /** Of the denied, those that a RateLimit refused: they say nothing about who may call whom. */
  readonly limitedPerSecond: number;
  /** 1 when nothing failed or was denied, also when nothing was asked. */
  readonly successRate: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly meanMs: number;
  readonly bytesSentPerSecond: number;
  readonly bytesReceivedPerSecond: number;
  readonly connectionsOpened: number;
  readonly requests: number;
  readonly failures: number;
  readonly denied: number;
  readonly limited: number;
}

export interface EdgeView extends TrafficView {
  readonly source: GraphPeer;
  readonly destination: GraphPeer;
  /** FQDN that was asked for; '' when unknown. */
  readonly destinationService: string;
  readonly protocol: string;
  readonly mtls: 'yes' | 'no' | 'mixed' | 'unknown';
  /** Who told: the callee's proxy, the caller's, or both. */
  readonly reporters: readonly ('source' | 'destination')[];
  /** Since the edge was first seen. */
  readonly codes: Readonly<Record<string, number>>;
  readonly flags: Readonly<Record<string, number>>;
  /** Within the window: what the details of each refusal say, with how many there were since the edge was first seen. */
  readonly denials: Readonly<Record<string, number>>;
  /** Likewise, what a VirtualService had injected (`faultWords`). */
  readonly faults: Readonly<Record<string, number>>;
  /** Identities that callers showed within the window, the one seen last first; the newest alone is `source.principal`. */
  readonly sourcePrincipals: readonly string[];
  readonly openConnections: number;
  /** Wall ms. */
  readonly lastSeenMs: number;
}

export interface WorkloadView extends TrafficView {
  /** The service's name, where what was asked reached no workload that is known. */
  readonly workload: string;
  /** False: no endpoint took it, or one outside of the mesh did; `workload` is then the service's name. */
  readonly reached: boolean;
  readonly namespace: string;
  readonly service: string;
  readonly version: string;
  /** As of the edges that lead to it. */
  readonly denials: Readonly<Record<string, number>>;
  /** Share of inbound traffic over mTLS, 0..1; NaN without traffic, and where nobody was reached. */
  readonly mtlsShare: number;
}

/** Which edges a series sums: those whose ends are the named ones ('namespace/workload'). */
export interface SeriesFilter {
  readonly source?: string;
  readonly destination?: string;
}

/** One step of a series, rates per second. */
export interface SeriesStep extends TrafficView {
  /** Wall ms of the step's start. */
  readonly atMs: number;
}
