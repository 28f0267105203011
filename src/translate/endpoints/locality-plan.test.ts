import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, Locality } from '#registry';
import { loadAssignment } from './load-assignment.ts';
import { localityPlan, type PlanInput } from './locality-plan.ts';

const place = (text: string): Locality => {
  const [region = '', zone = '', subZone = ''] = text.split('/');
  return { region, zone, subZone };
};
const endpoint = (address: string, at: string, labels: Record<string, string> = {}): Endpoint =>
  ({
    address,
    port: 80,
    declaredPort: 80,
    locality: place(at),
    labels,
    weight: 0,
    health: 'healthy',
    tlsMode: 'istio',
    namespace: 'n',
    serviceAccount: 'a',
    workloadName: address,
    cluster: 'c',
  }) as unknown as Endpoint;
const ENDPOINTS = [
  endpoint('near', 'eu/a/1'),
  endpoint('zone', 'eu/a/2'),
  endpoint('region', 'eu/b/1'),
  endpoint('west', 'us/a/1'),
  endpoint('east', 'ap/a/1'),
];

function levels(input: Partial<PlanInput>, endpoints = ENDPOINTS): Record<string, number> {
  const plan = localityPlan({ setting: undefined, outlier: true, near: place('eu/a/1'), labels: {}, ...input });
  const { endpoints: groups = [] } = loadAssignment({
    cluster: 'x',
    endpoints,
    subsetLabels: undefined,
    peerAuthentications: { modeOf: () => 'PERMISSIVE' } as never,
    meshExternal: false,
    families: '4',
    plan,
  });
  return Object.fromEntries(
    groups.flatMap((group) =>
      (group.lbEndpoints ?? []).map((one) => {
        const address = one.hostIdentifier?.case === 'endpoint' ? one.hostIdentifier.value.address?.address : undefined;
        return [
          address?.case === 'socketAddress' ? (address.value.address ?? '') : '',
          input.setting?.distribute === undefined ? (group.priority ?? 0) : (group.loadBalancingWeight ?? 0),
        ];
      }),
    ),
  );
}

test('with outlier detection traffic stays near, and goes further by distance', () => {
  assert.deepEqual(levels({}), { near: 0, zone: 1, region: 2, west: 3, east: 3 });
  assert.deepEqual(levels({ outlier: false }), { near: 0, zone: 0, region: 0, west: 0, east: 0 });
  assert.deepEqual(levels({ setting: { enabled: false } }), { near: 0, zone: 0, region: 0, west: 0, east: 0 });
  assert.deepEqual(levels({ near: place('') }), { near: 0, zone: 0, region: 0, west: 0, east: 0 });
});

test('failover names the region that comes before the others', () => {
  assert.deepEqual(levels({ setting: { failover: [{ from: 'eu', to: 'ap' }] } }), {
    near: 0,
    zone: 1,
    region: 2,
    east: 3,
    west: 4,
  });
});

test('distribute gives shares, split among the localities that one target covers, and nothing to others', () => {
  assert.deepEqual(
    levels({ outlier: false, setting: { distribute: [{ from: 'eu/a/*', to: { 'eu/a/*': 80, 'us/*': 20 } }] } }),
    { near: 4000, zone: 4000, west: 2000 },
  );
  assert.deepEqual(
    levels({ near: place('ap/a/1'), outlier: false, setting: { distribute: [{ from: 'eu/*', to: { 'eu/*': 100 } }] } }),
    { near: 1, zone: 1, region: 1, west: 1, east: 1 },
    'a rule for others',
  );
});

test('failoverPriority counts the labels that an endpoint shares with the client from the first on', () => {
  const all = [
    endpoint('both', 'eu/a/1', { net: 'n1', version: 'v1' }),
    endpoint('first', 'eu/a/1', { net: 'n1', version: 'v2' }),
    endpoint('second', 'eu/a/1', { net: 'n2', version: 'v1' }),
  ];
  assert.deepEqual(
    levels({ labels: { net: 'n1', version: 'v1' }, setting: { failoverPriority: ['net', 'version'] } }, all),
    { both: 0, first: 1, second: 2 },
  );
  assert.deepEqual(levels({ labels: {}, setting: { failoverPriority: ['version=v2'] } }, all), {
    first: 0,
    both: 1,
    second: 1,
  });
});

test('endpoints that are ending get requests only where no other one is healthy', () => {
  const ending = (address: string): Endpoint => ({ ...endpoint(address, 'eu/a/1'), health: 'draining' });
  const down = (address: string): Endpoint => ({ ...endpoint(address, 'eu/a/1'), health: 'unhealthy' });
  assert.deepEqual(levels({}, [ending('old'), endpoint('new', 'eu/a/1')]), { new: 0 });
  assert.deepEqual(levels({}, [ending('old'), down('starting')]), { old: 0 });
  assert.deepEqual(levels({}, [down('starting')]), {});
});
