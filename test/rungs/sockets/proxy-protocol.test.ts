// A PROXY protocol header in front of a connection: the client is who the sender says.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { cluster, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';

const filter = (extra: object = {}): object => ({
  name: 'envoy.filters.listener.proxy_protocol',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
    ...extra,
  },
});
const HTTP_INSPECTOR = {
  name: 'envoy.filters.listener.http_inspector',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector' },
};
const REQUEST = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

async function ask(port: number, pieces: readonly (string | Buffer)[]): Promise<string> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket
      .on('data', (data) => (text += data.toString()))
      .on('close', () => resolve(text))
      .on('error', () => {});
    pieces.forEach((piece, i) => setTimeout(() => socket.write(piece), i * 20));
  });
}

async function run(t: { after(end: () => void): void }, filters: readonly object[]): Promise<number> {
  const app = await startApp((request, response) => response.end(String(request.headers['x-forwarded-for'])));
  const manager = managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }], { use_remote_address: true });
  const proxy = await runProxy(
    [listener('l', [{ filters: [manager] }], { listener_filters: filters })],
    [cluster('app', [app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  return proxy.port('l');
}

test('version 1 and 2, in one piece or several, with or without an inspector behind', async (t) => {
  const v2 = Buffer.from('0d0a0d0a000d0a515549540a2111000c0102030405060708' + '03e801bb', 'hex');
  for (const filters of [[filter()], [filter(), HTTP_INSPECTOR]]) {
    const port = await run(t, filters);
    assert.match(await ask(port, [`PROXY TCP4 9.8.7.6 5.6.7.8 1000 443\r\n${REQUEST}`]), /200 OK[^]*9\.8\.7\.6$/);
    assert.match(await ask(port, ['PROXY TCP4 9.8', '.7.6 5.6.7.8 1000 443\r', `\n${REQUEST}`]), /9\.8\.7\.6$/);
    assert.match(await ask(port, [v2.subarray(0, 14), v2.subarray(14), REQUEST]), /1\.2\.3\.4$/);
  }
});

test('a connection without a header is closed, or passes where that is allowed', async (t) => {
  assert.equal(await ask(await run(t, [filter()]), [REQUEST]), '');
  assert.match(
    await ask(await run(t, [filter({ allow_requests_without_proxy_protocol: true })]), [REQUEST]),
    /200 OK[^]*127\.0\.0\.1$/,
  );
});
