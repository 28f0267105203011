// An endpoint that is a Unix socket: requests, and connections that come back to it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLUSTER } from '#telemetry';
import { fetchText, listener, managerFilter, runProxy } from './proxy-fixture.ts';

test('requests go to an application behind a Unix socket', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-unix-'));
  const path = join(folder, 'app');
  const app = createServer((request, response) => void request.pipe(response));
  app.listen(path);
  await once(app, 'listening');
  const endpoint = { endpoint: { address: { pipe: { path } } } };
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }])] }])],
    [
      {
        name: 'app',
        type: 'STATIC',
        connect_timeout: '60s',
        load_assignment: { cluster_name: 'app', endpoints: [{ lb_endpoints: [endpoint] }] },
      },
    ],
  );
  t.after(() => {
    proxy.close();
    app.closeAllConnections();
    app.close();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const body of ['first', 'second'])
    assert.equal((await fetchText(proxy.port('l'), '/', { method: 'POST', body })).body, body);
  assert.equal(proxy.handle.proxy.services.clusters.get('app')?.stats.get(CLUSTER.upstream_rq_total), 2);
});
