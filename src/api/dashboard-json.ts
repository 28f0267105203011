// The JSON that only the dashboard and the commands of its kind read: traffic over time, history, certificates, taps.
import type { EdgeJson, FindingJson, ObjectId } from './api-json.ts';

/** An edge with what the side panel shows beside the numbers of `EdgeJson`. */
export interface TrafficEdgeJson extends Omit<EdgeJson, 'windowSeconds'> {
  readonly sourceService: string;
  readonly sourceVersion: string;
  readonly destinationCanonical: string;
  readonly destinationVersion: string;
  readonly requests: number;
  readonly failures: number;
  readonly denied: number;
  /** Of the denied, those that a RateLimit refused. */
  readonly limited: number;
  readonly limitedPerSecond: number;
  readonly bytesSentPerSecond: number;
  readonly bytesReceivedPerSecond: number;
  readonly connectionsOpened: number;
  readonly openConnections: number;
  /** Since the edge was first seen: status code, or response flag, with its count. */
  readonly codes: Readonly<Record<string, number>>;
  readonly flags: Readonly<Record<string, number>>;
  readonly reporters: readonly string[];
}

/** Inbound traffic of a workload: one row of the golden table. */
export interface GoldenJson {
  readonly workload: string;
  /** False: it reached no workload that is known, and `workload` is the name of the service that was asked for. */
  readonly reached: boolean;
  readonly namespace: string;
  readonly service: string;
  readonly version: string;
  /** 0 to 1; what was denied is no success. */
  readonly successRate: number;
  readonly requestsPerSecond: number;
  readonly deniedPerSecond: number;
  readonly limitedPerSecond: number;
  /** As of the edges that lead to it: what refused, with its count. */
  readonly denials: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** 0 to 1; null without traffic to judge, and where nobody was reached. */
  readonly mtlsShare: number | null;
}

/** What went by one route, told by the callers' proxies. */
export interface RouteTrafficJson {
  readonly virtualHost: string;
  readonly route: string;
  readonly service: string;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly successRate: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

export interface TrafficJson {
  /** The control plane's clock, and the end of the window. */
  readonly nowMs: number;
  readonly untilMs: number;
  readonly windowSeconds: number;
  readonly edges: readonly TrafficEdgeJson[];
  readonly workloads: readonly GoldenJson[];
  /** Samples for which there was no room. */
  readonly dropped: number;
}

/** Numbers per step, oldest first; latencies are null where nothing was asked. */
export interface SeriesJson {
  readonly stepSeconds: number;
  /** Wall seconds of each step's start. */
  readonly times: readonly number[];
  readonly requests: readonly number[];
  /** Failed or denied. */
  readonly failures: readonly number[];
  readonly p50Ms: readonly (number | null)[];
  readonly p95Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
  readonly bytesSent: readonly number[];
  readonly bytesReceived: readonly number[];
}

/** One form that an object had. */
export interface RevisionJson {
  readonly revision: number;
  readonly atMs: number;
  readonly change: 'first seen' | 'added' | 'changed' | 'removed';
  /** '' when it was removed. */
  readonly text: string;
}

export interface HistoryJson extends ObjectId {
  readonly revisions: readonly RevisionJson[];
}

export interface ChangeJson extends ObjectId {
  readonly revision: number;
  readonly atMs: number;
  readonly change: RevisionJson['change'];
}

export interface ValidateAnswer {
  readonly objects: readonly ObjectId[];
  readonly findings: readonly FindingJson[];
}

export interface CertificateJson {
  readonly role: 'own' | 'root';
  readonly subject: string;
  readonly workload: string;
  readonly namespace: string;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** An endpoint as one proxy sees it. */
export interface LiveEndpointJson {
  readonly cluster: string;
  readonly address: string;
  /** By outlier detection. */
  readonly ejected: boolean;
  readonly failedHealthCheck: boolean;
  readonly requests: number;
  readonly errors: number;
  readonly active: number;
  readonly connections: number;
}

export interface ProxyLiveJson {
  /** False: its admin pages do not answer the control plane. */
  readonly reachable: boolean;
  readonly endpoints: readonly LiveEndpointJson[];
  readonly certificates: readonly CertificateJson[];
}
