import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectJson } from '../../src/api/api-json.ts';
import type { TapRecordJson } from '../../src/telemetry/graph/tap-record.ts';
import { edgeOf } from './fixtures.testing.ts';
import { requestOf } from './request-hops.ts';
import { modeFor } from './strict-readiness.ts';
import {
  authorize,
  seenIdentities,
  breakCircuits,
  injectFaults,
  setMtls,
  setTimeouts,
  shiftTraffic,
  versionsOf,
  weightsOf,
} from './wizards.ts';

const SERVICE = { namespace: 'default', name: 'reviews' };

function object(kind: string, name: string, spec: unknown, namespace = 'default'): ObjectJson {
  return {
    kind,
    name,
    namespace,
    group: '',
    apiVersion: 'networking.istio.io/v1',
    generation: 1,
    createdMs: 0,
    state: 'accepted',
    file: '',
    line: 1,
    labels: {},
    annotations: {},
    spec,
    findings: [],
    programmed: { acknowledged: 0, concerned: 0, lagging: [], rejected: [] },
  };
}

test('shifting changes the rule that takes the rest, and leaves those that match', () => {
  const jason = {
    match: [{ headers: { 'end-user': { exact: 'jason' } } }],
    route: [{ destination: { host: 'reviews', subset: 'v2' } }],
  };
  const routes = object('VirtualService', 'mine', {
    hosts: ['reviews'],
    http: [jason, { timeout: '3s', route: [{ destination: { host: 'reviews', subset: 'v1' } }] }],
  });
  const rule = object('DestinationRule', 'r', { host: 'reviews', subsets: [{ name: 'v1' }, { name: 'v2' }] });
  assert.deepEqual([...weightsOf(routes)], [['v1', 100]]);
  const [made, ...others] = shiftTraffic(
    [routes, rule],
    SERVICE,
    new Map([
      ['v1', 90],
      ['v2', 10],
    ]),
  );
  assert.equal(others.length, 0);
  assert.equal(made?.metadata.name, 'mine');
  assert.deepEqual(made?.spec['http'], [
    jason,
    {
      timeout: '3s',
      route: [
        { destination: { host: 'reviews', subset: 'v1' }, weight: 90 },
        { destination: { host: 'reviews', subset: 'v2' }, weight: 10 },
      ],
    },
  ]);
});

test('subsets that nobody declared are declared', () => {
  const [rule, routes] = shiftTraffic(
    [],
    SERVICE,
    new Map([
      ['v1', 0],
      ['v2', 100],
    ]),
  );
  assert.deepEqual([rule?.kind, routes?.kind], ['DestinationRule', 'VirtualService']);
  assert.deepEqual(rule?.spec['subsets'], [
    { name: 'v1', labels: { version: 'v1' } },
    { name: 'v2', labels: { version: 'v2' } },
  ]);
});

test('traffic is split over what the rule names, or else over the versions that run', () => {
  const runs = (service: string, version: string) => ({
    name: `${service}-${version}`,
    namespace: 'default',
    service,
    version,
    gateway: false,
  });
  const known = [runs('reviews', 'v2'), runs('reviews', 'v1'), runs('reviews', 'v1'), runs('details', 'v9')];
  assert.deepEqual(versionsOf([], known, SERVICE), ['v1', 'v2']);
  const rule = object('DestinationRule', 'r', { host: 'reviews', subsets: [{ name: 'old' }, { name: 'new' }] });
  assert.deepEqual(versionsOf([rule], known, SERVICE), ['new', 'old']);
  assert.deepEqual(versionsOf([rule], known, { namespace: 'other', name: 'reviews' }), []);
});

test('faults are put in and taken out', () => {
  const [with_] = injectFaults([], SERVICE, { delayPercent: 10, delay: '5s', abortPercent: 0, status: 500 });
  assert.deepEqual(((with_?.spec ?? {})['http'] as readonly unknown[])[0], {
    fault: { delay: { percentage: { value: 10 }, fixedDelay: '5s' } },
    route: [{ destination: { host: 'reviews' } }],
  });
  const before = object('VirtualService', 'reviews', with_?.spec);
  const [without] = injectFaults([before], SERVICE, { delayPercent: 0, delay: '5s', abortPercent: 0, status: 500 });
  assert.deepEqual(without?.spec['http'], [{ route: [{ destination: { host: 'reviews' } }] }]);
});

