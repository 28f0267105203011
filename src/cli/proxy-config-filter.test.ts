import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeContext } from './context.testing.ts';
import type { Json } from './json-paths.ts';
import { proxyConfig } from './proxy-config.ts';
import { type ConfigFilter, type FilteredPart, narrow } from './proxy-config-filter.ts';

const HOST = 'reviews.shop.svc.cluster.local';
const CLUSTERS = [
  `outbound|9080||${HOST}`,
  `outbound|9080|v1|${HOST}`,
  `outbound|80||ratings.shop.svc.cluster.local`,
  'inbound|9080||',
  'BlackHoleCluster',
].map((name) => ({ name }));
const at = (address: string, portValue: number) => ({ address: { socketAddress: { address, portValue } } });
const http = { name: 'envoy.filters.network.http_connection_manager' };
const tcp = (cluster: string) => ({ name: 'envoy.filters.network.tcp_proxy', typedConfig: { cluster } });
const LISTENERS = [
  { name: 'web', ...at('0.0.0.0', 80), filterChains: [{ filters: [http] }] },
  { name: 'db', ...at('10.0.0.9', 3306), filterChains: [{ filters: [tcp('db')] }] },
  {
    name: 'both',
    ...at('0.0.0.0', 15006),
    filterChains: [{ filters: [http] }],
    defaultFilterChain: { filters: [tcp('in')] },
  },
  { name: 'hole', ...at('0.0.0.0', 15001), filterChains: [{ filters: [tcp('BlackHoleCluster')] }] },
];
const ENDPOINTS = [
  {
    clusterName: 'a',
    endpoints: [
      { lbEndpoints: [{ endpoint: at('10.0.0.1', 80) }, { endpoint: at('10.0.0.2', 80), healthStatus: 'UNHEALTHY' }] },
    ],
  },
  { clusterName: 'b', endpoints: [{ lbEndpoints: [{ endpoint: at('10.0.0.1', 81) }] }] },
];

const names = (part: FilteredPart, all: readonly Json[], filter: ConfigFilter): unknown[] =>
  narrow(part, all, filter).map((one) => one['name']);

test('clusters are chosen by host, port, direction and subset, all of which must fit', () => {
  const chosen = (filter: ConfigFilter) => names('clusters', CLUSTERS, filter);
  assert.deepEqual(chosen({ fqdn: 'reviews' }), [`outbound|9080||${HOST}`, `outbound|9080|v1|${HOST}`]);
  assert.deepEqual(chosen({ fqdn: HOST, subset: 'v1' }), [`outbound|9080|v1|${HOST}`]);
  assert.deepEqual(chosen({ port: '9080', direction: 'inbound' }), ['inbound|9080||']);
  assert.deepEqual(chosen({ port: '80' }), ['outbound|80||ratings.shop.svc.cluster.local']);
  assert.deepEqual(chosen({ fqdn: 'BlackHole' }), ['BlackHoleCluster']);
  assert.equal(chosen({}).length, CLUSTERS.length);
});

test('listeners are chosen by port, type and address; routes by their name', () => {
  const chosen = (filter: ConfigFilter) => names('listeners', LISTENERS, filter);
  assert.deepEqual(chosen({ port: '3306' }), ['db']);
  assert.deepEqual(chosen({ type: 'http' }), ['web']);
  assert.deepEqual(chosen({ type: 'TCP' }), ['db']);
  assert.deepEqual(chosen({ type: 'HTTP+TCP' }), ['both']);
  assert.deepEqual(chosen({ type: 'unknown' }), ['hole']);
  assert.deepEqual(chosen({ address: '10.0.0.9' }), ['db']);
  assert.deepEqual(names('routes', [{ name: '80' }, { name: '8080' }], { name: '80' }), ['80']);
});

test('endpoints are chosen each for itself, and a cluster without any is left out', () => {
  const chosen = (filter: ConfigFilter) => narrow('endpoints', ENDPOINTS, filter);
  assert.deepEqual(chosen({ cluster: 'b' }), [ENDPOINTS[1]]);
  assert.deepEqual(chosen({ address: '10.0.0.1', port: '81' }), [ENDPOINTS[1]]);
  const [first, ...others] = chosen({ status: 'unhealthy' });
  assert.deepEqual(first, {
    clusterName: 'a',
    endpoints: [{ lbEndpoints: [{ endpoint: at('10.0.0.2', 80), healthStatus: 'UNHEALTHY' }] }],
  });
  assert.deepEqual(others, []);
});

test('the command prints what is left, as a table and as JSON, and refuses a filter that its part does not have', async () => {
  const answers = { '/api/v1/proxies/gate/config': { causes: [], secrets: [], clusters: CLUSTERS } };
  const { context, out } = fakeContext({ answers });
  await proxyConfig(context, 'clusters', 'gate', { output: 'short', subset: 'v1' });
  assert.deepEqual(
    out()
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split(/ {2,}/).slice(0, 3)),
    [[HOST, '9080', 'v1']],
  );
  const json = fakeContext({ answers });
  await proxyConfig(json.context, 'clusters', 'gate', { output: 'json', direction: 'inbound' });
  assert.deepEqual(JSON.parse(json.out()), [{ name: 'inbound|9080||' }]);
  const wrong = (part: 'routes' | 'secrets' | 'clusters', filter: ConfigFilter) =>
    proxyConfig(context, part, 'gate', { output: 'short', ...filter });
  await assert.rejects(wrong('routes', { fqdn: 'a' }), /--fqdn is of clusters: routes take --name\./);
  await assert.rejects(
    wrong('secrets', { port: '80' }),
    /--port is of clusters, listeners, endpoints: secrets have no filter\./,
  );
  await assert.rejects(wrong('clusters', { port: 'http' }), /--port http is no port\./);
});
