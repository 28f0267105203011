// Copies of requests (request_mirror_policies) whose other side, or whose client, does not do what one hopes for: nothing of them stays.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { CLUSTER } from '../../../src/telemetry/index.ts';
import { cluster, fetchText, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';

const H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

/** A shadow that takes what comes and says nothing, and an application that says `fine` to whole requests, `early` to others. */
async function start(t: TestContext, route: object, shadow: object = {}) {
  const open = new Set<Socket>();
  let bytes = 0;
  const silent = createServer((socket) => {
    open.add(socket);
    socket.on('data', (data) => (bytes += data.length));
    socket.on('error', () => {});
    socket.once('close', () => open.delete(socket));
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const app = await startApp((asked, answer) => {
    if (asked.url === '/early') return void answer.end('early');
    asked.resume();
    asked.once('end', () => answer.end('fine'));
  });
  const routes = [
    {
      match: { prefix: '/' },
      route: { cluster: 'app', request_mirror_policies: [{ cluster: 'shadow' }], ...route },
    },
  ];
  const proxy = await runProxy(
    [listener('in', [{ filters: [managerFilter(routes)] }])],
    [cluster('app', [app.port]), cluster('shadow', [(silent.address() as AddressInfo).port], shadow)],
  );
  t.after(() => {
    proxy.close();
    app.close();
    for (const socket of open) socket.destroy();
    silent.close();
  });
  const { clusters } = proxy.handle.proxy.services;
  return {
    port: proxy.port('in'),
    bytes: () => bytes,
    of: (name: 'upstream_rq_active' | 'upstream_rq_total') => clusters.get('shadow')?.stats.get(CLUSTER[name]),
    until: async (holds: () => boolean, what: string) => {
      for (let i = 0; i < 2000 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.ok(holds(), what);
    },
  };
}

function send(port: number, text: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(text);
  return socket;
}

for (const [version, shadow] of [
  ['HTTP/1.1', {}],
  ['HTTP/2', H2],
] as const) {
  describe(`a copy over ${version}`, () => {
    test('whose answer never comes is given up after the request’s own time', async (t) => {
      const bed = await start(t, { timeout: '0.3s' }, shadow);
      for (let i = 0; i < 5; i++)
        assert.equal((await fetchText(bed.port, '/', { method: 'POST', body: 'x' })).body, 'fine');
      assert.equal(bed.of('upstream_rq_total'), 5);
      await bed.until(() => bed.of('upstream_rq_active') === 0, 'copies wait for ever');
    });

    test('of a request that its client breaks off ends with it', async (t) => {
      const bed = await start(t, { timeout: '0s' }, shadow);
      const socket = send(bed.port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nsome');
      await bed.until(() => bed.of('upstream_rq_active') === 1 && bed.bytes() > 0, 'no copy');
      socket.destroy();
      await bed.until(() => bed.of('upstream_rq_active') === 0, 'a copy waits for what will not come');
    });

    test('of a request that was answered before its end ends with the answer', async (t) => {
      const bed = await start(t, { timeout: '0s' }, shadow);
      const socket = send(bed.port, 'POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nsome');
      const [answer] = await once(socket, 'data');
      assert.match(String(answer), /^HTTP\/1\.1 200 /);
      socket.destroy();
      await bed.until(() => bed.of('upstream_rq_active') === 0, 'a copy waits for what will not come');
    });
  });
}

test('copies are bounded by their cluster’s own breaker', async (t) => {
  const shadow = { circuit_breakers: { thresholds: [{ max_requests: 3 }] } };
  const bed = await start(t, { timeout: '0s' }, shadow);
  for (let i = 0; i < 10; i++) assert.equal((await fetchText(bed.port, '/')).body, 'fine');
  assert.equal(bed.of('upstream_rq_total'), 3);
  assert.equal(bed.of('upstream_rq_active'), 3);
});
