// One second's or window's numbers of an edge as a row of columns: read from an agent's sample, merged of the two sides
// that tell, shown as rates and latencies.

import type { EdgeSample } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { quantile } from '../stats/histogram-buckets.ts';
import { limitingRule } from './denial-words.ts';
import { LATENCY_BOUNDS } from './latency.ts';
import type { TrafficView } from './traffic-views.ts';

/** Columns of a row. */
export const REQUESTS = 0;
const FAILURES = 1;
const LATENCY_SUM = 2;
const SENT = 3;
const RECEIVED = 4;
const OPENED = 5;
export const MTLS = 6;
/** Requests and connections that `MTLS` is a share of. */
export const JUDGED = 7;
const DENIED = 8;
/** Of the denied, what a RateLimit refused; and of that, what its caller's proxy takes for a failure. */
const LIMITED = 9;
const LIMITED_FAILING = 10;
const LATENCY = 11;
/** The largest latency, after the counts: a maximum, not a sum. */
const LARGEST = LATENCY + LATENCY_BOUNDS.length + 1;
export const WIDTH = LARGEST + 1;
export const MAXIMA = 1;

export function fillRow(row: Float64Array, s: EdgeSample): void {
  const judged = Number(s.requests) + Number(s.connectionsOpened);
  row.fill(0);
  row[REQUESTS] = Number(s.requests);
  row[FAILURES] = Number(s.failures);
  row[LATENCY_SUM] = s.latencySumMs;
  row[SENT] = Number(s.bytesSent);
  row[RECEIVED] = Number(s.bytesReceived);
  row[OPENED] = Number(s.connectionsOpened);
  row[DENIED] = Number(s.denied);
  row[JUDGED] = judged;
  row[MTLS] = s.mtls ? judged : 0;
  for (const [details, n] of Object.entries(s.denials)) {
    const limit = limitingRule(details);
    if (limit !== undefined) (row[LIMITED] as number) += Number(n);
    if (limit !== undefined && limit.status >= 500) (row[LIMITED_FAILING] as number) += Number(n);
  }
  const buckets = Math.min(s.latencyCounts.length, LATENCY_BOUNDS.length + 1);
  for (let i = 0; i < buckets; i++) row[LATENCY + i] = Number(s.latencyCounts[i]);
  row[LARGEST] = s.latencyMaxMs;
}

/**
 * The caller's account where there is one, since only it sees what never arrived; the callee's else.
 * Whether it was mTLS is the callee's to say; what was denied, each side's that denied it.
 */
export function mergeAccounts(
  bySource: Float64Array | undefined,
  byDestination: Float64Array | undefined,
): Float64Array {
  const row =
    bySource !== undefined && hasTraffic(bySource) ? bySource : (byDestination ?? bySource ?? new Float64Array(WIDTH));
  if (byDestination !== undefined && (byDestination[JUDGED] as number) > 0) {
    row[MTLS] = byDestination[MTLS] as number;
    row[JUDGED] = byDestination[JUDGED] as number;
    if (row !== byDestination) addDenied(row, byDestination);
  }
  return row;
}

/** What the caller took for a failure was refused, as the callee knows; one that tried again with success did not fail. */
function addDenied(row: Float64Array, byDestination: Float64Array): void {
  const failing = byDestination[LIMITED_FAILING] as number;
  const mistaken = Math.min(failing, row[FAILURES] as number);
  (row[FAILURES] as number) -= mistaken;
  (row[DENIED] as number) += (byDestination[DENIED] as number) - failing + mistaken;
  (row[LIMITED] as number) += (byDestination[LIMITED] as number) - failing + mistaken;
}

/**
 * An account of what a workload is asked, with the time that it took itself: its own where it tells of requests. The
 * caller's has delays that were injected there, attempts before the last, and the way.
 */
export function inboundRow(bySource: Float64Array | undefined, byDestination: Float64Array | undefined): Float64Array {
  const row = mergeAccounts(bySource, byDestination);
  if (byDestination === undefined || byDestination === row || byDestination[REQUESTS] === 0) return row;
  row[LATENCY_SUM] = byDestination[LATENCY_SUM] as number;
  row.set(byDestination.subarray(LATENCY, WIDTH), LATENCY);
  return row;
}

export function hasTraffic(row: Float64Array): boolean {
  return row[REQUESTS] !== 0 || row[OPENED] !== 0 || row[SENT] !== 0 || row[RECEIVED] !== 0;
}

export function trafficView(row: Float64Array, seconds: number): TrafficView {
  const requests = row[REQUESTS] as number;
  const failures = row[FAILURES] as number;
  const asked = requests + (row[OPENED] as number);
  // The two sides' summaries do not come at the same moment.
  const denied = Math.max(0, Math.min(row[DENIED] as number, asked - failures));
  const limited = Math.min(row[LIMITED] as number, denied);
  const latency = row.subarray(LATENCY, LARGEST);
  const largest = row[LARGEST] as number;
  return {
    requests,
    failures,
    denied,
    limited,
    requestsPerSecond: requests / seconds,
    failuresPerSecond: failures / seconds,
    deniedPerSecond: denied / seconds,
    limitedPerSecond: limited / seconds,
    successRate: asked === 0 ? 1 : Math.max(0, 1 - (failures + denied) / asked),
    p50Ms: quantile(latency, LATENCY_BOUNDS, 0.5, largest),
    p95Ms: quantile(latency, LATENCY_BOUNDS, 0.95, largest),
    p99Ms: quantile(latency, LATENCY_BOUNDS, 0.99, largest),
    // Of what was timed: two sides may tell of different numbers.
    meanMs: (row[LATENCY_SUM] as number) / latency.reduce((sum, count) => sum + count, 0),
    bytesSentPerSecond: (row[SENT] as number) / seconds,
    bytesReceivedPerSecond: (row[RECEIVED] as number) / seconds,
    connectionsOpened: row[OPENED] as number,
  };
}
