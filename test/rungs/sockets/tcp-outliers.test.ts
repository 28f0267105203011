// Outlier detection of TCP: an endpoint that cannot be reached is left out, one that can sometimes is not.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { CLUSTER } from '#telemetry';
import { cluster, listener, type RunningProxy, runProxy, tcpFilter } from './proxy-fixture.ts';

const OUTLIERS = { consecutive_5xx: 3, interval: '3600s', base_ejection_time: '3600s', max_ejection_percent: 100 };

async function through(t: TestContext, ports: readonly number[], outliers: object = {}): Promise<RunningProxy> {
  const filter = tcpFilter();
  const proxy = await runProxy(
    [listener('l', [{ filters: [filter] }])],
    [cluster('app', ports, { outlier_detection: { ...OUTLIERS, ...outliers } })],
  );
  t.after(() => proxy.close());
  return proxy;
}

async function listen(port = 0): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end('here');
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** What a client gets; '' where its connection was closed without a word. */
function ask(proxy: RunningProxy): Promise<string> {
  const socket = connect(proxy.port('l'), '127.0.0.1');
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (data) => void (text += data.toString()));
  return new Promise((resolve) => void socket.once('close', () => resolve(text)));
}

const ejections = (proxy: RunningProxy): number =>
  proxy.handle.proxy.services.clusters.get('app')?.stats.get(CLUSTER['outlier_detection.ejections_enforced_total']) ??
  0;

for (const [name, outliers] of [
  ['as errors of the endpoint', {}],
  ['by themselves', { split_external_local_origin_errors: true, consecutive_local_origin_failure: 3 }],
] as const) {
  test(`connections that cannot be made count ${name}`, async (t) => {
    const { server, port } = await listen();
    t.after(() => server.close());
    const proxy = await through(t, [port, 1], outliers);
    let lost = 0;
    for (let i = 0; i < 20; i++) if ((await ask(proxy)) === '') lost++;
    assert.equal(lost, 3);
    assert.equal(ejections(proxy), 1);
  });

  test(`one that is made lets those before it count no more, ${name}`, async (t) => {
    const gone = await listen();
    const { port } = gone;
    gone.server.close();
    const proxy = await through(t, [port], outliers);
    for (let round = 0; round < 3; round++) {
      assert.deepEqual([await ask(proxy), await ask(proxy)], ['', '']);
      const back = await listen(port);
      assert.equal(await ask(proxy), 'here');
      back.server.close();
    }
    assert.equal(ejections(proxy), 0);
  });
}
