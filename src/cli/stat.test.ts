import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrafficEdgeJson } from '#api';
import { fakeContext } from './context.testing.ts';
import { byService, routeRow, stat, statTable, windowSeconds } from './stat.ts';

const edge = (fields: Partial<TrafficEdgeJson>): TrafficEdgeJson => ({
  source: 'a',
  sourceNamespace: 'shop',
  sourceService: 'a',
  sourceVersion: '',
  sourcePrincipal: '',
  sourcePrincipals: [],
  deniedPerSecond: 0,
  limitedPerSecond: 0,
  denials: {},
  faults: {},
  destination: 'b-v1',
  destinationNamespace: 'shop',
  destinationCanonical: 'b',
  destinationVersion: 'v1',
  destinationPrincipal: '',
  service: 'b.shop.svc.cluster.local',
  protocol: 'http',
  requestsPerSecond: 1,
  errorsPerSecond: 0,
  p50Ms: 1,
  p95Ms: 2,
  p99Ms: 3,
  mtls: 1,
  requests: 60,
  failures: 0,
  denied: 0,
  limited: 0,
  bytesSentPerSecond: 0,
  bytesReceivedPerSecond: 0,
  connectionsOpened: 0,
  openConnections: 0,
  codes: {},
  flags: {},
  reporters: ['source'],
  ...fields,
});

test('a service sums the edges of its versions, and the one that fails most comes first', () => {
  const rows = byService([
    edge({ service: 'c.shop.svc.cluster.local', requestsPerSecond: 2 }),
    edge({ requestsPerSecond: 3, p50Ms: 10 }),
    edge({ destination: 'b-v2', requestsPerSecond: 1, errorsPerSecond: 1, p50Ms: 50, p99Ms: 80, mtls: 0 }),
  ]);
  assert.deepEqual(
    rows.map((row) => row.name),
    ['b', 'c'],
  );
  assert.deepEqual(
    { ...rows[0] },
    {
      name: 'b',
      namespace: 'shop',
      successRate: 0.75,
      requestsPerSecond: 4,
      deniedShare: 0,
      denials: {},
      p50Ms: 20,
      p95Ms: 2,
      p99Ms: 80,
      mtls: '75%',
    },
  );
});

test('what was denied has a column of its own, where anything was', () => {
  const table = statTable(byService([edge({ requestsPerSecond: 4, errorsPerSecond: 1, deniedPerSecond: 1 })]));
  assert.match(table, /^NAME +NAMESPACE +SUCCESS +DENIED +RPS/);
  assert.match(table, /\nb +shop +75\.00% +25\.00% +4\.0/);
  assert.doesNotMatch(statTable(byService([edge({})])), /DENIED/);
});

test('who refused is named', () => {
  const denials = { 'ratelimit[default/r6/all]': 3, 'rbac_access_denied_matched_policy[none]': 1 };
  const refused = edge({ requestsPerSecond: 4, errorsPerSecond: 1, deniedPerSecond: 1, denials });
  const table = statTable(byService([refused, edge({ service: 'c.shop.svc.cluster.local' })]));
  assert.match(table, /MTLS +DENIED BY\n/);
  assert.match(table, /\nb +shop .* yes +RateLimit default\/r6, rule all; no ALLOW rule matched\n/);
  assert.match(table, /\nc +shop .* yes +-\n/);
});

test('what reached no workload is told of the service', () => {
  const row = {
    ...{ name: 'reviews', namespace: 'shop', reached: false, successRate: 0, requestsPerSecond: 2 },
    ...{ p50Ms: 1, p95Ms: 1, p99Ms: 1, mtls: 'no' },
  };
  assert.match(statTable([row]), /\nreviews \(service\) +shop +0\.00%/);
});

test('what reached nobody of the mesh says nothing about mutual TLS', () => {
  const [row] = byService([edge({ requestsPerSecond: 3 }), edge({ destination: 'unknown', mtls: 0 })]);
  assert.equal(row?.mtls, 'yes');
  assert.equal(byService([edge({ destination: 'unknown', mtls: 0 })])[0]?.mtls, '-');
});

test('a window is a number with its unit', () => {
  assert.deepEqual(['10s', '5m', '1h'].map(windowSeconds), [10, 300, 3600]);
  assert.throws(() => windowSeconds('soon'), /--window soon is no duration/);
});

