// What a stream's record left open is filled in: its own workload, and the service that was asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tapRecord } from './graph/tap-record.ts';
import { EdgeAggregator } from './graph/edge-aggregator.ts';
import { IstioMetrics } from './istio/istio-metrics.ts';
import { StreamRecord, UNKNOWN_PEER } from './stream-record.ts';
import { StreamReporter } from './stream-reporter.ts';

function serviceOf(fields: Partial<StreamRecord>): string {
  const reporter = new StreamReporter({ local: { ...UNKNOWN_PEER, workload: 'details-v1', namespace: 'shop' } });
  const record = Object.assign(new StreamRecord(), fields);
  reporter.sink('destination').onStreamEnd(record);
  return record.destinationService;
}
const sni = (host: string): string => `outbound_.9080_.v1_.${host}`;

test('a request that was denied before a cluster was chosen belongs to the service that its caller asked for', () => {
  const host = 'details.shop.svc.cluster.local';
  assert.equal(serviceOf({ sni: sni(host), downstreamMtls: true }), host);
  assert.equal(serviceOf({ sni: sni(host), downstreamMtls: false }), '');
});

test('nobody names services of other namespaces, or what is no service, by an SNI', () => {
  for (const name of ['details.bank.svc.cluster.local', 'details.shop', 'x"} y.shop.svc.z', ''])
    assert.equal(serviceOf({ sni: sni(name), downstreamMtls: true }), '');
});

test('what nothing declares has the name that Istio gives it, and TCP of it the address that it went to', () => {
  const told = (fields: Partial<StreamRecord>): readonly [string, string] => {
    const record = Object.assign(new StreamRecord(), { downstreamLocalAddress: '240.240.0.1:99' }, fields);
    new StreamReporter({ local: UNKNOWN_PEER }).sink('source').onStreamEnd(record);
    return [record.destinationServiceName, tapRecord(record, false, UNKNOWN_PEER).authority];
  };
  assert.deepEqual(told({ upstreamCluster: 'BlackHoleCluster' }), ['BlackHoleCluster', '240.240.0.1:99']);
  assert.deepEqual(told({ routeName: 'block_all', authority: 'a:1' }), ['BlackHoleCluster', 'a:1']);
  assert.deepEqual(told({ upstreamCluster: 'PassthroughCluster' }), ['PassthroughCluster', '240.240.0.1:99']);
  assert.deepEqual(told({ upstreamCluster: 'AllowAnyDynamicDNSCluster', authority: 'a:1' }), [
    'PassthroughCluster',
    'a:1',
  ]);
  assert.deepEqual(told({ upstreamCluster: 'outbound|80||b.shop.svc.cluster.local' }), ['b', '']);
});

const HEALTH = { cpuSeconds: 0, rssBytes: 0, activeConnections: 0, activeRequests: 0 };

test('a caller of the mesh that did not say who it is tells of the edge itself; a denial only the callee can tell', () => {
  const told = (fields: Partial<StreamRecord>) => {
    const aggregator = new EdgeAggregator();
    const reporter = new StreamReporter({ local: { ...UNKNOWN_PEER, workload: 'details-v1' }, aggregator });
    const peer = { downstreamMtls: true, downstreamPrincipal: 'spiffe://cluster.local/ns/shop/sa/web' };
    reporter
      .sink('destination')
      .onStreamEnd(Object.assign(new StreamRecord(), { protocol: 'TCP', ...peer, ...fields }));
    return aggregator.flush(0, HEALTH).edges?.map((edge) => edge.denials);
  };
  assert.deepEqual(told({}), []);
  assert.deepEqual(told({ connectionTerminationDetails: 'rbac_access_denied_matched_policy[none]' }), [
    { 'rbac_access_denied_matched_policy[none]': 1n },
  ]);
});

test('what no filter chain took is told and tapped as denied, and no part of the metrics', () => {
  const aggregator = new EdgeAggregator();
  const metrics = new IstioMetrics({ istioVersion: '1.31.0' });
  const tapped: string[] = [];
  const taps = { add: (record: StreamRecord) => void tapped.push(record.connectionTerminationDetails) };
  const reporter = new StreamReporter({ local: { ...UNKNOWN_PEER, workload: 'a' }, aggregator, metrics, taps });
  reporter.refusals().onStreamEnd(Object.assign(new StreamRecord(), { protocol: 'TCP', flags: ['NR'] }));
  const [edge] = aggregator.flush(0, HEALTH).edges ?? [];
  assert.deepEqual([edge?.destination?.workload, edge?.denied, edge?.failures], ['a', 1n, 0n]);
  assert.deepEqual(tapped, ['filter_chain_not_found']);
  assert.doesNotMatch([...metrics.renderPrometheus(true, false)].join(''), /istio_tcp/);
});
