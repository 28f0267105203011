// Ranges beyond the last hour: what is asked of Prometheus, and its answers as the dashboard's own traffic.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prometheusTraffic } from './prometheus-traffic.ts';

const ends = {
  source_workload: 'web',
  source_workload_namespace: 'shop',
  destination_workload: 'api-v1',
  destination_workload_namespace: 'shop',
  destination_canonical_service: 'api',
  destination_service: 'api.shop.svc.cluster.local',
  request_protocol: 'http',
};

function asking(answer: (query: string, path: string) => unknown) {
  const asked: URLSearchParams[] = [];
  const long = prometheusTraffic('http://127.0.0.1:9090/prom/', async ({ path }) => {
    const query = new URLSearchParams(path.slice(path.indexOf('?')));
    asked.push(query);
    const result = answer(query.get('query') ?? '', path);
    return result === undefined ? undefined : { status: 200, body: JSON.stringify({ data: { result } }) };
  });
  assert.ok(long !== undefined);
  return { long, asked };
}

test('edges and the golden table of a day come from the standard metrics', async () => {
  const { long, asked } = asking((query) => {
    if (query.includes('istio_tcp_')) return [];
    if (query.startsWith('histogram_quantile(0.99')) return [{ metric: ends, value: [1, '250'] }];
    if (query.startsWith('histogram')) return [{ metric: ends, value: [1, 'NaN'] }];
    const of = (code: string, policy: string, value: string) => ({
      metric: { ...ends, response_code: code, connection_security_policy: policy },
      value: [1, value],
    });
    return [of('200', 'mutual_tls', '7776'), of('503', 'none', '864')];
  });
  const traffic = await long.traffic({ untilMs: 5_000, windowSeconds: 86_400 });
  const [edge] = traffic?.edges ?? [];
  assert.deepEqual(
    [
      edge?.source,
      edge?.destination,
      edge?.requestsPerSecond,
      edge?.errorsPerSecond,
      edge?.mtls,
      edge?.p50Ms,
      edge?.p99Ms,
    ],
    ['web', 'api-v1', 0.1, 0.01, 0.9, 0, 250],
  );
  assert.deepEqual(edge?.codes, { 200: 7776, 503: 864 });
  const [golden] = traffic?.workloads ?? [];
  assert.deepEqual([golden?.workload, golden?.successRate, golden?.p99Ms], ['api-v1', 0.9, 250]);
  assert.ok(asked.every((one) => one.get('time') === '5' && one.get('query')?.includes('[86400s]')));
});

test('a series has one value for each step, with gaps where nothing was asked', async () => {
  const { long, asked } = asking((query) =>
    query.startsWith('sum(rate(istio_requests_total{reporter=~"destination|waypoint",destination_workload="api-v1"') &&
    !query.includes('5..')
      ? [{ metric: {}, values: [[21_600, '2.5']] }]
      : [],
  );
  const series = await long.series({
    source: undefined,
    destination: 'shop/api-v1',
    untilMs: 21_600_000,
    spanSeconds: 21_600,
  });
  assert.deepEqual([series?.stepSeconds, series?.times.length], [90, 241]);
  assert.deepEqual([series?.requests.at(-1), series?.requests[0], series?.p99Ms[0]], [2.5, 0, null]);
  assert.ok(asked.every((one) => one.get('step') === '90'));
});

test('names cannot break out of a query', async () => {
  const { long, asked } = asking(() => []);
  await long.series({ source: 'a/x"} or up{y="', destination: undefined, untilMs: 1e9, spanSeconds: 7200 });
  assert.ok(asked[0]?.get('query')?.includes(String.raw`source_workload="x\"} or up{y=\""`));
});

test('no answer, or another form, is no traffic', async () => {
  assert.equal(await asking(() => undefined).long.traffic({ untilMs: 1, windowSeconds: 7200 }), undefined);
  assert.equal(await asking(() => 'text').long.traffic({ untilMs: 1, windowSeconds: 7200 }), undefined);
  assert.equal(
    prometheusTraffic('', () => Promise.resolve(undefined)),
    undefined,
  );
});
