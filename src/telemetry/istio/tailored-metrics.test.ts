// Metrics that a mesh changed: labels added, dropped and bounded, metrics that are off.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '#wire/http';
import { StreamRecord } from '../stream-record.ts';
import { IstioMetrics } from './istio-metrics.ts';
import { compileMetricRules, type MetricConfig, type MetricRules } from './metric-rules.ts';

const tools = { pattern: (source: string) => (value: string) => new RegExp(source).test(value) };
const config = (change: Partial<MetricConfig>): MetricConfig => ({
  name: '',
  drop: false,
  dimensions: {},
  tagsToRemove: [],
  ...change,
});

function rulesOf(...configs: readonly Partial<MetricConfig>[]): MetricRules {
  const rules = compileMetricRules(configs.map(config), tools);
  assert.ok(rules.ok && rules.value !== undefined);
  return rules.value;
}

function request(tenant: string): StreamRecord {
  const record = new StreamRecord();
  record.method = 'GET';
  record.responseCode = 200;
  record.endMs = 7;
  record.requestHeaders = new HeaderBlock();
  record.requestHeaders.add('x-tenant', tenant);
  record.destinationService = 'a.default.svc.cluster.local';
  return record;
}

const page = (metrics: IstioMetrics): string => [...metrics.renderPrometheus()].join('');

test('a label of an expression stands beside the standard ones, and only on its metric', () => {
  const metrics = new IstioMetrics({ istioVersion: '1' });
  const rules = rulesOf({
    name: 'requests_total',
    dimensions: { tenant: "request.headers['x-tenant']", none: "request.headers['y']" },
  });
  metrics.recordIstio(request('blue'), 'destination', rules);
  metrics.recordIstio(request('blue'), 'destination', rules);
  assert.match(
    page(metrics),
    /istio_requests_total\{reporter="destination",.*response_code="200",.*tenant="blue",none="unknown"\} 2\n/,
  );
  assert.doesNotMatch(page(metrics), /istio_request_bytes_count\{.*tenant/);
});

test('a label can be dropped or set to something else everywhere', () => {
  const metrics = new IstioMetrics({ istioVersion: '1' });
  metrics.recordIstio(
    request('a'),
    'source',
    rulesOf({ tagsToRemove: ['source_principal'], dimensions: { reporter: "'me'" } }),
  );
  assert.doesNotMatch(page(metrics), /source_principal/);
  assert.match(page(metrics), /istio_request_duration_milliseconds_bucket\{[^}]*reporter="me",le="10"\} 1\n/);
});

test('metrics are off one by one, and one can be kept where all are off', () => {
  const metrics = new IstioMetrics({ istioVersion: '1' });
  metrics.recordIstio(request('a'), 'source', rulesOf({ drop: true }, { name: 'istio_requests_total' }));
  assert.match(page(metrics), /istio_requests_total\{/);
  assert.doesNotMatch(page(metrics), /istio_request_bytes/);
  assert.equal(rulesOf({ drop: true }).off, true);
});

test('10,000 values of a label end in bounded series, and nothing is lost from the total', () => {
  const metrics = new IstioMetrics({ istioVersion: '1', maxResponseSeries: 50, idleExpiryMs: 1_000 });
  const rules = rulesOf({ dimensions: { tenant: "request.headers['x-tenant']" } });
  for (let i = 0; i < 10_000; i++) metrics.recordIstio(request(`t${i}`), 'destination', rules);
  const lines = page(metrics)
    .split('\n')
    .filter((line) => line.startsWith('istio_requests_total{'));
  assert.ok(metrics.size.tailored <= 54, String(metrics.size.tailored));
  assert.equal(
    lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0),
    10_000,
  );
  metrics.expire(10_000);
  assert.equal(metrics.size.tailored, 0);
});

test('an expression that is none is an error with the label', () => {
  const rules = compileMetricRules([config({ dimensions: { tenant: 'request.nothing' } })], tools);
  assert.equal(rules.ok, false);
  assert.match(rules.ok ? '' : rules.error, /^tenant: /);
});
