import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Summary, SummarySchema } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { type PeerInfo, StreamRecord, UNKNOWN_PEER } from '../stream-record.ts';
import { IstioMetrics } from '../istio/istio-metrics.ts';
import { StreamReporter } from '../stream-reporter.ts';
import { denialWords } from './denial-words.ts';
import { EdgeAggregator } from './edge-aggregator.ts';
import { ToldTime } from './told-time.ts';
import { TrafficGraph } from './traffic-graph.ts';

const peer = (name: string): PeerInfo => ({
  ...UNKNOWN_PEER,
  workload: `${name}-v1`,
  namespace: 'default',
  canonicalService: name,
  version: 'v1',
});
const page = peer('productpage');
const reviews = peer('reviews');
const health = { cpuSeconds: 1, rssBytes: 5e7, activeConnections: 1, activeRequests: 0 };
const T0 = 1_750_000_000_000;

function record(change: Partial<StreamRecord> = {}): StreamRecord {
  return Object.assign(new StreamRecord(), {
    source: page,
    destination: reviews,
    responseCode: 200,
    endMs: 7,
    bytesSent: 100,
    destinationService: 'reviews.default.svc.cluster.local',
    ...change,
  });
}

function summary(reporter: 'source' | 'destination', records: readonly StreamRecord[]): Summary {
  const aggregator = new EdgeAggregator();
  for (const r of records) aggregator.add(r, reporter);
  return fromBinary(SummarySchema, toBinary(SummarySchema, create(SummarySchema, aggregator.flush(T0, health))));
}

test('records of a second become one sample per edge, with deltas', () => {
  const aggregator = new EdgeAggregator();
  for (let i = 0; i < 10; i++) aggregator.add(record(), 'source');
  aggregator.add(record({ responseCode: 503, flags: ['UO'] }), 'source');
  const first = aggregator.flush(T0, health);
  assert.equal(first.edges?.length, 1);
  const [edge] = first.edges ?? [];
  assert.equal(edge?.requests, 11n);
  assert.equal(edge?.failures, 1n);
  assert.deepEqual(edge?.codes, { '200': 10n, '503': 1n });
  assert.deepEqual(edge?.flags, { UO: 1n });
  assert.equal(aggregator.flush(T0 + 1000, health).edges?.length, 0);
});

test('10,000 different hosts in a second end in a bounded summary, and nothing is lost from the total', () => {
  const aggregator = new EdgeAggregator();
  for (let i = 0; i < 10_000; i++) aggregator.add(record({ destinationService: `h${i}` }), 'source');
  const s = aggregator.flush(T0, health);
  assert.ok((s.edges?.length ?? 0) <= 500);
  const counted = (s.edges ?? []).reduce((n, e) => n + Number(e.requests), 0);
  assert.equal(counted + Number(s.droppedEdges), 10_000);
});

test("rates are per second of the window, or of the edge's life when it is younger", () => {
  const graph = new TrafficGraph();
  for (let s = 0; s < 10; s++) graph.merge(summary('source', [record(), record()]), T0 + s * 1000);
  const [young] = graph.edges(T0 + 9_000);
  assert.equal(young?.requestsPerSecond, 2);
  const [old] = graph.edges(T0 + 59_000);
  assert.equal(Math.round((old?.requestsPerSecond ?? 0) * 60), 20);
  assert.equal(graph.edges(T0 + 120_000).length, 0);
  assert.equal(graph.edges(T0 + 120_000, 3_600).length, 1);
});

