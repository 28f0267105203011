import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meshNumbers } from './mesh-numbers.ts';

const edge = (destination: string, requestsPerSecond: number, errorsPerSecond: number, mtls: number) => ({
  destination,
  requestsPerSecond,
  deniedPerSecond: 0,
  limitedPerSecond: 0,
  errorsPerSecond,
  mtls,
});

test('what reached no workload is counted apart, and lowers no share of mutual TLS', () => {
  const numbers = meshNumbers([edge('a', 6, 1, 1), edge('b', 2, 0, 0.5), edge('unknown', 4, 3, 0)]);
  assert.deepEqual(numbers, {
    requestsPerSecond: 12,
    errorsPerSecond: 4,
    deniedPerSecond: 0,
    limitedPerSecond: 0,
    lostPerSecond: 3,
    mtlsShare: 7 / 8,
  });
});

test('what a RateLimit refused is counted apart from what a policy did', () => {
  const numbers = meshNumbers([{ ...edge('a', 6, 3, 1), deniedPerSecond: 3, limitedPerSecond: 2 }]);
  assert.deepEqual([numbers.errorsPerSecond, numbers.deniedPerSecond, numbers.limitedPerSecond], [3, 1, 2]);
});

test('without traffic there is no share', () => {
  assert.equal(meshNumbers([]).mtlsShare, undefined);
  assert.equal(meshNumbers([edge('unknown', 1, 0, 0)]).mtlsShare, undefined);
});
