import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MergedExposition } from './merge-expositions.ts';

const merged = (exemplars: boolean, ...texts: readonly string[]): string => {
  const all = new MergedExposition();
  for (const text of texts) all.add(text);
  return [...all.render(exemplars)].join('');
};

test('equal series are added up, others stand beside each other, each family in one place', () => {
  const one = '# TYPE a counter\na{x="1"} 2\n# TYPE b counter\nb 1\n';
  const two = '# TYPE a counter\na{x="1"} 3\na{x="2"} 1\n';
  assert.equal(merged(false, one, two), '# TYPE a counter\na{x="1"} 5\na{x="2"} 1\n# TYPE b counter\nb 1\n');
});

test('a gauge is what one of them says', () => {
  const text = '# TYPE istio_build gauge\nistio_build{tag="1"} 1\n';
  assert.equal(merged(false, text, text), text);
});

test('labels may hold braces, quotes and what looks like an exemplar', () => {
  const text = '# TYPE a counter\na{x="} # {\\" 7 \\\\"} 4\n';
  assert.equal(merged(true, text, text), text.replace(' 4\n', ' 8\n'));
});

test('exemplars are shown to those who take them only', () => {
  const text = '# TYPE a histogram\na_bucket{le="5"} 1 # {trace_id="t"} 3 17.5\n';
  assert.equal(merged(true, text), text);
  assert.equal(merged(false, text, text), '# TYPE a histogram\na_bucket{le="5"} 2\n');
});

test('nothing of nobody is nothing', () => {
  assert.equal(merged(false), '');
  assert.equal(merged(false, ''), '');
});
