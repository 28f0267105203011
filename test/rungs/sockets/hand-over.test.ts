// Proxies take over from each other under load: the short form of test/proxy-life/hand-over.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handOver } from '../../proxy-life/hand-over.ts';

for (const concurrency of [1, 2])
  test(`no connection is refused and no request fails while a proxy with --concurrency ${concurrency} is replaced twice`, async () => {
    const end = await handOver({ times: 2, perSecond: 150, concurrency });
    assert.deepEqual(end.failures, {});
    for (const kind of ['h1 GET', 'h1 POST', 'h1 new', 'h2 GET', 'h2 POST', 'gRPC', 'TCP'])
      assert.ok((end.sent[kind] ?? 0) > 0, `${kind} was sent`);
  });
