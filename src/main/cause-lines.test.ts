// Routes, clusters, listeners and decisions lead to the line of the object that caused them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CauseJson, TapRecordJson } from '#api';
import { TYPE_URL, type XdsResource } from '#base';
import { type ConfigObject, parseText, viewOf } from '#config';
import { CauseLines } from './cause-lines.ts';

const FILE = `# The shop's reviews.
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
  - match:
    - headers: { end-user: { exact: jason } }
    route: [{ destination: { host: reviews, subset: v2 } }]
  - route:
    - destination: { host: reviews, subset: v1 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: shop }
spec:
  host: reviews
  trafficPolicy: { connectionPool: { http: { maxRetries: 1 } } }
  subsets:
  - { name: v1, labels: { version: v1 } }
  - { name: v2, labels: { version: v2 } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: shop }
spec:
  hosts: [outside.example]
  ports:
  - { number: 80, name: http, protocol: HTTP }
  - { number: 443, name: tls, protocol: TLS }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: shop }
spec:
  rules:
  - to: [{ operation: { methods: [GET] } }]
  - to: [{ operation: { methods: [HEAD] } }]
`;
const documents = parseText('shop.yaml', FILE, { defaultNamespace: 'shop', createdMs: 1 });
const texts = new Map(documents.map((one) => [one.object?.key ?? '', one.text]));
const view = viewOf(documents.map(({ object }) => object as ConfigObject));
const causes = new CauseLines({ view: () => view, textOf: (key) => texts.get(key) });
const shown = (cause: CauseJson | undefined): string =>
  cause === undefined ? 'none' : `${cause.kind} ${cause.name} ${cause.path} ${cause.file}:${cause.line}`;
const lineOf = (part: string): number => FILE.slice(0, FILE.indexOf(part)).split('\n').length;

function resource(name: string, ...origins: readonly (readonly [kind: string, name: string])[]): XdsResource {
  return {
    typeUrl: '',
    name,
    bytes: new Uint8Array(),
    version: '',
    origins: origins.map(([kind, object]) => ({ kind, namespace: 'shop', name: object })),
  };
}
const hop = (fields: Partial<TapRecordJson>): TapRecordJson => ({ cause: '', policy: '', ...fields }) as TapRecordJson;

test('a request leads to the rule of its route, of its policy, and of its cluster', () => {
  const found = causes.ofHop(
    hop({ cause: 'VirtualService/shop/reviews spec.http[1]', policy: 'ns[shop]-policy[readers]-rule[1]' }),
    resource('outbound|9080|v2|reviews.shop.svc.cluster.local', ['Service', 'reviews'], ['DestinationRule', 'reviews']),
  );
  assert.deepEqual([found.route, found.policy, found.cluster].map(shown), [
    `VirtualService reviews spec.http[1] shop.yaml:${lineOf('route:\n    - destination')}`,
    `AuthorizationPolicy readers spec.rules[1] shop.yaml:${lineOf('to: [{ operation: { methods: [HEAD]')}`,
    `DestinationRule reviews spec.subsets[1] shop.yaml:${lineOf('{ name: v2')}`,
  ]);
  assert.equal(found.route?.textLine, lineOf('route:\n    - destination'));
  assert.deepEqual(causes.ofHop(hop({}), undefined), {});
});

test('a dump names what caused its routes, clusters and listeners', () => {
  const rule = resource(
    'outbound|9080||reviews.shop.svc.cluster.local',
    ['Service', 'r'],
    ['DestinationRule', 'reviews'],
  );
  const entry = resource('outbound|443||outside.example', ['ServiceEntry', 'outside']);
  const held = (one: XdsResource) => ({ resource: one, status: 'acked' as const, detail: '' });
  const route = (metadata: object | undefined, cluster: string) => ({
    ...(metadata === undefined ? {} : { metadata: { filterMetadata: metadata } }),
    route: { cluster },
  });
  const found = causes.ofDump(
    {
      routes: [
        {
          name: '9080',
          virtualHosts: [
            {
              name: 'h',
              routes: [
                route({ topsail: { cause: 'VirtualService/shop/reviews spec.http[0]' } }, rule.name),
                route(undefined, entry.name),
                route(undefined, 'BlackHoleCluster'),
              ],
            },
          ],
        },
      ],
    },
    new Map([
      [TYPE_URL.cluster, [held(rule), held(entry), held(resource('BlackHoleCluster'))]],
      [
        TYPE_URL.listener,
        [held(resource('0.0.0.0_80', ['ServiceEntry', 'outside'])), held(resource('virtualInbound'))],
      ],
    ]),
  );
  assert.deepEqual(
    found.map(({ part, of, cause }) => `${part} ${of} ${cause.path}:${cause.line}`),
    [
      `clusters ${rule.name} spec.trafficPolicy:${lineOf('trafficPolicy')}`,
      `clusters ${entry.name} spec.ports[1]:${lineOf('{ number: 443')}`,
      `listeners 0.0.0.0_80 spec.ports[0]:${lineOf('{ number: 80')}`,
      `routes 9080|h|0 spec.http[0]:${lineOf('match:')}`,
      `routes 9080|h|1 spec.ports[1]:${lineOf('{ number: 443')}`,
    ],
  );
});

test('an object without a text of its own has a field and no line', () => {
  const blind = new CauseLines({ view: () => view, textOf: () => undefined });
  const { route } = blind.ofHop(hop({ cause: 'VirtualService/shop/reviews spec.http[1]' }), undefined);
  assert.deepEqual([route?.path, route?.line, route?.textLine], ['spec.http[1]', 0, 0]);
});
