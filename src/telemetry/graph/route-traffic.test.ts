// Routes are summed over all callers, for any window of the last hour, and bounded whatever the configuration names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { RouteSampleSchema } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { StreamRecord } from '../stream-record.ts';
import { RouteAggregator } from './route-aggregator.ts';
import { RouteTraffic } from './route-traffic.ts';

const NOW = 1_700_000_000_000;
const record = (virtualHost: string, routeName: string): StreamRecord =>
  Object.assign(new StreamRecord(), { virtualHost, routeName, destinationService: 'a.shop.svc.cluster.local' });

function told(all: readonly (readonly [host: string, route: string, failed: boolean, ms: number])[]) {
  const aggregator = new RouteAggregator();
  for (const [host, route, failed, ms] of all) aggregator.add(record(host, route), failed, ms);
  return aggregator.flush().map((one) => create(RouteSampleSchema, one));
}

test('the same route of two callers is one row with its share of failures and its latencies', () => {
  const traffic = new RouteTraffic();
  traffic.merge(
    told([
      ['a:80', 'x', false, 3],
      ['a:80', 'x', true, 200],
      ['a:80', 'y', false, 3],
    ]),
    NOW,
  );
  traffic.merge(
    told([
      ['a:80', 'x', false, 3],
      ['a:80', 'x', false, 3],
    ]),
    NOW + 1_000,
  );
  const [x, y] = traffic.routes(NOW + 1_500, 60);
  assert.deepEqual([x?.route, x?.requests, x?.successRate, x?.service], ['x', 4, 0.75, 'a.shop.svc.cluster.local']);
  assert.ok((x?.p50Ms ?? 0) <= 5 && (x?.p99Ms ?? 0) > 100, JSON.stringify(x));
  assert.deepEqual([y?.route, y?.requests], ['y', 1]);
  assert.deepEqual(traffic.routes(NOW + 120_000, 60), []);
  assert.equal(traffic.routes(NOW + 120_000, 600).length, 2);
});

test('a summary and the mesh keep only so many routes', () => {
  const many = Array.from({ length: 300 }, (_, i) => ['a:80', `r${i}`, false, 1] as const);
  assert.equal(told(many).length, 200);
  const traffic = new RouteTraffic();
  for (let i = 0; i < 30; i++) traffic.merge(told(many.map(([, ...rest]) => [`h${i}:80`, ...rest] as const)), NOW);
  assert.deepEqual([traffic.routes(NOW, 60).length, traffic.dropped], [2_000, 4_000]);
  traffic.expire(NOW + 3_700_000);
  assert.equal(traffic.routes(NOW, 60).length, 0);
});
