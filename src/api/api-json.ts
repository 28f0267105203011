// The JSON that the control plane's API speaks: what the command line and the page read. Plain data only.
import type { TapRecordJson } from '#telemetry';

export interface ObjectId {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The place of an object's text that caused something. */
export interface CauseJson extends ObjectId {
  /** `spec.http[2]` */
  readonly path: string;
  /** '' where no file says it (objects of a cluster). */
  readonly file: string;
  /** In the file; without one in the object's own text. 0 = not known. */
  readonly line: number;
  /** In the object's own text, which the editor shows. */
  readonly textLine: number;
}

/** What caused one part of a proxy's configuration. */
export interface ConfigCauseJson {
  readonly part: 'routes' | 'clusters' | 'listeners';
  /** A cluster's or listener's name; of a route its table, virtual host and number in there: `TABLE|HOST|3`. */
  readonly of: string;
  readonly cause: CauseJson;
}

/** What caused the decisions of one hop: what `explain` answers beside the hop's own record. */
export interface HopCausesJson {
  readonly route?: CauseJson;
  readonly policy?: CauseJson;
  readonly cluster?: CauseJson;
}

/** A hop of a request that was asked about, with its place among the others, which are told in the same list. */
export interface ExplainedHopJson extends TapRecordJson {
  readonly causes: HopCausesJson;
  /** Index of the hop that caused it, before it in the list; -1: nobody tells. */
  readonly parent: number;
  readonly depth: number;
  /** Indexes of other hops that may as well have caused it. */
  readonly maybe: readonly number[];
}

/** A finding in a form that prints: `file:line:column: message (field) [code]`. */
export interface FindingJson {
  readonly severity: 'error' | 'warning' | 'info';
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly object: string;
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

export interface AppliedJson extends ObjectId {
  /** '' for the core group. */
  readonly group: string;
  readonly action: 'created' | 'configured' | 'unchanged' | 'refused';
  readonly findings: readonly FindingJson[];
}

export interface ApplyAsk {
  /** Each text with the name to use in messages. */
  readonly texts: readonly { readonly file: string; readonly text: string }[];
  /** Namespace of documents that name none. */
  readonly namespace: string;
}

export interface ApplyAnswer {
  readonly applied: readonly AppliedJson[];
  readonly findings: readonly FindingJson[];
  /** The configuration's generation after this: what `wait` waits for. */
  readonly generation: number;
}

export interface DeletedJson extends ObjectId {
  readonly group: string;
  readonly found: boolean;
  readonly error?: string;
  /** What `error` says, with code and remedy, where there is one. */
  readonly finding?: FindingJson;
}

export interface ObjectJson extends ObjectId {
  readonly group: string;
  readonly apiVersion: string;
  readonly generation: number;
  readonly createdMs: number;
  readonly state: 'accepted' | 'lastGood' | 'refused';
  readonly file: string;
  readonly line: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: unknown;
  /** The document as its owner wrote it, where it is known. */
  readonly text?: string;
  readonly findings: readonly FindingJson[];
  readonly programmed: ProgrammedJson;
}

export interface ProgrammedJson {
  readonly acknowledged: number;
  readonly concerned: number;
  /** Connected proxies that have not acknowledged, with how long they have had. */
  readonly lagging: readonly { readonly proxy: string; readonly reason: string }[];
  readonly rejected: readonly { readonly proxy: string; readonly reason: string }[];
}

export interface ProxyJson {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  readonly version: string;
  readonly dataPlane: string;
  readonly capture: string;
  /** Loopback port of its admin pages; 0 = not told. */
  readonly adminPort: number;
  readonly connectedMs: number;
  readonly principal: string;
  /** By short type name (CDS, LDS, …). */
  readonly types: Readonly<Record<string, 'SYNCED' | 'STALE' | 'NOT SENT' | 'REJECTED'>>;
  readonly watermark: number;
  readonly lastError: string;
}

export interface WorkloadJson {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  readonly ports: readonly { readonly port: number; readonly boundPort: number; readonly appPort: number }[];
  readonly health: 'healthy' | 'unhealthy' | 'unknown';
  /** As its proxy tells it; '' where none is connected. */
  readonly capture: string;
  readonly connected: boolean;
}

/** Of the edges: short enough to see a change at once, long enough for a few requests a second. */
export const EDGES_WINDOW_SECONDS = 10;

export interface EdgeJson {
  /** What the rates and latencies are of: so many seconds until now. */
  readonly windowSeconds: number;
  readonly source: string;
  readonly sourceNamespace: string;
  readonly destination: string;
  readonly destinationNamespace: string;
  readonly service: string;
  readonly protocol: string;
  readonly requestsPerSecond: number;
  /** Failed or denied. */
  readonly errorsPerSecond: number;
  /** Of the errors, those that a policy, a token or an external authorizer refused. */
  readonly deniedPerSecond: number;
  /** Why, as the response code details say it, with how many there were of each. */
  readonly denials: Readonly<Record<string, number>>;
  /** What a VirtualService had injected, with how many there were of each: "abort 503 VirtualService default/reviews". */
  readonly faults: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Share of requests or connections that were mutually authenticated, 0 to 1. */
  readonly mtls: number;
  /** The newest of `sourcePrincipals`. */
  readonly sourcePrincipal: string;
  readonly sourcePrincipals: readonly string[];
  readonly destinationPrincipal: string;
}

export interface StatusJson {
  readonly version: string;
  readonly istioLevel: string;
  readonly startedMs: number;
  readonly pid: number;
  readonly generation: number;
  readonly snapshot: number;
  readonly home: string;
  readonly services: number;
  readonly objects: number;
  readonly proxies: readonly ProxyJson[];
  readonly workloads: readonly WorkloadJson[];
  readonly findings: readonly FindingJson[];
  readonly addresses: Readonly<Record<string, string>>;
}

/** `run.json` under the mesh's home. */
export interface RunJson {
  readonly pid: number;
  readonly version: string;
  /** http://127.0.0.1:20001 */
  readonly address: string;
  readonly token: string;
  readonly xds: { readonly host: string; readonly port: number };
  readonly monitoringPort: number;
  /** Unix socket on which workloads get their tokens. */
  readonly tokenSocket: string;
  /** Where each gateway or demo page answers, for the ready screen and `status`. */
  readonly startedMs: number;
}
