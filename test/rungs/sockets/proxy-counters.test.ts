// What the proxy counts of requests that it answers itself, of tunnels and of its listeners: Envoy's figures for the same requests.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { CLUSTER, HTTP, LISTENER_HTTP } from '#telemetry';
import { until } from '../../mesh/until.ts';
import { cluster, fetchText, listener, managerFilter, type RunningProxy, runProxy } from './proxy-fixture.ts';

const to = (prefix: string, name: string, more: object = {}): object => ({
  match: { prefix },
  route: { cluster: name, timeout: '60s', ...more },
});
const ONE_RETRY = { num_retries: 1, retry_back_off: { base_interval: '0.001s' } };

async function start(t: TestContext): Promise<RunningProxy> {
  const app = createServer(({ url }, answer) => {
    if (url === '/silent') return;
    if (url === '/asks') answer.writeHead(503, { 'x-later': '1' });
    answer.end('fine');
  });
  app.on('upgrade', (_, socket) => {
    socket.on('error', () => {}).on('end', () => socket.end());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  const { port } = app.address() as AddressInfo;
  const routes = [
    { match: { prefix: '/direct' }, direct_response: { status: 201, body: { inline_string: 'hi' } } },
    { match: { prefix: '/redirect' }, redirect: { host_redirect: 'elsewhere' } },
    to('/missing', 'missing'),
    to('/none', 'none'),
    to('/over', 'over'),
    to('/dead', 'dead', { retry_policy: { retry_on: 'connect-failure', ...ONE_RETRY } }),
    to('/late', 'late', { prefix_rewrite: '/silent', timeout: '0.05s' }),
    to('/rests', 'rests', {
      prefix_rewrite: '/silent',
      retry_policy: { retry_on: 'reset', ...ONE_RETRY, per_try_idle_timeout: '0.05s' },
    }),
    to('/asks', 'later', {
      retry_policy: {
        retry_on: '5xx',
        ...ONE_RETRY,
        rate_limited_retry_back_off: { reset_headers: [{ name: 'x-later', format: 'SECONDS' }], max_interval: '2s' },
      },
    }),
    to('/silent', 'later'),
    to('/app', 'app', { upgrade_configs: [{ upgrade_type: 'websocket' }] }),
  ];
  const hosts = { name: 'v', domains: ['*'], include_attempt_count_in_response: true, routes };
  const manager = managerFilter([], { route_config: { name: 'r', validate_clusters: false, virtual_hosts: [hosts] } });
  const none = { circuit_breakers: { thresholds: [{ max_requests: 0 }] } };
  const proxy = await runProxy(
    [listener('l', [{ filters: [manager] }], { stat_prefix: 'front' })],
    [
      ...['app', 'late', 'rests', 'later'].map((name) => cluster(name, [port])),
      cluster('none', []),
      cluster('over', [port], none),
      cluster('dead', [1]),
    ],
  );
  t.after(() => (proxy.close(), app.closeAllConnections(), app.close()));
  return proxy;
}

/** The value of a name of the connection manager's, the listener's or a cluster's block. */
function value(proxy: RunningProxy, name: string): number {
  const { stats, clusters } = proxy.handle.proxy.services;
  const [block, slot = ''] = name.split(':');
  for (const one of [...stats.blocks()].flatMap(([, blocks]) => [...blocks])) {
    if (block === 'http' && one.prefix === 'http.test') return one.get(HTTP[slot as keyof typeof HTTP]);
    if (block === 'listener' && one.prefix === 'listener.front.http.test')
      return one.get(LISTENER_HTTP[slot as keyof typeof LISTENER_HTTP]);
  }
  const found = clusters.get(block as string)?.stats;
  const code = /^upstream_rq_(\d+)$/.exec(slot)?.[1];
  if (code !== undefined) return found?.codeCounts[0]?.[Number(code) - 100] ?? 0;
  return found?.get(CLUSTER[slot as keyof typeof CLUSTER]) ?? -1;
}

interface Case {
  readonly path: string;
  readonly status: number;
  /** Of the answer's x-envoy-attempt-count. */
  readonly attempts: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
}

const own = (name: string, status: number): Record<string, number> => ({
  [`${name}:upstream_rq_5xx`]: 1,
  [`${name}:upstream_rq_${status}`]: 1,
  [`${name}:upstream_rq_completed`]: 1,
});

const CASES: readonly Case[] = [
  { path: '/x', status: 404, attempts: undefined, counts: { 'http:no_route': 1, 'listener:downstream_rq_4xx': 1 } },
  { path: '/missing', status: 503, attempts: undefined, counts: { 'http:no_cluster': 1 } },
  { path: '/direct', status: 201, attempts: undefined, counts: { 'http:rq_direct_response': 1 } },
  { path: '/redirect', status: 301, attempts: undefined, counts: { 'http:rq_direct_response': 1 } },
  { path: '/none', status: 503, attempts: '1', counts: { ...own('none', 503), 'listener:downstream_rq_5xx': 1 } },
  { path: '/over', status: 503, attempts: '1', counts: own('over', 503) },
  {
    path: '/dead',
    status: 503,
    attempts: '2',
    counts: { ...own('dead', 503), 'dead:upstream_rq_pending_failure_eject': 2 },
  },
  { path: '/late', status: 504, attempts: '1', counts: own('late', 504) },
  {
    path: '/rests',
    status: 504,
    attempts: '2',
    counts: { ...own('rests', 504), 'rests:upstream_rq_per_try_idle_timeout': 2 },
  },
  {
    path: '/asks',
    status: 503,
    attempts: '2',
    counts: {
      'later:upstream_rq_retry_backoff_ratelimited': 1,
      'later:upstream_rq_retry_backoff_exponential': 0,
    },
  },
];

for (const { path, status, attempts, counts } of CASES) {
  test(`${path} is answered with ${status} and counted as Envoy counts it`, async (t) => {
    const proxy = await start(t);
    const answer = await fetchText(proxy.port('l'), path);
    assert.deepEqual([answer.status, answer.headers['x-envoy-attempt-count']], [status, attempts]);
    const expected = { ...counts, 'http:rq_total': 1, 'listener:downstream_rq_completed': 1 };
    const seen = Object.fromEntries(Object.keys(expected).map((name) => [name, value(proxy, name)]));
    assert.deepEqual(seen, expected);
  });
}

test('a tunnel is an upgrade while it lasts, and its connection one of HTTP/1.1', async (t) => {
  const proxy = await start(t);
  const socket = connect(proxy.port('l'), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.resume();
  const active = (): number[] =>
    ['cx_upgrades_active', 'cx_http1_active', 'cx_http2_active'].map((name) => value(proxy, `http:downstream_${name}`));
  socket.write('GET /app HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await until('the tunnel', () => active()[0] === 1);
  assert.deepEqual(active(), [1, 1, 0]);
  socket.end();
  await until('its end', () => active()[0] === 0 && active()[1] === 0);
  assert.equal(value(proxy, 'http:downstream_cx_upgrades_total'), 1);
});

test('an upgrade that the route does not allow is counted as one', async (t) => {
  const proxy = await start(t);
  const socket = connect(proxy.port('l'), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.resume();
  socket.write('GET /none HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await until('it is refused', () => value(proxy, 'http:downstream_rq_ws_on_non_ws_route') === 1);
  assert.deepEqual([value(proxy, 'http:rq_total'), value(proxy, 'http:downstream_cx_upgrades_total')], [0, 0]);
});

test('who ended a connection, in the middle of what, and its bytes are counted when it is over', async (t) => {
  const proxy = await start(t);
  const ask = 'GET /silent HTTP/1.1\r\nhost: a\r\n\r\n';
  const socket = connect(proxy.port('l'), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write(ask);
  await until('it is asked', () => value(proxy, 'later:upstream_rq_total') > 0);
  socket.destroy();
  await until('its end', () => value(proxy, 'http:downstream_cx_destroy') === 1);
  await until("the endpoint's end", () => value(proxy, 'later:upstream_cx_active') === 0);
  const ends = (name: string, what: string): number[] =>
    ['local', `local_${what}`, 'remote', `remote_${what}`].map((end) => value(proxy, `${name}cx_destroy_${end}`));
  assert.deepEqual(ends('http:downstream_', 'active_rq'), [0, 0, 1, 1]);
  assert.equal(value(proxy, 'http:downstream_cx_rx_bytes_total'), ask.length);
  const [local = 0, busy = 0, remote] = ends('later:upstream_', 'with_active_rq');
  assert.ok(local > 0 && local === busy && remote === 0);
  assert.ok(value(proxy, 'later:upstream_cx_tx_bytes_total') > 0);
  const answer = await fetchText(proxy.port('l'), '/direct');
  assert.equal(answer.body, 'hi');
  await until('the end of the other', () => value(proxy, 'http:downstream_cx_destroy') === 2);
  assert.ok(value(proxy, 'http:downstream_cx_tx_bytes_total') > 0);
});
