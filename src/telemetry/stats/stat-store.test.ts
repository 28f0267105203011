import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLUSTER, HTTP, LISTENER_HTTP } from './block-schemas.ts';
import { bucketOf, DEFAULT_BOUNDS, quantile } from './histogram-buckets.ts';
import { renderPrometheus } from './render-prometheus.ts';
import { renderJson, renderText } from './render-text.ts';
import { StatStore } from './stat-store.ts';

const page = (pieces: Iterable<string>): string => [...pieces].join('');

test("a cluster counter is printed with Envoy's family and label", () => {
  const store = new StatStore();
  const c = store.cluster('c1');
  c.inc(CLUSTER.upstream_rq_total);
  c.add(CLUSTER.upstream_rq_total, 6);
  const text = page(renderPrometheus(store));
  assert.match(
    text,
    /# TYPE envoy_cluster_upstream_rq_total counter\nenvoy_cluster_upstream_rq_total\{envoy_cluster_name="c1"\} 7\n/,
  );
  assert.match(page(renderText(store)), /^cluster\.c1\.upstream_rq_total: 7$/m);
});

test('response code classes become a label, and show in clusters only once they happened', () => {
  const store = new StatStore();
  const c = store.cluster('c1');
  c.inc(CLUSTER.upstream_rq_2xx);
  c.countCode(200);
  c.countCode(999);
  const text = page(renderPrometheus(store));
  assert.match(text, /^envoy_cluster_upstream_rq_xx\{envoy_response_code_class="2",envoy_cluster_name="c1"\} 1$/m);
  assert.doesNotMatch(text, /class="5"/);
  assert.match(text, /^envoy_cluster_upstream_rq\{envoy_response_code="200",envoy_cluster_name="c1"\} 1$/m);
  assert.match(page(renderText(store)), /^cluster\.c1\.upstream_rq_200: 1$/m);
});