test('rates do not depend on how many summaries a window happens to hold', () => {
  const graph = new TrafficGraph();
  const told = new ToldTime();
  // Twenty requests a second; summaries come late, two at a time, or after a gap.
  let before = T0;
  for (const ms of [1_000, 2_010, 3_900, 3_990, 5_000, 6_700, 7_020, 8_000, 9_990, 10_000, 11_001, 12_200, 13_950]) {
    const at = T0 + ms;
    told.arrived(at);
    const records = Array.from({ length: Math.round((at - before) / 50) }, () => record());
    graph.merge(summary('source', records), at, undefined, told);
    before = at;
  }
  for (const now of [13_950, 14_400, 15_100]) {
    const [edge] = graph.edges(T0 + now, 10);
    const rate = edge?.requestsPerSecond ?? 0;
    assert.ok(Math.abs(rate - 20) < 0.5, `${rate} a second`);
    assert.equal(graph.workloads(T0 + now, 10)[0]?.requestsPerSecond, rate);
  }
});

test('callers that came and went are rated over the window, not over the life of the newest', () => {
  const graph = new TrafficGraph();
  for (const ms of [0, 15_000, 30_000]) {
    const told = new ToldTime();
    told.arrived(T0 + ms);
    graph.merge(
      summary(
        'source',
        Array.from({ length: 20 }, () => record()),
      ),
      T0 + ms,
      undefined,
      told,
    );
  }
  assert.equal(graph.edges(T0 + 60_500, 60)[0]?.requestsPerSecond, 40 / 60);
  assert.equal(graph.edges(T0 + 34_000, 10)[0]?.requestsPerSecond, 2);
});

test('the caller tells of failures, the callee of mTLS', () => {
  const graph = new TrafficGraph();
  graph.merge(summary('source', [record({ upstreamMtls: false }), record({ responseCode: 0, flags: ['UF'] })]), T0);
  graph.merge(summary('destination', [record({ downstreamMtls: true })]), T0);
  const edges = graph.edges(T0);
  assert.equal(edges.length, 1);
  assert.equal(edges[0]?.requests, 2);
  assert.equal(edges[0]?.successRate, 0.5);
  assert.equal(edges[0]?.mtls, 'yes');
  assert.deepEqual(edges[0]?.reporters, ['source', 'destination']);
});

test('a client that went away is no failure of the service', () => {
  const graph = new TrafficGraph();
  graph.merge(summary('source', [record({ responseCode: 0, flags: ['DC'] })]), T0);
  assert.equal(graph.edges(T0)[0]?.successRate, 1);
});

test('latencies come from the merged buckets', () => {
  const graph = new TrafficGraph();
  graph.merge(
    summary(
      'source',
      Array.from({ length: 99 }, () => record({ endMs: 7 })),
    ),
    T0,
  );
  graph.merge(summary('source', [record({ endMs: 700 })]), T0);
  const [edge] = graph.edges(T0);
  assert.ok((edge?.p50Ms ?? 0) > 5 && (edge?.p50Ms ?? 0) <= 10);
  assert.ok((edge?.p99Ms ?? 0) <= 10);
  assert.equal(Math.round(edge?.meanMs ?? 0), 14);
});

test('the golden table shows the worst workload first', () => {
  const graph = new TrafficGraph();
  graph.merge(summary('source', [record(), record({ destination: peer('ratings'), responseCode: 500 })]), T0);
  assert.deepEqual(
    graph.workloads(T0).map((w) => [w.workload, w.successRate]),
    [
      ['ratings-v1', 0],
      ['reviews-v1', 1],
    ],
  );
});

test('what reached no workload is told under the service that was asked for', () => {
  const graph = new TrafficGraph();
  const nobody = { workload: '', namespace: '' };
  const asked = (destinationService: string) =>
    record({ destination: { ...peer('reviews'), ...nobody }, destinationService, responseCode: 503, flags: ['UH'] });
  graph.merge(summary('source', [record(), ...['reviews.shop.svc.cluster.local', 'api.test', ''].map(asked)]), T0);
  assert.deepEqual(
    graph.workloads(T0).map((w) => [w.workload, w.namespace, w.reached, w.successRate, Number.isNaN(w.mtlsShare)]),
    [
      ['api.test', '', false, 0, false],
      // Nobody of it was spoken to, in plaintext or otherwise.
      ['reviews', 'shop', false, 0, true],
      ['unknown', 'unknown', false, 0, true],
      ['reviews-v1', 'default', true, 1, false],
    ],
  );
});