test('the tables read as they always did', () => {
  const workload = {
    ...{ name: 'reviews-v1', namespace: 'shop', successRate: 0.9512, requestsPerSecond: 12.34 },
    ...{ p50Ms: 3.21, p95Ms: 48.6, p99Ms: 0, mtls: 'yes' },
  };
  assert.equal(
    statTable([workload]),
    `NAME         NAMESPACE   SUCCESS   RPS    P50     P95    P99   MTLS
reviews-v1   shop        95.12%    12.3   3.2ms   49ms   -     yes
`,
  );
  const numbers = { requests: 9, requestsPerSecond: 0.15, successRate: 1, p50Ms: 2, p95Ms: 4, p99Ms: 4 };
  const inMesh = { virtualHost: 'reviews.shop.svc.cluster.local:9080', service: 'reviews.shop.svc.cluster.local' };
  assert.equal(
    statTable([
      routeRow({ ...numbers, ...inMesh, route: 'jason' }),
      routeRow({ ...numbers, virtualHost: '*:80', service: 'page.shop.svc.cluster.local', route: 'bookshop' }),
      routeRow({ ...numbers, virtualHost: '', service: '', route: '' }),
    ]),
    `SERVICE   NAMESPACE   ROUTE      HOST                                  SUCCESS   RPS   P50     P95     P99
reviews   shop        jason      reviews.shop.svc.cluster.local:9080   100.00%   0.1   2.0ms   4.0ms   4.0ms
page      shop        bookshop   *:80                                  100.00%   0.1   2.0ms   4.0ms   4.0ms
none                                                                   100.00%   0.1   2.0ms   4.0ms   4.0ms
`,
  );
});

test('a name that nobody has is refused with the names that there are', async () => {
  const { context, out } = fakeContext({
    answers: {
      '/api/v1/traffic': { edges: [], workloads: [] },
      '/api/v1/traffic/routes': [],
      '/api/v1/status': {
        proxies: [{ name: 'gate', namespace: 'edge' }],
        workloads: [{ name: 'b-v1', namespace: 'shop' }],
      },
      '/api/v1/objects?kind=Service': [{ name: 'b', namespace: 'shop' }],
      '/api/v1/objects?kind=ServiceEntry': [{ name: 'x', namespace: 'shop', spec: { hosts: ['api.example.org'] } }],
    },
  });
  await assert.rejects(stat(context, 'nosuch', {}), /No workload is called nosuch\. Known: b-v1\.shop, gate\.edge\./);
  await assert.rejects(
    stat(context, 'gate', { namespace: 'shop' }),
    /called gate in namespace shop\. Known: b-v1\.shop\./,
  );
  await assert.rejects(
    stat(context, 'c', { by: 'route' }),
    /No service is called c\. Known: api\.example\.org, b\.shop\./,
  );
  assert.equal(out(), '');
  for (const known of ['b', 'gate']) assert.equal(await stat(context, known, {}), 0);
  assert.match(out(), /^No traffic seen in that time\.\n/);
});

test('names the window that the numbers are of, and who timed them', async () => {
  const numbers = { workload: 'b-v1', namespace: 'shop', reached: true, successRate: 1, requestsPerSecond: 2 };
  const row = { ...numbers, deniedPerSecond: 0, denials: {}, p50Ms: 1, p95Ms: 1, p99Ms: 1, mtlsShare: 1 };
  const told = async (windowSeconds: number, startedMs: number, options: object): Promise<string> => {
    const { context, out } = fakeContext({
      answers: { '/api/v1/traffic': { edges: [], workloads: [row], windowSeconds } },
    });
    const now = context.clock.wallTime();
    const run = JSON.stringify({ address: 'http://127.0.0.1:1', token: 't', startedMs: now - startedMs });
    const fs = { ...context.fs, readText: async () => run };
    await stat({ ...context, fs }, undefined, options);
    return out();
  };
  const HOUR = 3_600_000;
  assert.match(await told(60, HOUR, {}), /^Of the last 60 s, as long as the workload itself took .*:\nNAME /);
  assert.match(await told(600, HOUR, { window: '10m' }), /^Of the last 10 min, /);
  assert.match(
    await told(600, 42_000, { window: '10m' }),
    /^Of the last 42 s, /,
    'there was nothing before it started',
  );
  assert.match(await told(86_400, 42_000, {}), /^Of the last 24 h, /, 'a Prometheus has it');
  assert.equal(JSON.parse(await told(60, HOUR, { output: 'json' }))[0].windowSeconds, 60);
});
