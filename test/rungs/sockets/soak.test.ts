// Clients and applications break off at every stage: the short form of test/proxy-life/soak.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soak } from '../../proxy-life/soak.ts';

test('nothing is held when the load is over, and what nobody broke off came back', async () => {
  const { sent, before, after } = await soak({ seconds: 8, rounds: 1, seed: 7 });
  assert.deepEqual(after.gauges, {}, 'connections and streams');
  assert.ok(after.timers <= before.timers, `${after.timers} timers are armed, ${before.timers} before`);
  assert.ok(after.handles <= before.handles, `${after.handles} handles, ${before.handles} before`);
  assert.ok(after.heap < before.heap + 20 * 2 ** 20, `${after.heap} bytes live, ${before.heap} before`);
  assert.ok(sent.whole > 0);
  assert.equal(sent.wholeAnswered, sent.whole);
});
