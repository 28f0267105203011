// Folds what callers' proxies routed into one bounded sum a second for each route, beside the edges of the same summary.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RouteSampleSchema } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import type { StreamRecord } from '../stream-record.ts';
import { LATENCY_BOUNDS, latencyBucket } from './latency.ts';
import { MAX_ROUTES_PER_SUMMARY } from './limits.ts';

export type RouteSampleInit = Exclude<MessageInitShape<typeof RouteSampleSchema>, { $typeName: string }>;

interface Sums {
  readonly service: string;
  requests: number;
  failures: number;
  readonly latency: Float64Array;
  latencyMaxMs: number;
}

export class RouteAggregator {
  /** By virtual host, then by route: both are texts of the configuration, so that nothing is joined for a request. */
  #hosts = new Map<string, Map<string, Sums>>();
  #count = 0;

  /** False: there was no room. */
  add(record: StreamRecord, failed: boolean, ms: number): boolean {
    let routes = this.#hosts.get(record.virtualHost);
    if (routes === undefined) {
      if (this.#count >= MAX_ROUTES_PER_SUMMARY) return false;
      this.#hosts.set(record.virtualHost, (routes = new Map<string, Sums>()));
    }
    let sums = routes.get(record.routeName);
    if (sums === undefined) {
      if (this.#count >= MAX_ROUTES_PER_SUMMARY) return false;
      this.#count += 1;
      const latency = new Float64Array(LATENCY_BOUNDS.length + 1);
      sums = { service: record.destinationService, requests: 0, failures: 0, latency, latencyMaxMs: 0 };
      routes.set(record.routeName, sums);
    }
    sums.requests += 1;
    if (failed) sums.failures += 1;
    (sums.latency[latencyBucket(ms)] as number) += 1;
    if (ms > sums.latencyMaxMs) sums.latencyMaxMs = ms;
    return true;
  }

  /** What was added since the last call. */
  flush(): readonly RouteSampleInit[] {
    const samples = [...this.#hosts].flatMap(([virtualHost, routes]) =>
      Array.from(routes, ([route, sums]) => ({
        virtualHost,
        route,
        service: sums.service,
        requests: BigInt(sums.requests),
        failures: BigInt(sums.failures),
        latencyCounts: Array.from(sums.latency, BigInt),
        latencyMaxMs: sums.latencyMaxMs,
      })),
    );
    this.#hosts = new Map();
    this.#count = 0;
    return samples;
  }
}
