import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podConcurrency, readConcurrency } from './concurrency.ts';

test('a command line says 1 to 64, and 0 is one', () => {
  assert.deepEqual(['', '0', '1', '8', '64'].map(readConcurrency), [1, 1, 1, 8, 64]);
  for (const text of ['-1', '65', 'many', '1.5']) assert.throws(() => readConcurrency(text), /no number of workers/);
});

test('a ProxyConfig without a number means one thread, 0 one for each core', () => {
  assert.equal(podConcurrency({}, 8), 1);
  assert.equal(podConcurrency({ concurrency: 3 }, 8), 3);
  assert.equal(podConcurrency({ concurrency: 0 }, 8), 8);
  assert.equal(podConcurrency({ concurrency: 1000 }, 8), 64);
  for (const concurrency of ['2', -1, 1.5, null]) assert.equal(podConcurrency({ concurrency }, 8), 1);
});