test('open connections keep an edge visible; closed ones do not', () => {
  const graph = new TrafficGraph();
  const aggregator = new EdgeAggregator();
  const tcp = record({ protocol: 'TCP', responseCode: 0 });
  aggregator.addTcp(tcp, 'source', { opened: true });
  graph.merge(create(SummarySchema, aggregator.flush(T0, health)), T0);
  assert.equal(graph.edges(T0 + 300_000)[0]?.openConnections, 1);
  aggregator.addTcp(tcp, 'source', { closed: true });
  graph.merge(create(SummarySchema, aggregator.flush(T0, health)), T0 + 300_000);
  assert.equal(graph.edges(T0 + 600_000).length, 0);
});

test('the graph is bounded and says what it dropped', () => {
  const graph = new TrafficGraph(3);
  graph.merge(
    summary(
      'source',
      Array.from({ length: 5 }, (_, i) => record({ destinationService: `s${i}` })),
    ),
    T0,
  );
  assert.equal(graph.size, 3);
  assert.equal(graph.dropped, 2);
  graph.expire(T0 + 4_000_000);
  assert.equal(graph.size, 0);
});

test('an agent tells of its own namespace only', () => {
  const graph = new TrafficGraph();
  graph.merge(summary('source', [record(), record({ source: { ...page, namespace: 'bank' } })]), T0, 'default');
  assert.equal(graph.edges(T0).length, 1);
  assert.equal(graph.refused, 1);
});

test('one sink counts into the metrics and the summary', () => {
  const metrics = new IstioMetrics({ istioVersion: '1.31.0' });
  const aggregator = new EdgeAggregator();
  const reporter = new StreamReporter({ local: page, metrics, aggregator });
  const r = record({
    source: UNKNOWN_PEER,
    destinationService: '',
    upstreamCluster: 'outbound|9080|v1|reviews.default.svc.cluster.local',
  });
  reporter.sink('source').onStreamEnd(r);
  assert.equal(metrics.size.responses, 1);
  const [edge] = aggregator.flush(T0, health).edges ?? [];
  assert.deepEqual(
    [edge?.source?.workload, edge?.destinationService],
    ['productpage-v1', 'reviews.default.svc.cluster.local'],
  );
  assert.deepEqual([r.destinationServiceName, r.destinationServiceNamespace], ['reviews', 'default']);
  assert.equal(reporter.sink('source'), reporter.sink('source'));
});

test('what a policy denied is an error of the edge with its reason, also where the caller only saw a 403', () => {
  const rule = 'ns[default]-policy[no-gets]-rule[0]';
  const graph = new TrafficGraph();
  graph.merge(summary('source', [record(), record({ responseCode: 403, responseCodeDetails: 'via_upstream' })]), T0);
  graph.merge(
    summary('destination', [
      record({ responseCodeDetails: 'via_upstream' }),
      record({
        responseCode: 403,
        responseCodeDetails: `rbac_access_denied_matched_policy[${rule}]`,
        policyRule: rule,
      }),
    ]),
    T0,
  );
  const [edge] = graph.edges(T0 + 1_000);
  assert.deepEqual([edge?.requests, edge?.failures, edge?.denied, edge?.successRate], [2, 0, 1, 0.5]);
  assert.deepEqual(
    Object.entries(edge?.denials ?? {}).map(([details, n]) => `${denialWords(details)}: ${n}`),
    ['AuthorizationPolicy default/no-gets, rule 0: 1'],
  );
  assert.equal(graph.workloads(T0 + 1_000)[0]?.successRate, 0.5);
  // Of the last minute there is nothing any more, and so no reason either.
  assert.deepEqual(graph.edges(T0 + 120_000, 60), []);
});

