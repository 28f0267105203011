// The dynamic forward proxy over real sockets: hosts that nobody configured are looked up for the request that names them.
import assert from 'node:assert/strict';
import { createServer, connect, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fetchText, listener, managerFilter, routerFilter, runProxy, startApp } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const CACHE = { name: 'c', dns_lookup_family: 'V4_PREFERRED' };
const FILTER = {
  name: 'envoy.filters.http.dynamic_forward_proxy',
  typed_config: { '@type': `${TYPE}.filters.http.dynamic_forward_proxy.v3.FilterConfig`, dns_cache_config: CACHE },
};
const CLUSTER = {
  name: 'any',
  lb_policy: 'CLUSTER_PROVIDED',
  connect_timeout: '60s',
  cluster_type: {
    name: 'envoy.clusters.dynamic_forward_proxy',
    typed_config: { '@type': `${TYPE}.clusters.dynamic_forward_proxy.v3.ClusterConfig`, dns_cache_config: CACHE },
  },
};
const ROUTES = [
  {
    match: { connect_matcher: {} },
    route: { cluster: 'any', timeout: '0s', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
  },
  { match: { prefix: '/' }, route: { cluster: 'any' } },
];

async function run() {
  const filter = managerFilter(ROUTES, {
    http_filters: [FILTER, routerFilter],
    upgrade_configs: [{ upgrade_type: 'CONNECT' }],
  });
  return await runProxy([listener('l', [{ filters: [filter] }])], [CLUSTER]);
}

test('a request goes to the host and port that it names', async (t) => {
  const app = await startApp((request, response) => response.end(`seen ${request.headers.host}`));
  const proxy = await run();
  t.after(() => (proxy.close(), app.close()));
  for (let i = 0; i < 3; i++) {
    const answer = await fetchText(proxy.port('l'), '/', { headers: { host: `localhost:${app.port}` } });
    assert.equal(answer.status, 200);
    assert.equal(answer.body, `seen localhost:${app.port}`);
  }
  assert.equal(
    (await fetchText(proxy.port('l'), '/', { headers: { host: `127.0.0.1:${app.port}` } })).status,
    200,
    'addresses need no look-up',
  );
});

test('a name that nobody knows is 503 with the flag DF', async (t) => {
  const proxy = await run();
  t.after(() => proxy.close());
  const answer = await fetchText(proxy.port('l'), '/', { headers: { host: 'no-such-host.invalid' } });
  assert.equal(answer.status, 503);
  assert.equal(answer.body, 'DNS resolution failure');
});

test('CONNECT opens a connection to the host that it names', async (t) => {
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  const proxy = await run();
  t.after(() => (proxy.close(), echo.close()));
  const client = connect(proxy.port('l'), '127.0.0.1').setEncoding('utf8');
  let text = '';
  client.on('data', (data) => (text += String(data)));
  client.write(`CONNECT localhost:${(echo.address() as AddressInfo).port} HTTP/1.1\r\nhost: x\r\n\r\nping`);
  await until('the echo', () => text.endsWith('ping'));
  assert.match(text, /^HTTP\/1\.1 200 [^]*ping$/);
  client.destroy();
});
