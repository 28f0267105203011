// How long connections last and where a client's go: max_connection_duration of pools, of TCP, and hash_policy of TCP.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { CLUSTER, TCP } from '#telemetry';
import { until } from '../../mesh/until.ts';
import {
  cluster,
  fetchText,
  listener,
  managerFilter,
  type RunningProxy,
  runProxy,
  startApp,
  tcpFilter,
} from './proxy-fixture.ts';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Answers with its own number. */
async function startNamed(t: TestContext, name: string): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(name);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

async function firstWord(
  port: number,
  localAddress: string,
): Promise<{ readonly socket: Socket; readonly word: string }> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  const [word] = (await once(socket, 'data')) as [Buffer];
  return { socket, word: word.toString() };
}

function ofCluster(proxy: RunningProxy, name: keyof typeof CLUSTER): number {
  return proxy.handle.proxy.services.clusters.get('web')?.stats.get(CLUSTER[name]) ?? 0;
}

/** The endpoint that each of twenty clients reached. */
async function sweep(port: number): Promise<string[]> {
  const words: string[] = [];
  for (let i = 0; i < 20; i++) {
    const { socket, word } = await firstWord(port, `127.0.0.${2 + i}`);
    words.push(word);
    socket.destroy();
  }
  return words;
}

test('connections of one client address go to one endpoint, those of many to all', async (t) => {
  const ports = await Promise.all(['a', 'b', 'c'].map((name) => startNamed(t, name)));
  const proxy = await runProxy(
    [listener('l', [{ filters: [tcpFilter({ hash_policy: [{ source_ip: {} }] })] }])],
    [cluster('app', ports, { lb_policy: 'RING_HASH' })],
  );
  t.after(() => proxy.close());
  // The ring is made beside the traffic.
  let before = await sweep(proxy.port('l'));
  await until('each client has its endpoint', async () => {
    const now = await sweep(proxy.port('l'));
    const same = now.every((word, i) => word === before[i]);
    before = now;
    return same;
  });
  assert.ok(new Set(before).size > 1, 'not all of them at one');
});

test('a TCP connection ends when it has lasted as long as it may', async (t) => {
  const port = await startNamed(t, 'a');
  const proxy = await runProxy(
    [listener('l', [{ filters: [tcpFilter({ max_downstream_connection_duration: '0.3s' })] }])],
    [cluster('app', [port])],
  );
  t.after(() => proxy.close());
  const { socket } = await firstWord(proxy.port('l'), '127.0.0.1');
  await once(socket, 'close');
  const stats = proxy.handle.proxy.services.stats.tcp('t');
  await until('it is counted', () => stats.get(TCP.max_downstream_connection_duration) === 1);
});

for (const [version, protocol] of [
  ['HTTP/1.1', { http_protocol_options: {} }],
  ['HTTP/2', { http2_protocol_options: {} }],
] as const)
  test(`a pool's ${version} connection is left when it has lasted as long as it may`, async (t) => {
    const behind = await startApp((_, response) => void response.end('answer'));
    const front = await runProxy(
      [listener('h2', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }])] }])],
      [cluster('app', [behind.port])],
    );
    const proxy = await runProxy(
      [listener('l', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'web' } }])] }])],
      [
        cluster('web', [front.port('h2')], {
          typed_extension_protocol_options: {
            [HTTP_OPTIONS]: {
              '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
              common_http_protocol_options: { max_connection_duration: '0.2s' },
              explicit_http_config: protocol,
            },
          },
        }),
      ],
    );
    t.after(() => (proxy.close(), front.close(), behind.close()));
    assert.equal((await fetchText(proxy.port('l'), '/')).body, 'answer');
    await until('it is left', () => ofCluster(proxy, 'upstream_cx_max_duration_reached') === 1);
    await until('it is closed', () => ofCluster(proxy, 'upstream_cx_active') === 0);
    assert.equal((await fetchText(proxy.port('l'), '/')).body, 'answer');
    assert.equal(ofCluster(proxy, 'upstream_cx_total'), 2);
  });

/** What an internal client asks: one more attempt where the route has none. */
test('an internal client’s x-envoy headers are honoured, a stranger’s are not', async (t) => {
  const seen: string[][] = [];
  const app = await startApp((request, response) => {
    seen.push(Object.keys(request.headers).filter((name) => name.startsWith('x-envoy-retry')));
    response.statusCode = seen.length % 2 === 1 ? 503 : 200;
    response.end();
  });
  const internal = (ranges: readonly object[]): object => ({
    use_remote_address: true,
    internal_address_config: { cidr_ranges: ranges },
  });
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];
  const proxy = await runProxy(
    [
      listener('in', [
        { filters: [managerFilter(routes, internal([{ address_prefix: '127.0.0.0', prefix_len: 8 }]))] },
      ]),
      listener('out', [
        { filters: [managerFilter(routes, internal([{ address_prefix: '10.0.0.0', prefix_len: 8 }]))] },
      ]),
    ],
    [cluster('app', [app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  const headers = { 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '1' };
  assert.equal((await fetchText(proxy.port('in'), '/', { headers })).status, 200);
  assert.equal((await fetchText(proxy.port('out'), '/', { headers })).status, 503);
  assert.deepEqual(seen, [[], [], []], 'nobody behind hears of them');
});
