// TCP through HTTP proxies (tunneling_config): CONNECT and POST, over HTTP/1.1 and HTTP/2, and what the HTTP proxy does not want.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { CLUSTER, TCP } from '#telemetry';
import { until } from '../../mesh/until.ts';
import { cluster, listener, type RunningProxy, runProxy, tcpFilter } from './proxy-fixture.ts';

const TARGET = 'far.example:5432';
const H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

/** What came to the HTTP proxy, and what it does with the bytes of those that it lets through. */
interface HttpProxy {
  readonly asked: string[];
  readonly connections: () => number;
  readonly port: number;
}
type Serve = (bytes: Duplex) => void;

const echo: Serve = (bytes) => void bytes.on('error', () => {}).pipe(bytes);

async function listenTo(t: TestContext, server: Server | Http2Server, asked: string[]): Promise<HttpProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { asked, connections: () => connections, port: (server.address() as AddressInfo).port };
}

async function h1Proxy(t: TestContext, serve: Serve, refusal = 0): Promise<HttpProxy> {
  const asked: string[] = [];
  const server = createHttp((request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${request.method} ${request.url} for ${request.headers.host}`);
    response.writeHead(200).flushHeaders();
    if (request.method === 'POST') request.on('error', () => {}).pipe(response);
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${request.url} for ${request.headers.host}`);
    socket.on('error', () => {});
    if (refusal > 0) return void socket.end(`HTTP/1.1 ${refusal} No\r\ncontent-length: 0\r\n\r\n`);
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    serve(socket);
  });
  return listenTo(t, server, asked);
}

async function h2Proxy(t: TestContext, serve: Serve, refusal = 0): Promise<HttpProxy> {
  const asked: string[] = [];
  const server = createHttp2();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    asked.push([headers[':method'], headers[':path'], 'for', headers[':authority']].filter(Boolean).join(' '));
    stream.on('error', () => {});
    if (refusal > 0) return stream.respond({ ':status': refusal }, { endStream: true });
    stream.respond({ ':status': 200 });
    serve(stream);
  });
  return listenTo(t, server, asked);
}

interface Options {
  readonly tunnel?: object;
  readonly tcp?: object;
  readonly cluster?: object;
}

async function through(
  t: TestContext,
  proxy: HttpProxy,
  options: Options = {},
): Promise<{ readonly proxy: RunningProxy; readonly lines: string[] }> {
  const lines: string[] = [];
  const log = {
    name: 'file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: '/dev/null',
      log_format: {
        text_format_source: {
          inline_string:
            '%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %CONNECTION_TERMINATION_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n',
        },
      },
    },
  };
  const filter = tcpFilter({
    cluster: 'http-proxy',
    tunneling_config: { hostname: TARGET, ...options.tunnel },
    access_log: [log],
    ...options.tcp,
  });
  const running = await runProxy(
    [listener('l', [{ filters: [filter] }])],
    [cluster('http-proxy', [proxy.port], options.cluster)],
    undefined,
    { openLog: () => ({ write: (text: string) => void lines.push(text), reopen: () => {}, close: () => {} }) as never },
  );
  t.after(() => running.close());
  return { proxy: running, lines };
}

interface Client {
  readonly socket: Socket;
  text(): string;
  readonly ended: Promise<void>;
}

