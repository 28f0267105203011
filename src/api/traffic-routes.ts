// Traffic as the dashboard reads it: edges and the golden table of a window that may lie in the past, live by
// events, and series of one workload or edge.
import { type Clock, type HttpAsked, type HttpRoute, jsonAnswer } from '#base';
import type { EdgeView, RouteTraffic, SeriesStep, TrafficGraph, WorkloadView } from '#telemetry';
import type { GoldenJson, RouteTrafficJson, SeriesJson, TrafficEdgeJson, TrafficJson } from './dashboard-json.ts';
import type { LongTraffic } from './prometheus-traffic.ts';

export type TrafficSource = Pick<TrafficGraph, 'edges' | 'workloads' | 'series' | 'dropped'>;
export type RouteSource = Pick<RouteTraffic, 'routes'>;

const LIVE_EVERY_MS = 1_000;
const DEFAULT_WINDOW_SECONDS = 10;
const LONGEST_WINDOW_SECONDS = 3_600;
/** Seconds are kept for a minute only: what is older is summed from minutes, two at least. */
const SHORTEST_PAST_SECONDS = 120;
const LIVE_WITHIN_MS = 2_000;
const LONGEST_FROM_PROMETHEUS_SECONDS = 30 * 86_400;

/** `long`: where ranges beyond the last hour are read from. */
export function trafficRoutes(
  source: TrafficSource,
  routes: RouteSource,
  clock: Clock,
  long?: LongTraffic,
): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/traffic',
      answer: async (asked) =>
        long !== undefined && isLong(numberOf(asked, 'window'), numberOf(asked, 'until'), clock)
          ? orUnreachable(long, await long.traffic(longTraffic(clock, asked)))
          : jsonAnswer(readTraffic(source, clock, asked)),
    },
    {
      method: 'GET',
      path: '/api/v1/traffic/events',
      answer: (asked) => ({
        open: (send) => everySecond(clock, () => send(JSON.stringify(readTraffic(source, clock, asked)))),
      }),
    },
    {
      method: 'GET',
      path: '/api/v1/traffic/routes',
      answer: (asked) => {
        const window = Math.min(LONGEST_WINDOW_SECONDS, numberOf(asked, 'window') ?? 60);
        return jsonAnswer(routes.routes(clock.wallTime(), window) satisfies readonly RouteTrafficJson[]);
      },
    },
    {
      method: 'GET',
      path: '/api/v1/series',
      answer: async (asked) =>
        long !== undefined && isLong(numberOf(asked, 'span'), undefined, clock)
          ? orUnreachable(long, await long.series(longSeries(clock, asked)))
          : jsonAnswer(readSeries(source, clock, asked)),
    },
  ];
}

function isLong(seconds: number | undefined, until: number | undefined, clock: Clock): boolean {
  const ago = until === undefined ? 0 : Math.max(0, (clock.wallTime() - until) / 1000);
  return (seconds ?? 0) + ago > LONGEST_WINDOW_SECONDS;
}

function longTraffic(clock: Clock, asked: HttpAsked) {
  const windowSeconds = Math.min(LONGEST_FROM_PROMETHEUS_SECONDS, Math.round(numberOf(asked, 'window') ?? 60));
  return { untilMs: Math.min(clock.wallTime(), numberOf(asked, 'until') ?? Infinity), windowSeconds };
}

function longSeries(clock: Clock, asked: HttpAsked) {
  const spanSeconds = Math.min(LONGEST_FROM_PROMETHEUS_SECONDS, Math.round(numberOf(asked, 'span') ?? 60));
  return {
    source: asked.query.get('source') ?? undefined,
    destination: asked.query.get('destination') ?? undefined,
    untilMs: clock.wallTime(),
    spanSeconds,
  };
}

function orUnreachable(long: LongTraffic, value: unknown) {
  return value === undefined
    ? jsonAnswer({ error: `Prometheus at ${long.url} does not answer.` }, 502)
    : jsonAnswer(value);
}

function readTraffic(source: TrafficSource, clock: Clock, asked: HttpAsked): TrafficJson {
  const nowMs = clock.wallTime();
  const untilMs = Math.min(nowMs, numberOf(asked, 'until') ?? nowMs);
  const past = untilMs < nowMs - LIVE_WITHIN_MS;
  const wanted = numberOf(asked, 'window') ?? DEFAULT_WINDOW_SECONDS;
  const windowSeconds = Math.min(LONGEST_WINDOW_SECONDS, Math.max(past ? SHORTEST_PAST_SECONDS : 1, wanted));
  return {
    nowMs,
    untilMs,
    windowSeconds,
    edges: source.edges(untilMs, windowSeconds).map(edgeJson),
    workloads: source.workloads(untilMs, windowSeconds).map(goldenJson),
    dropped: source.dropped,
  };
}

