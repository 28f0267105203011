import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toOpenMetrics, wantsOpenMetrics } from './open-metrics.ts';

test('counters lose the ending of their family, others of no such name become unknown', () => {
  const text =
    '# HELP a_total Things.\n# TYPE a_total counter\na_total{x="1"} 2\n# TYPE envoy_b counter\nenvoy_b{} 3\n# TYPE c gauge\nc 1\n# a comment\n# TYPE d untyped\nd 4\n';
  assert.equal(
    toOpenMetrics(text),
    '# HELP a Things.\n# TYPE a counter\na_total{x="1"} 2\n# TYPE envoy_b unknown\nenvoy_b{} 3\n# TYPE c gauge\nc 1\n# TYPE d unknown\nd 4\n# EOF\n',
  );
});

test('a gauge that is called total stays what it is', () => {
  const text = '# HELP g_total Room.\n# TYPE g_total gauge\ng_total 2\n';
  assert.equal(toOpenMetrics(text), `${text}# EOF\n`);
});

test('who does not ask for it does not get it', () => {
  assert.equal(wantsOpenMetrics(undefined), false);
  assert.equal(wantsOpenMetrics('text/plain;version=0.0.4'), false);
  assert.equal(wantsOpenMetrics('application/openmetrics-text;version=1.0.0,text/plain;q=0.5'), true);
});
