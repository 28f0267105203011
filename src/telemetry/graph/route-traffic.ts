// What went by each route of the mesh over the last minute or hour: summaries of all callers' proxies, merged and bounded.
import type { RouteSample } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { quantile } from '../stats/histogram-buckets.ts';
import { LATENCY_BOUNDS } from './latency.ts';
import { MAX_GRAPH_ROUTES } from './limits.ts';
import { WindowRing } from './window-ring.ts';

export interface RouteView {
  readonly virtualHost: string;
  readonly route: string;
  /** FQDN that requests of this route last went to; '' when they went nowhere. */
  readonly service: string;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly successRate: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

interface Kept {
  readonly virtualHost: string;
  readonly route: string;
  service: string;
  readonly firstMs: number;
  lastMs: number;
  readonly seconds: WindowRing;
  readonly minutes: WindowRing;
}

const REQUESTS = 0;
const FAILURES = 1;
const LATENCY = 2;
/** The largest latency, after the counts: a maximum, not a sum. */
const LARGEST = LATENCY + LATENCY_BOUNDS.length + 1;
const WIDTH = LARGEST + 1;
const MAXIMA = 1;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export class RouteTraffic {
  readonly #routes = new Map<string, Kept>();
  /** Samples for which there was no room. */
  dropped = 0;

  merge(samples: readonly RouteSample[], nowMs: number): void {
    const row = new Float64Array(WIDTH);
    for (const sample of samples) {
      const kept = this.#keptOf(sample, nowMs);
      if (kept === undefined) {
        this.dropped += 1;
        continue;
      }
      row.fill(0);
      row[REQUESTS] = Number(sample.requests);
      row[FAILURES] = Number(sample.failures);
      for (const [i, n] of sample.latencyCounts.slice(0, LATENCY_BOUNDS.length + 1).entries())
        row[LATENCY + i] = Number(n);
      row[LARGEST] = sample.latencyMaxMs;
      kept.seconds.add(nowMs, row);
      kept.minutes.add(nowMs, row);
      kept.lastMs = nowMs;
      if (sample.service !== '') kept.service = sample.service;
    }
  }

  /** The worst success first, then the slowest. */
  routes(nowMs: number, windowSeconds: number): readonly RouteView[] {
    const windowMs = Math.min(HOUR_MS, Math.max(1_000, windowSeconds * 1_000));
    const views: RouteView[] = [];
    for (const { virtualHost, route, service, firstMs, seconds, minutes } of this.#routes.values()) {
      const row = new Float64Array(WIDTH);
      (windowMs <= MINUTE_MS ? seconds : minutes).sum(nowMs, windowMs, row);
      const requests = row[REQUESTS] as number;
      if (requests === 0) continue;
      const latency = row.subarray(LATENCY, LARGEST);
      const largest = row[LARGEST] as number;
      views.push({
        virtualHost,
        route,
        service,
        requests,
        requestsPerSecond: requests / Math.max(1, Math.min(windowMs, nowMs - firstMs + 1_000) / 1_000),
        successRate: Math.max(0, 1 - (row[FAILURES] as number) / requests),
        p50Ms: quantile(latency, LATENCY_BOUNDS, 0.5, largest),
        p95Ms: quantile(latency, LATENCY_BOUNDS, 0.95, largest),
        p99Ms: quantile(latency, LATENCY_BOUNDS, 0.99, largest),
      });
    }
    return views.sort((a, b) => a.successRate - b.successRate || b.p99Ms - a.p99Ms);
  }

  /** Drops what nobody asked for an hour. */
  expire(nowMs: number): void {
    for (const [key, { lastMs }] of this.#routes) if (nowMs - lastMs > HOUR_MS) this.#routes.delete(key);
  }

  #keptOf({ virtualHost, route, service }: RouteSample, nowMs: number): Kept | undefined {
    const key = `${virtualHost}|${route}`;
    let kept = this.#routes.get(key);
    if (kept !== undefined || this.#routes.size >= MAX_GRAPH_ROUTES) return kept;
    const seconds = new WindowRing({ slotMs: 1_000, slots: 62, width: WIDTH, maxima: MAXIMA });
    const minutes = new WindowRing({ slotMs: MINUTE_MS, slots: 61, width: WIDTH, maxima: MAXIMA });
    kept = { virtualHost, route, service, firstMs: nowMs, lastMs: nowMs, seconds, minutes };
    this.#routes.set(key, kept);
    return kept;
  }
}
