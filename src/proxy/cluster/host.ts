// One upstream endpoint as a live object: its identity is its address within a cluster, and it
// survives every update of the assignment, so that health, ejection and counters do too (design 4).

import type { JsonObject } from '@bufbuild/protobuf';
import type { SharedTally } from '../shared/shared-tally.ts';
import { RestTime } from './rest-time.ts';

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

/** What an assignment says of an endpoint; compared field by field on update. */
export interface HostSpec {
  /** "10.0.0.1:8080", "[::1]:8080" or "/path"; unique in a cluster. */
  readonly key: string;
  /** IP address, name still to be resolved, or socket path. */
  readonly address: string;
  readonly port: number;
  readonly hostname: string;
  /** The envoy internal listener this endpoint stands for; '' = a socket. */
  readonly internalListener: string;
  readonly internalEndpointId: string;
  readonly priority: number;
  readonly locality: Locality;
  readonly weight: number;
  readonly localityWeight: number;
  readonly status: 'healthy' | 'degraded' | 'unhealthy' | 'draining';
  readonly metadata: Readonly<Record<string, JsonObject>>;
  readonly healthCheckPort: number;
  readonly healthCheckDisabled: boolean;
}

/** An endpoint that no assignment names: an address that a request or the kernel gave. */
export function unassigned(key: string, address: string, port: number, hostname: string): HostSpec {
  return {
    key,
    address,
    port,
    hostname,
    internalListener: '',
    internalEndpointId: '',
    priority: 0,
    locality: { region: '', zone: '', subZone: '' },
    weight: 1,
    localityWeight: 0,
    status: 'healthy',
    metadata: {},
    healthCheckPort: 0,
    healthCheckDisabled: true,
  };
}

/** Bits of `Host.unhealthy`; 0 = healthy. */
export const HEALTH = {
  /** Failed active checks. */
  activeFailed: 1,
  /** Ejected by outlier detection. */
  ejected: 2,
  /** The assignment says unhealthy, draining or timed out. */
  assignment: 4,
  /** Active checks are configured and none came back yet. */
  pendingFirstCheck: 8,
} as const;

export class Host {
  spec: HostSpec;
  unhealthy: number;
  degraded: boolean;
  /** Monotonic ms of joining the cluster, or of becoming healthy again: slow start counts from here. */
  warmSinceMs: number;

  activeRequests = 0;
  activeConnections = 0;
  /** Removed from the assignment; kept only while streams hold it. */
  removed = false;

  totalRequests = 0;
  successRequests = 0;
  errorRequests = 0;
  timeoutRequests = 0;
  totalConnections = 0;
  connectFailures = 0;

  /** Peak EWMA of response time, ms, and when it was last touched. */
  ewmaMs = 0;
  ewmaAtMs = 0;

  #rest: RestTime | undefined = undefined;

  /** Whatever the pool layer hangs here: connection pools by (priority, options). */
  pools: unknown = undefined;
  /** What all workers count of it together; undefined where one thread serves, or nothing limits or judges hosts. */
  tally: SharedTally | undefined = undefined;
  /** Outlier detection's per-host numbers. */
  outlier: unknown = undefined;

  constructor(spec: HostSpec, nowMs: number) {
    this.spec = spec;
    this.unhealthy = spec.status === 'unhealthy' || spec.status === 'draining' ? HEALTH.assignment : 0;
    this.degraded = spec.status === 'degraded';
    this.warmSinceMs = nowMs;
  }

  /** How long it lets connections rest. */
  get rest(): RestTime {
    return (this.#rest ??= new RestTime());
  }

  /** Counts a connection, unless it would be one too many. */
  tryConnection(limit: number): boolean {
    if (this.tally === undefined ? this.activeConnections >= limit : !this.tally.tryConnection(limit)) return false;
    this.activeConnections++;
    return true;
  }

  releaseConnection(): void {
    this.activeConnections--;
    this.tally?.releaseConnection();
  }

  get key(): string {
    return this.spec.key;
  }

  get healthy(): boolean {
    return this.unhealthy === 0;
  }

  get ejected(): boolean {
    return (this.unhealthy & HEALTH.ejected) !== 0;
  }
}
