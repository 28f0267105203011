// Ports whose protocol is found out: whoever speaks first decides, so that neither end waits for the other.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { CLUSTER } from '../../../src/telemetry/index.ts';
import { cluster, listener, managerFilter, type RunningProxy, runProxy, startApp, tcpFilter } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const LISTENER = 'type.googleapis.com/envoy.extensions.filters.listener';
const NETWORK = 'type.googleapis.com/envoy.extensions.filters.network';

const inspectors = {
  listener_filters: [
    {
      name: 'envoy.filters.listener.tls_inspector',
      typed_config: { '@type': `${LISTENER}.tls_inspector.v3.TlsInspector` },
    },
    {
      name: 'envoy.filters.listener.http_inspector',
      typed_config: { '@type': `${LISTENER}.http_inspector.v3.HttpInspector` },
    },
  ],
  listener_filters_timeout: '0s',
  continue_on_listener_filters_timeout: true,
};

function rbac(action: 'ALLOW' | 'DENY'): object {
  return {
    name: 'envoy.filters.network.rbac',
    typed_config: {
      '@type': `${NETWORK}.rbac.v3.RBAC`,
      stat_prefix: 'tcp.',
      rules: { action, policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } },
    },
  };
}

/** One port, one application: HTTP where the client speaks HTTP, else its bytes as they are. */
function sniffing(app: number, tcpFilters: readonly object[] = [], ofCluster: object = {}): Promise<RunningProxy> {
  const tcp = tcpFilter();
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];
  return runProxy(
    [
      listener(
        'l',
        [
          {
            filter_chain_match: { application_protocols: ['http/1.1', 'h2c'] },
            filters: [managerFilter(routes)],
          },
          { filters: [...tcpFilters, tcp] },
        ],
        inspectors,
      ),
    ],
    [cluster('app', [app], ofCluster)],
  );
}

async function speaksFirst(t: TestContext, words: string): Promise<{ readonly port: number; accepted: number }> {
  const state = { port: 0, accepted: 0 };
  const server: Server = createServer((socket) => {
    state.accepted++;
    socket.on('error', () => {});
    socket.write(words);
    socket.on('data', (data) => socket.write(data));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  state.port = (server.address() as { port: number }).port;
  return state;
}

function client(t: TestContext, port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  return socket.setEncoding('utf8');
}

async function get(port: number): Promise<number> {
  const asked = request({ host: '127.0.0.1', port, agent: false }).end();
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

test('a server that greets first is heard, and then served as it was', async (t) => {
  const app = await speaksFirst(t, '220 hello\r\n');
  const proxy = await sniffing(app.port);
  t.after(() => proxy.close());
  for (let i = 0; i < 3; i++) {
    const socket = client(t, proxy.port('l'));
    assert.deepEqual(await once(socket, 'data'), ['220 hello\r\n']);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    assert.deepEqual(await once(socket, 'data'), ['GET / HTTP/1.1\r\n\r\n']);
    socket.destroy();
  }
  assert.equal(app.accepted, 3, 'what was dialled early is what was used');
});

test('a server that greets first is heard where the policies of the connection allow it', async (t) => {
  const app = await speaksFirst(t, 'hello');
  const proxy = await sniffing(app.port, [rbac('ALLOW')]);
  t.after(() => proxy.close());
  assert.deepEqual(await once(client(t, proxy.port('l')), 'data'), ['hello']);
});

test('nobody is dialled where a policy of the connection forbids it', async (t) => {
  const app = await speaksFirst(t, 'hello');
  const proxy = await sniffing(app.port, [rbac('DENY')]);
  t.after(() => proxy.close());
  const socket = client(t, proxy.port('l'));
  await once(socket, 'connect');
  // Longer than a silent client waits: had anybody been dialled, it would have been heard of by now.
  await new Promise((resolve) => setTimeout(resolve, 300));
  socket.write('\x00 is no method');
  await once(socket, 'close');
  assert.equal(app.accepted, 0);
});

test('a client of HTTP that takes its time is served as HTTP', async (t) => {
  const app = await startApp((_, response) => void response.end('ok'));
  t.after(() => app.close());
  const accepted: Socket[] = [];
  app.server.on('connection', (socket) => accepted.push(socket));
  const proxy = await sniffing(app.port);
  t.after(() => proxy.close());
  const socket = client(t, proxy.port('l'));
  await until('its endpoint was dialled', () => accepted.length === 1);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = await once(socket, 'data');
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*x-envoy-upstream-service-time:/);
  await until('what was dialled early was given up', () => accepted.some((one) => one.destroyed));
  assert.equal(await get(proxy.port('l')), 200);
});

test('a client that leaves in silence takes with it what was dialled for it', async (t) => {
  const app = await startApp((_, response) => void response.end('ok'));
  t.after(() => app.close());
  const accepted: Socket[] = [];
  app.server.on('connection', (socket) => accepted.push(socket));
  const proxy = await sniffing(app.port);
  t.after(() => proxy.close());
  const socket = client(t, proxy.port('l'));
  await until('its endpoint was dialled', () => accepted.length === 1);
  socket.destroy();
  await until(
    'both are gone',
    () => accepted[0]?.destroyed === true && proxy.handle.proxy.listeners.connectionCount === 0,
  );
});

test('a silent client of a dead server is closed, as without a proxy', async (t) => {
  const app = await startApp(() => {});
  app.close();
  const proxy = await sniffing(app.port);
  t.after(() => proxy.close());
  await once(client(t, proxy.port('l')), 'close');
});

test('once HTTP was seen on a port, a connection that a client opens for later outlives what was dialled for it', async (t) => {
  const app = await startApp((_, response) => void response.end('ok'));
  t.after(() => app.close());
  const proxy = await sniffing(app.port);
  t.after(() => proxy.close());
  assert.equal(await get(proxy.port('l')), 200);
  const early: Socket[] = [];
  app.server.on('connection', (one) => early.push(one));
  const socket = client(t, proxy.port('l'));
  await until('its endpoint was dialled', () => early.length > 0);
  early[0]?.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = await once(socket, 'data');
  assert.match(answer, /^HTTP\/1\.1 200 /);
});

test('a silent client for whom nobody can be dialled is served once somebody can', async (t) => {
  const app = await speaksFirst(t, 'hello');
  const proxy = await sniffing(app.port, [], { circuit_breakers: { thresholds: [{ max_connections: 1 }] } });
  t.after(() => proxy.close());
  const first = client(t, proxy.port('l'));
  await once(first, 'data');
  const second = client(t, proxy.port('l'));
  await once(second, 'connect');
  const heard = once(second, 'data');
  await until('it was found that it cannot be dialled', () => overflows(proxy) > 0);
  first.destroy();
  assert.deepEqual(await heard, ['hello']);
});

function overflows(proxy: RunningProxy): number {
  const cluster = proxy.handle.proxy.services.clusters.get('app');
  return cluster?.stats.values[CLUSTER.upstream_cx_overflow] ?? 0;
}
