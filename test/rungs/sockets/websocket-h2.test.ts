// WebSockets whose way leads over HTTP/2: the application, which speaks HTTP/1.1, still gets the handshake of RFC 6455.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test, type TestContext } from 'node:test';
import { type App, cluster, listener, managerFilter, type RunningProxy, runProxy, startApp } from './proxy-fixture.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OVER_H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: { allow_connect: true } },
    },
  },
};

/** As every server of RFC 6455 §4.2.1, it refuses whoever has no key of 16 bytes; then it says "hi". */
async function startChat(t: TestContext): Promise<App> {
  const app = await startApp((_, response) => void response.writeHead(400).end());
  app.server.on('upgrade', (request, socket) => {
    socket.on('error', () => {});
    const key = String(request.headers['sec-websocket-key'] ?? '');
    if (Buffer.from(key, 'base64').length !== 16)
      return void socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
    const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    );
    // One text frame.
    return void socket.write(Buffer.from('\x81\x02hi', 'latin1'));
  });
  t.after(() => app.close());
  return app;
}

async function startHop(t: TestContext, port: number, options: object = {}): Promise<RunningProxy> {
  const manager = managerFilter([{ match: { prefix: '/' }, route: { cluster: 'next' } }], {
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    http2_protocol_options: { allow_connect: true },
  });
  const proxy = await runProxy([listener('l', [{ filters: [manager] }])], [cluster('next', [port], options)]);
  t.after(() => proxy.close());
  return proxy;
}

test('one that crosses HTTP/2 between two proxies keeps its key', async (t) => {
  const app = await startChat(t);
  const server = await startHop(t, app.port);
  const client = await startHop(t, server.port('l'), OVER_H2);
  const socket = new WebSocket(`ws://127.0.0.1:${client.port('l')}/`);
  const word = await new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = () => reject(new Error('no WebSocket'));
  });
  assert.equal(word, 'hi');
  socket.close();
});

test('one that a client opened over HTTP/2, which knows no key, gets one', async (t) => {
  const app = await startChat(t);
  const proxy = await startHop(t, app.port);
  const session = connect(`http://127.0.0.1:${proxy.port('l')}`);
  await once(session, 'remoteSettings');
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/' });
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
  assert.equal(head[':status'], 200);
  const [frame] = (await once(stream, 'data')) as [Buffer];
  assert.equal(frame.toString('latin1'), '\x81\x02hi');
  session.destroy();
});

test('an endpoint that answers without switching is no success over HTTP/2', async (t) => {
  for (const status of [200, 204]) {
    const app = await startApp((_, response) => void response.writeHead(400).end());
    const body = status === 200 ? 'content-length: 4\r\n\r\npong' : '\r\n';
    app.server.on('upgrade', (_, socket) => {
      socket.on('error', () => {});
      socket.write(`HTTP/1.1 ${status} No Switch\r\n${body}`);
    });
    t.after(() => app.close());
    const proxy = await startHop(t, app.port);
    const session = connect(`http://127.0.0.1:${proxy.port('l')}`);
    await once(session, 'remoteSettings');
    const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/' });
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    assert.equal(head[':status'], 502, String(status));
    session.destroy();
  }
});