function readSeries(source: TrafficSource, clock: Clock, asked: HttpAsked): SeriesJson {
  const given = (name: string): string | undefined => asked.query.get(name) ?? undefined;
  const [from, to] = [given('source'), given('destination')];
  const spanSeconds = Math.min(LONGEST_WINDOW_SECONDS, Math.max(10, numberOf(asked, 'span') ?? 60));
  const filter = { ...(from === undefined ? {} : { source: from }), ...(to === undefined ? {} : { destination: to }) };
  return seriesJson(source.series(filter, clock.wallTime(), spanSeconds), spanSeconds <= 60 ? 1 : 60);
}

export function edgeJson(edge: EdgeView): TrafficEdgeJson {
  return {
    source: edge.source.workload,
    sourceNamespace: edge.source.namespace,
    sourceService: edge.source.service,
    sourceVersion: edge.source.version,
    sourcePrincipal: edge.source.principal,
    sourcePrincipals: edge.sourcePrincipals,
    destination: edge.destination.workload,
    destinationNamespace: edge.destination.namespace,
    destinationCanonical: edge.destination.service,
    destinationVersion: edge.destination.version,
    destinationPrincipal: edge.destination.principal,
    service: edge.destinationService,
    protocol: edge.protocol,
    requestsPerSecond: edge.requestsPerSecond,
    errorsPerSecond: edge.failuresPerSecond + edge.deniedPerSecond,
    deniedPerSecond: edge.deniedPerSecond,
    limitedPerSecond: edge.limitedPerSecond,
    denials: edge.denials,
    faults: edge.faults,
    p50Ms: finite(edge.p50Ms) ?? 0,
    p95Ms: finite(edge.p95Ms) ?? 0,
    p99Ms: finite(edge.p99Ms) ?? 0,
    mtls: edge.mtls === 'yes' ? 1 : edge.mtls === 'mixed' ? 0.5 : 0,
    requests: edge.requests,
    failures: edge.failures,
    denied: edge.denied,
    limited: edge.limited,
    bytesSentPerSecond: edge.bytesSentPerSecond,
    bytesReceivedPerSecond: edge.bytesReceivedPerSecond,
    connectionsOpened: edge.connectionsOpened,
    openConnections: edge.openConnections,
    codes: edge.codes,
    flags: edge.flags,
    reporters: edge.reporters,
  };
}

function goldenJson(view: WorkloadView): GoldenJson {
  return {
    workload: view.workload,
    reached: view.reached,
    namespace: view.namespace,
    service: view.service,
    version: view.version,
    successRate: view.successRate,
    deniedPerSecond: view.deniedPerSecond,
    limitedPerSecond: view.limitedPerSecond,
    denials: view.denials,
    requestsPerSecond: view.requestsPerSecond,
    p50Ms: finite(view.p50Ms) ?? 0,
    p95Ms: finite(view.p95Ms) ?? 0,
    p99Ms: finite(view.p99Ms) ?? 0,
    mtlsShare: finite(view.mtlsShare),
  };
}

function seriesJson(steps: readonly SeriesStep[], stepSeconds: number): SeriesJson {
  return {
    stepSeconds,
    times: steps.map((one) => one.atMs / 1000),
    requests: steps.map((one) => one.requestsPerSecond),
    failures: steps.map((one) => one.failuresPerSecond + one.deniedPerSecond),
    p50Ms: steps.map((one) => finite(one.p50Ms)),
    p95Ms: steps.map((one) => finite(one.p95Ms)),
    p99Ms: steps.map((one) => finite(one.p99Ms)),
    bytesSent: steps.map((one) => one.bytesSentPerSecond),
    bytesReceived: steps.map((one) => one.bytesReceivedPerSecond),
  };
}

function finite(n: number): number | null {
  return Number.isFinite(n) ? n : null;
}

function numberOf(asked: HttpAsked, name: string): number | undefined {
  const text = asked.query.get(name);
  const value = text === null || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function everySecond(clock: Clock, run: () => void): () => void {
  let over = false;
  const turn = (): void => {
    if (over) return;
    run();
    clock.setTimer(LIVE_EVERY_MS, turn, { unref: true });
  };
  turn();
  return () => {
    over = true;
  };
}
