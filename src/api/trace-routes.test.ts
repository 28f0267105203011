import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpAsked } from '#base';
import { readTraceSource, traceRoutes } from './trace-routes.ts';

const span = (id: string, parentId: string, more: object = {}): object => ({
  traceId: 'a'.repeat(32),
  id,
  ...(parentId === '' ? {} : { parentId }),
  kind: 'SERVER',
  name: `op ${id}`,
  timestamp: 1_700_000_000_000_000,
  duration: 2_000,
  localEndpoint: { serviceName: `s${id}.default` },
  tags: { 'http.url': 'http://a/b?x=1', 'http.status_code': '200' },
  ...more,
});

function asked(query: string, params: Readonly<Record<string, string>> = {}): HttpAsked {
  return { method: 'GET', path: '', params, query: new URLSearchParams(query), headers: {}, body: '' };
}

async function answer(body: string, query: string, params: Readonly<Record<string, string>> = {}) {
  const paths: string[] = [];
  const [list, one] = traceRoutes(readTraceSource('http://127.0.0.1:9411/zipkin/'), async ({ path }) => {
    paths.push(path);
    return { status: 200, body };
  });
  const route = params['id'] === undefined ? list : one;
  const said = (await route?.answer(asked(query, params))) as { status?: number; body: string };
  return { paths, status: said.status ?? 200, json: JSON.parse(said.body) as never };
}

test('a trace is told by its root, with its services and its whole length', async () => {
  const spans = [
    span('1', ''),
    span('2', '1', { timestamp: 1_700_000_000_001_000, duration: 5_000, tags: { error: 'true' } }),
  ];
  const { paths, json } = await answer(JSON.stringify([spans]), 'service=a.default&slowerMs=3&limit=9');
  assert.match(
    paths[0] ?? '',
    /^\/zipkin\/api\/v2\/traces\?limit=9&lookback=\d+&serviceName=a\.default&minDuration=3000$/,
  );
  const { traces } = json as { traces: Record<string, unknown>[] };
  assert.equal(traces[0]?.['name'], 'op 1');
  assert.equal(traces[0]?.['path'], '/b');
  assert.equal(traces[0]?.['durationMs'], 6);
  assert.equal(traces[0]?.['failed'], true);
  assert.deepEqual(traces[0]?.['services'], ['s1.default', 's2.default']);
});

test('what is no trace is an error, and a strange id is not asked for', async () => {
  assert.equal((await answer('<html>', '')).status, 502);
  const { paths, json } = await answer('[]', '', { id: '../x' });
  assert.deepEqual([paths, json], [[], []]);
});

test('without a collector it says so', async () => {
  const [list] = traceRoutes(undefined, async () => undefined);
  const said = (await list?.answer(asked(''))) as { body: string };
  assert.equal((JSON.parse(said.body) as { connected: boolean }).connected, false);
  assert.equal(readTraceSource('ftp://x'), undefined);
});
