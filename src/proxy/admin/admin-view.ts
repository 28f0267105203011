// What the admin pages read of the running proxy. The proxy's core implements it; nothing here is
// kept between requests, and nothing here changes the proxy but the four methods at the end.

import type { LogLevel } from '#base';
import type { StatPages } from '#telemetry';
import type { DumpApart, DumpView } from '../dump/dump-view.ts';

export type ServerState = 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING';

export interface ServerFacts {
  readonly version: string;
  readonly state: ServerState;
  readonly uptimeMs: number;
  /** Command-line options by Envoy's names: service_node, concurrency, config_path, … */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  readonly node: {
    readonly id: string;
    readonly cluster: string;
    readonly metadata: Readonly<Record<string, unknown>>;
  };
}

export interface ListenerView {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly additional: readonly { readonly address: string; readonly port: number }[];
}

export interface ThresholdView {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
}

export interface HostView {
  /** What it is called in its cluster. */
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly hostname: string;
  /** Envoy's flags, as /clusters prints them: "/failed_active_hc/failed_outlier_check"; '' = healthy. */
  readonly healthFlags: string;
  readonly weight: number;
  readonly priority: number;
  readonly canary: boolean;
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
  /** Percent; -1 = not known. */
  readonly successRate: number;
  readonly cxActive: number;
  readonly cxConnectFail: number;
  readonly cxTotal: number;
  readonly rqActive: number;
  readonly rqError: number;
  readonly rqSuccess: number;
  readonly rqTimeout: number;
  readonly rqTotal: number;
}

export interface ClusterView {
  readonly name: string;
  /** alt_stat_name, or the name. */
  readonly observabilityName: string;
  readonly addedViaApi: boolean;
  readonly thresholds: { readonly default: ThresholdView; readonly high: ThresholdView };
  /** Outlier detection's averages; absent where it is off. */
  readonly outlier?: { readonly successRateAverage: number; readonly successRateEjectionThreshold: number };
  readonly hosts: Iterable<HostView>;
}

export interface CertificateView {
  readonly path: string;
  readonly serialNumber: string;
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface CertificatePairView {
  readonly ca: readonly CertificateView[];
  readonly chain: readonly CertificateView[];
}

export interface MemoryView {
  /** Bytes that live objects take. */
  readonly allocated: number;
  readonly heapSize: number;
  readonly resident: number;
}

export interface DrainOptions {
  readonly graceful: boolean;
  readonly inboundOnly: boolean;
  readonly skipExit: boolean;
}

export interface WorkersPage {
  readonly concurrency: number;
  readonly crashes: number;
  readonly workers: readonly {
    readonly worker: number;
    readonly threadId: number;
    readonly connections: number;
    readonly heapBytes: number;
  }[];
}

export interface AdminView extends DumpView {
  readonly stats: StatPages;
  server(): ServerFacts;
  listeners(): Iterable<ListenerView>;
  clusters(): Iterable<ClusterView>;
  certificates(): Iterable<CertificatePairView>;
  memory(): MemoryView;
  /** Names of what is not ready yet, by target: "LDS", "RDS route_9080". */
  unready(): Iterable<string>;
  /** Log scopes and their levels. */
  logLevels(): ReadonlyMap<string, LogLevel>;
  /** False when there is no such scope; undefined sets all. */
  setLogLevel(scope: string | undefined, level: LogLevel): boolean;
  drainListeners(options: DrainOptions): void;
  reopenLogs(): void;
  /** Where several threads serve: asks them, so that what follows in this turn is of now. */
  refresh?(): Promise<void>;
  /** Undefined: dumps are rendered in this process. */
  readonly dumpApart?: DumpApart | undefined;
  /** Undefined where one thread serves. */
  workers?(): WorkersPage;
  /** Ends the process, with the drain that SIGTERM has. */
  quit(): void;
}