test('codes of retried responses are a family of their own', () => {
  const store = new StatStore();
  const c = store.cluster('c1');
  c.countCode(503, 1);
  c.inc(CLUSTER['retry.upstream_rq_5xx']);
  const text = page(renderPrometheus(store));
  assert.match(text, /^envoy_cluster_retry_upstream_rq\{envoy_response_code="503",envoy_cluster_name="c1"\} 1$/m);
  assert.match(
    text,
    /^envoy_cluster_retry_upstream_rq_xx\{envoy_response_code_class="5",envoy_cluster_name="c1"\} 1$/m,
  );
  assert.doesNotMatch(text, /envoy_cluster_upstream_rq\{/);
  assert.match(page(renderText(store)), /^cluster\.c1\.retry\.upstream_rq_503: 1$/m);
  store.resetCounters();
  assert.doesNotMatch(page(renderText(store)), /retry\./);
});

test('every family has one TYPE line and its members stand together', () => {
  const store = new StatStore();
  for (const name of ['a', 'b', 'c']) store.cluster(name).inc(CLUSTER.upstream_rq_2xx);
  store.http('ingress').inc(HTTP.downstream_rq_2xx);
  store.listenerHttp('0.0.0.0_80', 'ingress').inc(LISTENER_HTTP.downstream_rq_2xx);
  store
    .counter('http.a.ext_authz.ok', { family: 'http.ext_authz.ok', tags: [['envoy_http_conn_manager_prefix', 'a']] })
    .inc();
  store
    .counter('http.b.ext_authz.ok', { family: 'http.ext_authz.ok', tags: [['envoy_http_conn_manager_prefix', 'b']] })
    .inc();
  const types = page(renderPrometheus(store))
    .split('\n')
    .filter((l) => l.startsWith('# TYPE'));
  assert.equal(new Set(types).size, types.length);
  assert.match(
    page(renderPrometheus(store)),
    /envoy_listener_http_downstream_rq_xx\{envoy_response_code_class="2",envoy_http_conn_manager_prefix="ingress",envoy_listener_address="0.0.0.0_80"\} 1/,
  );
});

test('usedonly leaves out what was never written, and keeps a gauge that went back to zero', () => {
  const store = new StatStore();
  const c = store.cluster('c1');
  c.inc(CLUSTER.upstream_cx_active);
  c.dec(CLUSTER.upstream_cx_active);
  const text = page(renderText(store, { usedOnly: true }));
  assert.equal(text, 'cluster.c1.upstream_cx_active: 0\n');
});

test('a filter judges the full name', () => {
  const store = new StatStore();
  store.cluster('c1');
  const text = page(renderJson(store, { accept: (n) => n.endsWith('upstream_rq_total') }));
  assert.deepEqual(JSON.parse(text), { stats: [{ name: 'cluster.c1.upstream_rq_total', value: 0 }] });
});

test('an edit that holds the block before it lets go keeps the counts; the last release drops them', () => {
  const store = new StatStore();
  const before = store.cluster('c1');
  before.inc(CLUSTER.upstream_rq_total);
  const after = store.cluster('c1');
  store.release(before);
  assert.equal(after.get(CLUSTER.upstream_rq_total), 1);
  store.release(after);
  assert.equal(page(renderText(store)), '');
});

test("histograms count into Envoy's buckets, cumulatively", () => {
  const store = new StatStore();
  const c = store.cluster('c"1');
  for (const ms of [0.5, 3, 3, 700, 5_000_000]) c.observe(CLUSTER.upstream_rq_time, ms);
  const text = page(renderPrometheus(store));
  const bucket = (le: string): string | undefined =>
    new RegExp(`upstream_rq_time_bucket\\{envoy_cluster_name="c\\\\"1",le="${le.replace('+', '\\+')}"\\} (\\d+)`).exec(
      text,
    )?.[1];
  assert.deepEqual(['0.5', '1', '5', '500', '1000', '3600000', '+Inf'].map(bucket), [
    '1',
    '1',
    '3',
    '3',
    '4',
    '4',
    '5',
  ]);
  assert.match(text, /envoy_cluster_upstream_rq_time_sum\{envoy_cluster_name="c\\"1"\} 5000706.5/);
  assert.match(page(renderText(store)), /upstream_rq_time: P0\(nan,/);
});

test('a value on a bound belongs to that bound', () => {
  assert.deepEqual([0, 0.5, 0.51, 5, 3_600_000, 3_600_001].map(bucketOf), [0, 0, 1, 2, 18, DEFAULT_BOUNDS.length]);
});

test('quantiles go straight through a bucket', () => {
  assert.equal(quantile([0, 10, 0], [10, 20], 0.5), 15);
  assert.ok(Number.isNaN(quantile([0, 0], [1], 0.5)));
  assert.equal(quantile([0, 0, 4], [10, 20], 0.5), 20);
});

test('the same name asked for as another kind is a mistake that is said', () => {
  const store = new StatStore();
  store.counter('a.b').inc();
  assert.throws(() => store.gauge('a.b'), /Statistic a\.b is a counter/);
});

test('reset_counters leaves gauges', () => {
  const store = new StatStore();
  const c = store.cluster('c1');
  c.inc(CLUSTER.upstream_cx_active);
  c.inc(CLUSTER.upstream_cx_total);
  c.countCode(200);
  store.resetCounters();
  assert.equal(c.get(CLUSTER.upstream_cx_active), 1);
  assert.equal(c.get(CLUSTER.upstream_cx_total), 0);
});

test('a page of 1,000 clusters comes in many pieces', () => {
  const store = new StatStore();
  for (let i = 0; i < 1_000; i++) store.cluster(`outbound|80||s${i}.default.svc.cluster.local`);
  let largest = 0;
  let pieces = 0;
  for (const piece of renderPrometheus(store)) {
    largest = Math.max(largest, piece.length);
    pieces++;
  }
  assert.ok(pieces > 100);
  assert.ok(largest < 32_768);
});
