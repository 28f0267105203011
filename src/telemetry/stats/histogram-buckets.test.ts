import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantile } from './histogram-buckets.ts';

const BOUNDS = [10, 100, 1000];

test('a quantile lies within its bucket, where its rank is', () => {
  assert.equal(quantile([0, 10, 0, 0], BOUNDS, 0.5), 55);
  assert.ok(Number.isNaN(quantile([0, 0, 0, 0], BOUNDS, 0.5)));
});

test('no quantile is above the largest value that was counted', () => {
  assert.equal(quantile([0, 0, 10, 0], BOUNDS, 1, 105), 105);
  assert.equal(quantile([0, 0, 10, 0], BOUNDS, 0.5, 105), 102.5);
  assert.equal(quantile([0, 10, 10, 0], BOUNDS, 0.5, 105), 100);
});

test('beyond the last bound the largest value is the bucket’s end', () => {
  assert.equal(quantile([0, 0, 0, 10], BOUNDS, 1, 3000), 3000);
  assert.equal(quantile([0, 0, 0, 10], BOUNDS, 1), 1000);
});
