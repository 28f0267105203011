// Circuit breaker thresholds of a cluster, per routing priority: counts what is in use and says no at the limit (flag UO).

import type { CircuitBreakers, CircuitBreakers_Thresholds } from '#proto/envoy/config/cluster/v3/circuit_breaker_pb.ts';

export type BreakerCount = 'connections' | 'pending' | 'requests' | 'retries';

export class Breaker {
  maxConnections = 1024;
  maxPending = 1024;
  maxRequests = 1024;
  maxRetries = 3;
  /** Undefined: `maxRetries` is the limit. */
  budget: { readonly fraction: number; readonly minimum: number } | undefined = undefined;

  connections = 0;
  pending = 0;
  requests = 0;
  retries = 0;
  /** How often each said no, for the statistics. */
  overflows = { connections: 0, pending: 0, requests: 0, retries: 0 };

  /** With remaining_* gauges beside the others. */
  tracksRemaining = false;

  /** How many are in use, in all threads. */
  used(what: BreakerCount): number {
    return this[what];
  }

  tryConnection(): boolean {
    if (this.connections >= this.maxConnections) return this.overflow('connections');
    this.connections++;
    return true;
  }

  /** Over the limit, too. */
  takeConnection(): void {
    this.connections++;
  }

  tryPending(): boolean {
    if (this.pending >= this.maxPending) return this.overflow('pending');
    this.pending++;
    return true;
  }

  tryRequest(): boolean {
    if (this.requests >= this.maxRequests) return this.overflow('requests');
    this.requests++;
    return true;
  }

  tryRetry(): boolean {
    if (this.retries >= this.retryLimit) return this.overflow('retries');
    this.retries++;
    return true;
  }

  get retryLimit(): number {
    if (this.budget === undefined) return this.maxRetries;
    return Math.max(this.budget.minimum, Math.floor(this.budget.fraction * this.busy));
  }

  protected get busy(): number {
    return this.requests + this.pending;
  }

  releaseConnection(): void {
    this.connections--;
  }
  releasePending(): void {
    this.pending--;
  }
  releaseRequest(): void {
    this.requests--;
  }
  releaseRetry(): void {
    this.retries--;
  }

  /** The cluster is gone. */
  dispose(): void {}

  protected overflow(which: BreakerCount): false {
    this.overflows[which]++;
    return false;
  }
}

/** Lives as long as the cluster's name: new thresholds change limits, never counts. */
export class ClusterBreakers {
  readonly default: Breaker;
  readonly high: Breaker;
  /** Connections that one host may have; Infinity = no limit. */
  maxConnectionsPerHost = Number.POSITIVE_INFINITY;

  constructor(make: (priority: 'default' | 'high') => Breaker = () => new Breaker()) {
    this.default = make('default');
    this.high = make('high');
  }

  dispose(): void {
    this.default.dispose();
    this.high.dispose();
  }

  update(config: CircuitBreakers | undefined): void {
    setLimits(
      this.default,
      config?.thresholds.find((threshold) => threshold.priority === 0),
    );
    setLimits(
      this.high,
      config?.thresholds.find((threshold) => threshold.priority === 1),
    );
    this.maxConnectionsPerHost =
      config?.perHostThresholds.find((threshold) => threshold.priority === 0)?.maxConnections ??
      Number.POSITIVE_INFINITY;
  }

  of(priority: 'default' | 'high'): Breaker {
    return priority === 'high' ? this.high : this.default;
  }
}

function setLimits(breaker: Breaker, thresholds: CircuitBreakers_Thresholds | undefined): void {
  breaker.maxConnections = thresholds?.maxConnections ?? 1024;
  breaker.maxPending = thresholds?.maxPendingRequests ?? 1024;
  breaker.maxRequests = thresholds?.maxRequests ?? 1024;
  breaker.maxRetries = thresholds?.maxRetries ?? 3;
  breaker.tracksRemaining = thresholds?.trackRemaining ?? false;
  const budget = thresholds?.retryBudget;
  breaker.budget =
    budget === undefined
      ? undefined
      : { fraction: (budget.budgetPercent?.value ?? 20) / 100, minimum: budget.minRetryConcurrency ?? 3 };
}
