// Http2ProtocolOptions over real sockets: what clients and endpoints are told, and who is asked whether it is there.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { cluster, fetchText, listener, managerFilter, runProxy } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const route = { match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } };
const upstreamOptions = (h2: object): object => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: h2 },
    },
  },
});
const plain = (options: object): object[] => [
  listener('in', [{ filters: [managerFilter([route], { http2_protocol_options: options })] }]),
];
const KEEP_ALIVE = { connection_keepalive: { interval: '0.1s', timeout: '0.1s' } };

test('clients are told the windows and the number of streams', async () => {
  const proxy = await runProxy(
    plain({ initial_stream_window_size: 70_000, initial_connection_window_size: 300_000, max_concurrent_streams: 5 }),
    [cluster('app', [1])],
  );
  const session = connect(`http://127.0.0.1:${proxy.port('in')}`);
  await once(session, 'remoteSettings');
  assert.equal(session.remoteSettings.initialWindowSize, 70_000);
  assert.equal(session.remoteSettings.maxConcurrentStreams, 5);
  await until('the window', () => session.state.remoteWindowSize === 300_000);
  session.close();
  proxy.close();
});

test('endpoints are told the windows, get no more streams than said, and are asked whether they are there', async () => {
  const app = createServer();
  const sessions: ServerHttp2Session[] = [];
  let pings = 0;
  const held: (() => void)[] = [];
  app.on('session', (session) => {
    sessions.push(session);
    session.on('ping', () => pings++);
  });
  app.on('stream', (stream) => {
    held.push(() => {
      stream.respond({ ':status': 200 });
      stream.end('fine');
    });
    // All at once: with one stream each it takes three connections.
    if (held.length === 3) for (const answer of held) answer();
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const options = {
    initial_stream_window_size: 80_000,
    initial_connection_window_size: 400_000,
    max_concurrent_streams: 1,
    connection_keepalive: { interval: '0.05s', timeout: '60s' },
  };
  const proxy = await runProxy(plain({}), [
    cluster('app', [(app.address() as AddressInfo).port], upstreamOptions(options)),
  ]);
  const answers = await Promise.all([1, 2, 3].map(() => fetchText(proxy.port('in'), '/')));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  const first = sessions[0] as ServerHttp2Session;
  assert.equal(first.remoteSettings.initialWindowSize, 80_000);
  // Less what the answer took of it.
  await until('the window', () => (first.state.remoteWindowSize ?? 0) > 399_000);
  await until('several PINGs', () => pings > 2);
  assert.equal(sessions.length, 3);
  proxy.close();
  app.close();
});

test('an endpoint that answers no PING is given up, and its request fails', async () => {
  const app = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
    // An empty SETTINGS, and silence.
    socket.write(Buffer.from('000000040000000000', 'hex'));
  }).listen(0, '127.0.0.1');
  await once(app, 'listening');
  const proxy = await runProxy(plain({}), [
    cluster('app', [(app.address() as AddressInfo).port], upstreamOptions(KEEP_ALIVE)),
  ]);
  const { status, body } = await fetchText(proxy.port('in'), '/');
  assert.equal(status, 503);
  assert.match(body, /connection termination/);
  assert.equal(proxy.handle.proxy.services.stats.counter('http2.keepalive_timeout').value, 1);
  proxy.close();
  app.close();
});

test('a client that answers no PING is cut', async () => {
  const proxy = await runProxy(plain(KEEP_ALIVE), [cluster('app', [1])]);
  const socket = connectTcp(proxy.port('in'), '127.0.0.1');
  socket.on('error', () => {});
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(Buffer.from('000000040000000000', 'hex'));
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  assert.equal(proxy.handle.proxy.services.stats.counter('http2.keepalive_timeout').value, 1);
  proxy.close();
});