function dial(proxy: RunningProxy): Client {
  const socket = connect({ port: proxy.port('l'), host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (data) => void (text += data.toString()));
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
  return { socket, text: () => text, ended };
}

const count = (proxy: RunningProxy, name: keyof typeof CLUSTER): number =>
  proxy.handle.proxy.services.clusters.get('http-proxy')?.stats.get(CLUSTER[name]) ?? 0;

const nothingOpen = (proxy: RunningProxy): Promise<void> =>
  until('nothing is open', () => {
    const { listeners } = proxy.handle.proxy;
    return listeners.connectionCount === 0 && count(proxy, 'upstream_rq_active') === 0;
  });

const KINDS = [
  { name: 'CONNECT over HTTP/1.1', start: h1Proxy, options: {}, asked: `CONNECT ${TARGET} for ${TARGET}` },
  { name: 'CONNECT over HTTP/2', start: h2Proxy, options: { cluster: H2 }, asked: `CONNECT for ${TARGET}` },
  {
    name: 'POST over HTTP/1.1',
    start: h1Proxy,
    options: { tunnel: { use_post: true } },
    asked: `POST / for ${TARGET}`,
  },
  {
    name: 'POST over HTTP/2, with a path',
    start: h2Proxy,
    options: { tunnel: { use_post: true, post_path: '/tcp' }, cluster: H2 },
    asked: `POST /tcp for ${TARGET}`,
  },
];

for (const { name, start, options, asked } of KINDS) {
  test(`${name}: bytes both ways, and each end is heard`, async (t) => {
    const far = await start(t, echo);
    const { proxy, lines } = await through(t, far, options);
    const client = dial(proxy);
    client.socket.write('one ');
    await until('the echo', () => client.text() === 'one ');
    client.socket.end('two');
    await client.ended;
    assert.equal(client.text(), 'one two');
    client.socket.destroy();
    await nothingOpen(proxy);
    assert.deepEqual(far.asked, [asked]);
    await until('the line', () => lines.length === 1);
    assert.match(lines.join(), /^- 7 7 - -$/m);
    assert.equal(count(proxy, 'upstream_rq_total'), 1);
  });

  test(`${name}: a slow client gets all of it, and a slow endpoint too`, async (t) => {
    const bytes = 6_000_000;
    let most = 0;
    const far = await start(t, echo);
    const { proxy } = await through(t, far, options);
    const client = connect({ port: proxy.port('l'), host: '127.0.0.1', allowHalfOpen: true });
    client.on('error', () => {});
    client.end(Buffer.alloc(bytes, 'x'));
    let came = 0;
    const end = once(client, 'end');
    client.on('data', (data) => {
      came += data.length;
      for (const holder of proxy.handle.proxy.listeners.holders(0)) most = Math.max(most, holder.heldBytes);
      client.pause();
      setTimeout(() => client.resume(), 1);
    });
    await end;
    assert.equal(came, bytes);
    assert.ok(most < 2_000_000, `${most} bytes wait`);
    client.destroy();
    await nothingOpen(proxy);
  });
}

for (const { name, start, options } of KINDS.slice(0, 2)) {
  test(`${name}: a refusal closes the client, after as many attempts as it may have`, async (t) => {
    const far = await start(t, echo, 403);
    const { proxy, lines } = await through(t, far, { ...options, tcp: { max_connect_attempts: 3 } });
    const client = dial(proxy);
    client.socket.write('lost');
    await client.ended;
    await nothingOpen(proxy);
    assert.equal(client.text(), '');
    assert.equal(far.asked.length, 3);
    await until('the line', () => lines.length === 1);
    assert.match(lines.join(), /^UF,URX 0 0 upstream_connection_failure http_proxy_answered_403$/m);
    assert.equal(count(proxy, 'upstream_cx_connect_attempts_exceeded'), 1);
    client.socket.destroy();
  });

  test(`${name}: what the endpoint says last comes, and then the end`, async (t) => {
    const far = await start(t, (bytes) => void bytes.resume().end('bye'));
    const { proxy } = await through(t, far, options);
    const client = dial(proxy);
    await client.ended;
    assert.equal(client.text(), 'bye');
    client.socket.end('and you');
    await nothingOpen(proxy);
  });

  test(`${name}: an HTTP proxy that breaks off closes the client`, async (t) => {
    const far = await start(t, (bytes) => {
      bytes.once('data', () => bytes.destroy());
    });
    const { proxy } = await through(t, far, options);
    const client = dial(proxy);
    client.socket.write('something');
    await client.ended;
    client.socket.destroy();
    await nothingOpen(proxy);
  });

  test(`${name}: a client that leaves is not waited for`, async (t) => {
    let left = 0;
    const far = await start(t, (bytes) => {
      bytes.on('error', () => {});
      bytes.on('close', () => left++);
      bytes.pipe(bytes);
    });
    const { proxy } = await through(t, far, options);
    const client = dial(proxy);
    client.socket.write('something');
    await until('the echo', () => client.text() === 'something');
    client.socket.resetAndDestroy();
    await nothingOpen(proxy);
    await until('the far end hears of it', () => left === 1);
  });

  test(`${name}: nothing for a while ends it`, async (t) => {
    const far = await start(t, echo);
    const { proxy, lines } = await through(t, far, { ...options, tcp: { idle_timeout: '0.2s' } });
    const client = dial(proxy);
    client.socket.write('something');
    await client.ended;
    client.socket.destroy();
    await until('the line', () => lines.length === 1);
    assert.match(lines.join(), /^SI .*idle_timeout/m);
    assert.equal(proxy.handle.proxy.services.stats.tcp('t').get(TCP.idle_timeout), 1);
    await nothingOpen(proxy);
  });
}

test('tunnels over HTTP/2 share a connection', async (t) => {
  const far = await h2Proxy(t, echo);
  const { proxy } = await through(t, far, { cluster: H2 });
  const clients: Client[] = [];
  for (let i = 0; i < 5; i++) {
    const client = dial(proxy);
    clients.push(client);
    client.socket.write(`number ${i}`);
    await until('the echo', () => client.text() === `number ${i}`);
  }
  assert.equal(far.connections(), 1);
  for (const { socket } of clients) socket.destroy();
  await nothingOpen(proxy);
});

test('what the cluster may not have more of is refused', async (t) => {
  const far = await h1Proxy(t, echo);
  const { proxy, lines } = await through(t, far, {
    cluster: { circuit_breakers: { thresholds: [{ max_requests: 1 }] } },
  });
  const first = dial(proxy);
  first.socket.write('first');
  await until('the echo', () => first.text() === 'first');
  const second = dial(proxy);
  await second.ended;
  await until('the line', () => lines.length === 1);
  assert.match(lines.join(), /^UO .*upstream_overflow/m);
  first.socket.destroy();
  second.socket.destroy();
  await nothingOpen(proxy);
});

test('an HTTP proxy that nobody can reach', async (t) => {
  const { proxy, lines } = await through(t, { asked: [], connections: () => 0, port: 1 });
  const client = dial(proxy);
  await client.ended;
  client.socket.destroy();
  await until('the line', () => lines.length === 1);
  assert.match(lines.join(), /^UF,URX 0 0 upstream_connection_failure delayed_connect_error:_Connection_refused$/m);
});
