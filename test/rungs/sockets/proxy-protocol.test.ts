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
  const app = await startApp((request, response) =>
    response.end(`${request.headers['x-tlv'] ?? ''} ${String(request.headers['x-forwarded-for'])}`),
  );
  t.after(() => app.close());
  const value = '%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:link)%';
  const route = {
    match: { prefix: '/' },
    route: { cluster: 'app' },
    request_headers_to_add: [{ header: { key: 'x-tlv', value } }],
  };
  const manager = managerFilter([route], { use_remote_address: true });
  const proxy = await runProxy(
    [listener('l', [{ filters: [manager] }], { listener_filters: filters })],
    [cluster('app', [app.port])],
  );
  t.after(() => proxy.close());
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

const V2_WITH_TLV = (value: string): Buffer =>
  Buffer.concat([
    Buffer.from(`0d0a0d0a000d0a515549540a211100${(15 + value.length / 2).toString(16)}010203040506070803e801bb`, 'hex'),
    Buffer.from(`ea00${(value.length / 2).toString(16).padStart(2, '0')}${value}`, 'hex'),
  ]);

test('a version that is disallowed is refused, or is the client’s own bytes where a header may be missing', async (t) => {
  const v1 = `PROXY TCP4 9.8.7.6 5.6.7.8 1000 443\r\n${REQUEST}`;
  const v2 = [V2_WITH_TLV('6162'), REQUEST];
  const onlyV2 = await run(t, [filter({ disallowed_versions: ['V1'] })]);
  assert.equal(await ask(onlyV2, [v1]), '');
  assert.match(await ask(onlyV2, v2), /1\.2\.3\.4$/);
  const onlyV1 = await run(t, [filter({ disallowed_versions: ['V2'], allow_requests_without_proxy_protocol: true })]);
  assert.match(await ask(onlyV1, [v1]), /9\.8\.7\.6$/);
  assert.match(await ask(onlyV1, v2), /^HTTP\/1\.1 400/, 'no request begins so');
  await assert.rejects(run(t, [filter({ disallowed_versions: ['V1', 'V2'] })]), /no version is left/);
});

test('a type-length-value becomes metadata of the connection, and what is no text in it cannot do harm', async (t) => {
  const rules = [{ tlv_type: 0xea, on_tlv_present: { key: 'link' } }];
  const port = await run(t, [filter({ rules })]);
  assert.match(await ask(port, [V2_WITH_TLV('76706365'), REQUEST]), /vpce 1\.2\.3\.4$/);
  assert.match(await ask(port, [V2_WITH_TLV('61ffc3a9'), REQUEST]), /200 OK[^]*a!.* 1\.2\.3\.4$/);
});