test('a connection that a policy denied counts once, as denied', () => {
  const graph = new TrafficGraph();
  const details = 'rbac_access_denied_matched_policy[none]';
  graph.merge(
    summary('destination', [
      record({ protocol: 'TCP', responseCode: 0, connectionTerminationDetails: details, flags: ['UF'] }),
    ]),
    T0,
  );
  const [edge] = graph.edges(T0 + 1_000);
  assert.deepEqual([edge?.failures, edge?.denied, edge?.connectionsOpened, edge?.successRate], [0, 1, 1, 0]);
  assert.deepEqual(edge?.denials, { [details]: 1 });
});

test('an edge names every identity of its caller, the latest first, and forgets those of another time', () => {
  const graph = new TrafficGraph();
  const as = (account: string) => record({ upstreamLocalPrincipal: `spiffe://cluster.local/ns/default/sa/${account}` });
  graph.merge(summary('source', [as('friend')]), T0);
  graph.merge(summary('source', [as('caller')]), T0 + 1_000);
  const names = (nowMs: number, window?: number) =>
    graph.edges(nowMs, window)[0]?.sourcePrincipals.map((one) => one.split('/').at(-1));
  assert.deepEqual(names(T0 + 2_000), ['caller', 'friend']);
  for (let i = 0; i < 100; i++) graph.merge(summary('source', [as(`a${i}`)]), T0 + 300_000);
  assert.equal(names(T0 + 300_000)?.length, 32);
  assert.equal(graph.edges(T0 + 300_000).length, 1);
});

test('latencies of one length are told as what they were, not as their bucket’s end', () => {
  const graph = new TrafficGraph();
  for (let s = 0; s < 3; s++)
    graph.merge(summary('source', [record({ endMs: 5010 }), record({ endMs: 5020 + s })]), T0 + s * 1000);
  const [edge] = graph.edges(T0 + 2_000);
  for (const ms of [edge?.p50Ms, edge?.p95Ms, edge?.p99Ms])
    assert.ok(ms !== undefined && ms >= 5000 && ms <= 5023, String(ms));
  const [workload] = graph.workloads(T0 + 2_000);
  assert.ok((workload?.p99Ms ?? 0) <= 5023);
  const steps = graph.series({}, T0 + 3_000, 10);
  assert.ok(steps.some(({ p99Ms }) => p99Ms >= 5000) && steps.every(({ p99Ms }) => !(p99Ms > 5023)));
});

test('what a caller waits before its request leaves is no time of the workload that it asks', () => {
  const graph = new TrafficGraph();
  // Two requests that a fault held back for two seconds, as each side has them.
  graph.merge(
    summary('source', [record({ endMs: 2_007, flags: ['DI'] }), record({ endMs: 2_008, flags: ['DI'] })]),
    T0,
  );
  assert.ok(
    (graph.workloads(T0)[0]?.p99Ms ?? 0) > 1_000,
    'of a callee without a proxy the caller’s time is all there is',
  );
  graph.merge(summary('destination', [record({ endMs: 7 }), record({ endMs: 8 })]), T0);
  const [workload] = graph.workloads(T0);
  assert.ok(workload !== undefined && workload.p50Ms <= 10 && workload.p99Ms <= 10, String(workload?.p99Ms));
  assert.equal(workload.meanMs, 7.5);
  assert.equal(workload.requests, 2);
  assert.ok((graph.edges(T0)[0]?.p99Ms ?? 0) > 1_000, 'an edge tells what the caller waited');
  const inbound = graph.series({ destination: 'default/reviews-v1' }, T0 + 2_000, 10);
  assert.ok(inbound.some(({ p99Ms }) => p99Ms > 5) && inbound.every(({ p99Ms }) => !(p99Ms > 10)));
  assert.ok(graph.series({}, T0 + 2_000, 10).some(({ p99Ms }) => p99Ms > 1_000));
});