test('time-outs, breakers and mTLS keep what else the object says', () => {
  const [routes] = setTimeouts(
    [object('VirtualService', 'x', { hosts: ['reviews.default'], http: [{ name: 'n', route: [] }] })],
    SERVICE,
    { timeout: '3s', attempts: 2, perTryTimeout: '' },
  );
  assert.deepEqual(routes?.spec['http'], [{ name: 'n', route: [], timeout: '3s', retries: { attempts: 2 } }]);
  const [rule] = breakCircuits(
    [object('DestinationRule', 'y', { host: 'reviews', trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } })],
    SERVICE,
    { maxConnections: 1, pending: 1, errors: 5, interval: '10s', ejection: '30s' },
  );
  assert.deepEqual(((rule?.spec ?? {})['trafficPolicy'] as { tls: unknown }).tls, { mode: 'ISTIO_MUTUAL' });
  assert.deepEqual(setMtls([], { namespace: 'default', name: '' }, 'STRICT')[0], {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'default', namespace: 'default' },
    spec: { mtls: { mode: 'STRICT' } },
  });
});

test('a policy from traffic names the identities that were seen, never anyone else', () => {
  const seen = seenIdentities([edgeOf({}), edgeOf({ sourcePrincipals: [], source: 'stranger' })]);
  const [policy, ...others] = authorize(seen, 'ALLOW');
  assert.equal(others.length, 0);
  assert.deepEqual(policy?.spec, {
    selector: { matchLabels: { app: 'reviews' } },
    action: 'ALLOW',
    rules: [{ from: [{ source: { principals: ['cluster.local/ns/default/sa/productpage'] } }] }],
  });
});

test('an edge that had several identities draws a policy for all of them, and tells who was always denied', () => {
  const [friend, caller] = [
    'spiffe://cluster.local/ns/default/sa/friend',
    'spiffe://cluster.local/ns/default/sa/caller',
  ];
  const seen = seenIdentities([
    edgeOf({ sourcePrincipals: [friend, caller] }),
    edgeOf({ sourcePrincipals: [friend], service: 'reviews-too.default.svc.cluster.local' }),
    edgeOf({ source: 'thief-v1', sourcePrincipals: [caller], requests: 5, denied: 5 }),
    edgeOf({ source: 'hasty-v1', sourcePrincipals: [caller], requests: 5, denied: 5, limited: 5 }),
  ]);
  assert.deepEqual(
    seen.map((one) => [one.edge.source, one.principal.split('/').at(-1), one.denied]),
    [
      ['productpage-v1', 'friend', false],
      ['productpage-v1', 'caller', false],
      ['thief-v1', 'caller', true],
      ['hasty-v1', 'caller', false],
    ],
  );
  assert.deepEqual(authorize(seen, 'ALLOW')[0]?.spec['rules'], [
    {
      from: [{ source: { principals: ['cluster.local/ns/default/sa/caller', 'cluster.local/ns/default/sa/friend'] } }],
    },
  ]);
});

test('the narrowest PeerAuthentication decides', () => {
  const all = [
    object('PeerAuthentication', 'mesh', { mtls: { mode: 'STRICT' } }, 'istio-system'),
    object('PeerAuthentication', 'one', { selector: { matchLabels: { app: 'old' } }, mtls: { mode: 'DISABLE' } }),
  ];
  assert.deepEqual(
    [modeFor(all, 'default', { app: 'old' }), modeFor(all, 'default', { app: 'new' }), modeFor([], 'default', {})],
    ['DISABLE', 'STRICT', 'PERMISSIVE'],
  );
});

test('hops follow from cause, though clocks differ', () => {
  const hop = (workload: string, direction: 'inbound' | 'outbound', to: string, atMs: number): TapRecordJson =>
    ({
      workload,
      namespace: 'd',
      direction,
      atMs,
      durationMs: 5,
      path: '/p',
      status: 200,
      flags: [],
      details: '',
      source: { workload: '', namespace: '', principal: '' },
      destination: { workload: to, namespace: 'd', principal: '' },
    }) as unknown as TapRecordJson;
  const request = requestOf('id', [
    hop('b', 'inbound', 'b', 99),
    hop('c', 'inbound', 'c', 101),
    hop('b', 'outbound', 'c', 102),
    hop('a', 'outbound', 'b', 100),
  ]);
  assert.deepEqual(
    request.tree.map(({ hop: one }) => `${one.workload} ${one.direction}`),
    ['a outbound', 'b inbound', 'b outbound', 'c inbound'],
  );
});
