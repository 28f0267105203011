// What an upgrade changes is told per proxy: nothing for equal configuration, sorted out from endpoints that move anyway.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GeneratedJson, GeneratedResource } from '#api';
import { type ProxyNode, type ResourceSet, TYPE_URL, type XdsResource } from '#base';
import { planProxies, proxyPlanText } from './upgrade-plan.ts';

const node = (workload: string): ProxyNode => ({
  id: `sidecar~10.0.0.1~${workload}.shop~shop.svc.cluster.local`,
  parsed: { type: 'sidecar', ip: '10.0.0.1', workload, namespace: 'shop', domain: 'shop.svc.cluster.local' },
  cluster: '',
  metadata: {},
  locality: { region: '', zone: '', subZone: '' },
  userAgent: '',
  principal: '',
});

/** The text of a resource is its bytes and its hash. */
const running = (
  resources: readonly (readonly [string, string, string])[],
  proxies: Record<string, number[]>,
): GeneratedJson => ({
  version: '1',
  trustDomain: '',
  retained: '',
  keySets: [],
  resources,
  proxies: Object.entries(proxies).map(([name, of]) => ({ node: node(name), resources: of })),
});

function set(...resources: readonly (readonly [string, string, string])[]): ResourceSet {
  const found = new Map<string, Map<string, XdsResource>>();
  for (const [typeUrl, name, text] of resources) {
    const byName = found.get(typeUrl) ?? new Map<string, XdsResource>();
    found.set(typeUrl, byName.set(name, { typeUrl, name, version: text, bytes: Buffer.from(text), origins: [] }));
  }
  return found;
}

const bytesOf = async (wanted: readonly GeneratedResource[]): Promise<Uint8Array[]> =>
  wanted.map(([, , text]) => Buffer.from(text));
const decode = (_: string, bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());

test('nothing is told of what stays, what changes is told with its path, what comes and goes by name', async () => {
  const plans = await planProxies({
    running: [
      running(
        [
          [TYPE_URL.cluster, 'a', '{"timeout":"5s"}'],
          [TYPE_URL.cluster, 'old', '{}'],
          [TYPE_URL.listener, 'l', '{}'],
          [TYPE_URL.endpoint, 'a', '{"at":1}'],
        ],
        { web: [0, 1, 2, 3], same: [2] },
      ),
    ],
    next: [
      set(
        [TYPE_URL.cluster, 'a', '{"timeout":"9s"}'],
        [TYPE_URL.listener, 'l', '{}'],
        [TYPE_URL.route, '80', '{}'],
        [TYPE_URL.endpoint, 'a', '{"at":2}'],
      ),
      set([TYPE_URL.listener, 'l', '{}']),
    ],
    bytesOf,
    decode,
  });
  assert.deepEqual(plans, [
    {
      proxy: 'web.shop',
      moving: 1,
      changes: [
        { sign: '+', type: 'route', name: '80', details: [] },
        { sign: '~', type: 'cluster', name: 'a', details: ['.timeout: "5s" -> "9s"'] },
        { sign: '-', type: 'cluster', name: 'old', details: [] },
      ],
    },
    { proxy: 'same.shop', moving: 0, changes: [] },
  ]);
  assert.equal(
    proxyPlanText(plans, 5),
    [
      'Proxies: 2 connected, 1 get the same configuration, 1 another one',
      '  (1 lists of endpoints and names differ, too, as they do whenever pods come and go)',
      '  web.shop: 1 added, 1 changed, 1 removed',
      '    + route 80',
      '    ~ cluster a',
      '        .timeout: "5s" -> "9s"',
      '    - cluster old',
      '',
    ].join('\n'),
  );
});

test('a resource that is only written in another way is no change, and a secret is never asked for', async () => {
  const asked: string[] = [];
  const plans = await planProxies({
    running: [
      running(
        [
          [TYPE_URL.route, '80', '{"a":1}'],
          [TYPE_URL.secret, 'kubernetes://cert', 'one'],
        ],
        { web: [0, 1] },
      ),
    ],
    next: [set([TYPE_URL.route, '80', '{"a": 1}'], [TYPE_URL.secret, 'kubernetes://cert', 'two'])],
    bytesOf: async (wanted) => {
      asked.push(...wanted.map(([, name]) => name));
      return await bytesOf(wanted);
    },
    decode,
  });
  assert.deepEqual(asked, ['80']);
  assert.deepEqual(plans[0]?.changes, [{ sign: '~', type: 'secret', name: 'kubernetes://cert', details: [] }]);
});

test('proxies to which the same happens stand together, and long lists are cut', async () => {
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f${i}`, i]));
  const plans = await planProxies({
    running: [
      running([[TYPE_URL.cluster, 'a', '{}']], { one: [0] }),
      running([[TYPE_URL.cluster, 'a', '{}']], { two: [0] }),
    ],
    next: [set([TYPE_URL.cluster, 'a', JSON.stringify(many)]), set([TYPE_URL.cluster, 'a', JSON.stringify(many)])],
    bytesOf,
    decode,
  });
  const text = proxyPlanText(plans, 2);
  assert.match(text, /^ {2}one\.shop, two\.shop: 0 added, 1 changed, 0 removed$/m);
  assert.match(text, /and 7 more/);
});
