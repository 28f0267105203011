import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestTime } from './rest-time.ts';

test('what an endpoint closed after five seconds is used for a POST within half of them, for a GET a little longer', () => {
  const rest = new RestTime();
  assert.equal(rest.known, false);
  rest.closedAfter(5000);
  assert.deepEqual(
    [2400, 2600, 4600].map((ms) => [rest.allows(ms, ms, false), rest.allows(ms, ms, true)]),
    [
      [true, true],
      [false, true],
      [false, false],
    ],
  );
});

test('the time that a server announces counts from the first response', () => {
  const rest = new RestTime();
  rest.announced('timeout=5, max=100');
  assert.equal(rest.ms, 5000);
  rest.announced('max=3');
  assert.equal(rest.ms, 5000);
});

test('a connection that outlives what was learned from a restart corrects it', () => {
  const rest = new RestTime();
  rest.closedAfter(20);
  assert.equal(rest.allows(100, 100, false), false);
  assert.equal(rest.allows(100, 1000, false), true);
  assert.equal(rest.ms, 1000);
});
