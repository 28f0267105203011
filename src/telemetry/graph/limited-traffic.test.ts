// What a RateLimit refused is an error with its cause, told apart from what a policy denied, on both data planes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Summary, SummarySchema } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { StreamRecord, UNKNOWN_PEER } from '../stream-record.ts';
import { denialWords } from './denial-words.ts';
import { EdgeAggregator } from './edge-aggregator.ts';
import { TrafficGraph } from './traffic-graph.ts';

const T0 = 1_750_000_000_000;
const HEALTH = { cpuSeconds: 1, rssBytes: 5e7, activeConnections: 1, activeRequests: 0 };
const page = { ...UNKNOWN_PEER, workload: 'productpage-v1', namespace: 'default' };
const reviews = { ...UNKNOWN_PEER, workload: 'reviews-v1', namespace: 'default' };
const RULE = 'ratelimit[default/r6/all]';

function record(change: Partial<StreamRecord> = {}): StreamRecord {
  return Object.assign(new StreamRecord(), {
    source: page,
    destination: reviews,
    responseCode: 200,
    responseCodeDetails: 'via_upstream',
    destinationService: 'reviews.default.svc.cluster.local',
    ...change,
  });
}

/** As our proxy tells it; Envoy's details do not name the rule. */
const limited = (responseCode: number, responseCodeDetails = 'local_rate_limited[default/r6/all]') =>
  record({ responseCode, responseCodeDetails, policyRule: RULE, flags: ['RL'] });

function summary(reporter: 'source' | 'destination', records: readonly StreamRecord[]): Summary {
  const aggregator = new EdgeAggregator();
  for (const one of records) aggregator.add(one, reporter);
  return fromBinary(SummarySchema, toBinary(SummarySchema, create(SummarySchema, aggregator.flush(T0, HEALTH))));
}

function graphOf(source: readonly StreamRecord[], destination: readonly StreamRecord[]): TrafficGraph {
  const graph = new TrafficGraph();
  if (source.length > 0) graph.merge(summary('source', source), T0);
  if (destination.length > 0) graph.merge(summary('destination', destination), T0);
  return graph;
}

function numbersOf(graph: TrafficGraph) {
  const [edge] = graph.edges(T0 + 1_000);
  assert.ok(edge !== undefined);
  const { requests, failures, denied, limited: limitedCount, successRate } = edge;
  return [requests, failures, denied, limitedCount, successRate];
}

for (const [plane, details] of [
  ['our proxy', 'local_rate_limited[default/r6/all]'],
  ['Envoy', 'local_rate_limited'],
] as const)
  test(`what a RateLimit refused is an error of the edge, with its cause: ${plane}`, () => {
    const graph = graphOf([record(), record({ responseCode: 429 })], [record(), limited(429, details)]);
    assert.deepEqual(numbersOf(graph), [2, 0, 1, 1, 0.5]);
    const [workload] = graph.workloads(T0 + 1_000);
    assert.deepEqual([workload?.successRate, workload?.denied, workload?.limited], [0.5, 1, 1]);
    for (const denials of [graph.edges(T0 + 1_000)[0]?.denials, workload?.denials]) {
      assert.deepEqual(denials, { [RULE]: 1 });
      assert.deepEqual(Object.keys(denials ?? {}).map(denialWords), ['RateLimit default/r6, rule all']);
    }
  });

test('a RateLimit that answers 503 is refused once, and no failure beside', () => {
  const calls = [record(), record({ responseCode: 503 }), record({ responseCode: 503 }), record({ responseCode: 503 })];
  // Two were refused; the third is the application's.
  const graph = graphOf(calls, [record(), limited(503), limited(503), record({ responseCode: 503 })]);
  assert.deepEqual(numbersOf(graph), [4, 1, 2, 2, 0.25]);
  assert.deepEqual(Object.keys(graph.edges(T0 + 1_000)[0]?.denials ?? {}).map(denialWords), [
    'RateLimit default/r6, rule all',
  ]);
});

test('who tried again with success after a 503 of a RateLimit did not fail', () => {
  assert.deepEqual(numbersOf(graphOf([record()], [limited(503), record()])), [1, 0, 0, 0, 1]);
});

test('what a gateway refused before it chose a workload is refused, with the cause, and no outage', () => {
  const refused = Object.assign(limited(503), { destination: UNKNOWN_PEER });
  const graph = graphOf([refused, refused], []);
  assert.deepEqual(numbersOf(graph), [2, 0, 2, 2, 0]);
  const [row] = graph.workloads(T0 + 1_000);
  assert.deepEqual([row?.workload, row?.reached, row?.failures, row?.denied], ['reviews', false, 0, 2]);
  assert.deepEqual(Object.keys(row?.denials ?? {}).map(denialWords), ['RateLimit default/r6, rule all']);
});

test('policies and RateLimits are told apart', () => {
  const denied = record({ responseCode: 403, responseCodeDetails: 'rbac_access_denied_matched_policy[none]' });
  const graph = graphOf([record({ responseCode: 403 }), record({ responseCode: 429 })], [denied, limited(429)]);
  assert.deepEqual(numbersOf(graph), [2, 0, 2, 1, 0]);
});

test('a 429 of an application, and a limit that no RateLimit made, are no refusals of a RateLimit', () => {
  const own = record({ responseCode: 429 });
  const other = record({ responseCode: 429, responseCodeDetails: 'local_rate_limited', flags: ['RL'] });
  assert.deepEqual(numbersOf(graphOf([], [own, other])), [2, 0, 0, 0, 1]);
});
