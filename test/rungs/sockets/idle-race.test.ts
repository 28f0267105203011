// Requests that come just when an upstream closes its resting connections: the short form of test/proxy-life/idle-race.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleRace } from '../../proxy-life/idle-race.ts';

test('a GET never fails, a POST never runs twice and fails at most once before the upstream is known', async () => {
  const end = await idleRace({ requests: 1_200, upstreams: 40, minMs: 150, maxMs: 500 });
  assert.equal(end.getFailures, 0);
  assert.equal(end.repeated, 0);
  // The proxy may have stood still too, where this process did not.
  assert.ok(end.postFailuresMost <= 2 + end.stalls, `${end.postFailuresMost} POSTs failed at one upstream`);
  assert.ok(end.reused > 0, 'connections are used again');
});
