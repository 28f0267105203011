// Backends come and go under load over HTTP/1.1, HTTP/2, gRPC and TCP: the short form of test/proxy-life/rollout.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rollout } from '../../proxy-life/rollout.ts';

test('no request fails while each backend is replaced and their number changes', async () => {
  const end = await rollout({ restarts: 1, scale: 4, perSecond: 150, unordered: false, atLeast: 0 });
  assert.deepEqual(end.failures, {});
  for (const kind of ['h1 GET', 'h1 POST', 'h2 GET', 'h2 POST', 'gRPC', 'TCP'])
    assert.ok((end.sent[kind] ?? 0) > 0, `${kind} was sent`);
});

test('nor when clients hear late that a backend leaves', async () => {
  const end = await rollout({ restarts: 1, scale: 3, perSecond: 150, unordered: true, atLeast: 0 });
  assert.deepEqual(end.failures, {});
});
