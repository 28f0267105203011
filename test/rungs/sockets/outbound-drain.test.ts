// A proxy that leaves beside a workload that still works: who finishes a request may have to ask others for it.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { until } from '../../mesh/until.ts';
import { cluster, fetchText, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';

const refused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(false)));
    socket.once('error', () => resolve(true));
  });

test('an application goes out through a proxy that takes nobody in any more', async (t) => {
  const other = await startApp((_, answer) => answer.end('from another'));
  const finish = Promise.withResolvers<void>();
  const app = await startApp((_, answer) => void finish.promise.then(() => answer.end('done')));
  const to = (name: string): object => ({
    filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: name, timeout: '0s' } }])],
  });
  const proxy = await runProxy(
    [
      listener('in', [to('app')], { traffic_direction: 'INBOUND' }),
      listener('out', [to('other')], { traffic_direction: 'OUTBOUND' }),
    ],
    [cluster('app', [app.port]), cluster('other', [other.port])],
  );
  t.after(() => (proxy.close(), app.close(), other.close()));
  const [inbound, outbound] = [proxy.port('in'), proxy.port('out')];
  const slow = fetchText(inbound, '/');
  await until('a request is under way', () => proxy.handle.proxy.listeners.connectionCount > 0);
  const drained = proxy.handle.drain(120_000);
  await until('nobody comes in', () => refused(inbound));
  const asked = await fetchText(outbound, '/');
  assert.deepEqual([asked.status, asked.body, asked.headers.connection], [200, 'from another', 'close']);
  finish.resolve();
  assert.equal((await slow).body, 'done');
  await drained;
  assert.equal(await refused(outbound), true);
});
