// Explanations name the rule that decides and the nearest miss; plans name who would be refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthzAsk, EdgeJson } from '#api';
import { type ConfigObject, parseText, viewOf } from '#config';
import { authorizationPoliciesOf, meshSettings } from '#registry';
import { explainAuthz } from './explain-authz.ts';
import { mtlsPlan } from './mtls-plan.ts';

const TEXT = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: shop }
spec:
  rules:
  - from: [{ source: { principals: [cluster.local/ns/shop/sa/web] } }]
    to: [{ operation: { methods: [GET], paths: ["/api/*"] } }]
  - from: [{ source: { requestPrincipals: ["https://i.example/ann"] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-admin, namespace: istio-system }
spec: { action: DENY, rules: [{ to: [{ operation: { paths: ["/api/admin*"] } }], from: [{ source: { notNamespaces: [ops] } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: tomorrow, namespace: shop, annotations: { istio.io/dry-run: "true" } }
spec: { action: DENY, rules: [{}] }
`;
const view = viewOf(
  parseText('t.yaml', TEXT, { defaultNamespace: 'shop', createdMs: 1 }).map(({ object }) => object as ConfigObject),
);
const policies = authorizationPoliciesOf(view, { namespace: 'shop', labels: {} }, 'istio-system');
const WEB = 'cluster.local/ns/shop/sa/web';
const explain = (ask: Partial<AuthzAsk>) =>
  explainAuthz({
    workload: 'app.shop',
    policies,
    mesh: meshSettings(view),
    ask: {
      from: '',
      sourceIp: '10.0.0.1',
      method: 'GET',
      path: '/',
      host: 'app',
      port: 80,
      headers: [],
      claims: undefined,
      ...ask,
    },
  });

test('the rule that allows is named, and what nearly denied', () => {
  const answer = explain({ from: WEB, path: '/api/books' });
  assert.deepEqual(
    [answer.decision, answer.decidedBy],
    ['allowed', { action: 'ALLOW', namespace: 'shop', name: 'readers', rule: 0 }],
  );
  assert.deepEqual(
    answer.nearest?.missing.map(({ field }) => field),
    ['to[0].operation.paths'],
  );
  assert.deepEqual(answer.notes, [{ action: 'DENY', namespace: 'shop', name: 'tomorrow', rule: 0 }]);
});

test('the rule that denies wins', () => {
  assert.deepEqual(explain({ from: WEB, path: '/api/admin/x' }).decidedBy, {
    action: 'DENY',
    namespace: 'istio-system',
    name: 'no-admin',
    rule: 0,
  });
});

test('when nothing matches, the nearest rule says what it misses', () => {
  const answer = explain({ from: WEB, path: '/api/books', method: 'POST' });
  assert.equal(answer.decision, 'denied');
  assert.deepEqual(answer.nearest, {
    action: 'ALLOW',
    namespace: 'shop',
    name: 'readers',
    rule: 0,
    missing: [{ field: 'to[0].operation.methods', wanted: 'GET', found: 'POST' }],
  });
  assert.deepEqual(explain({}).nearest?.missing, [
    { field: 'from[0].source.requestPrincipals', wanted: 'https://i.example/ann', found: 'no token' },
  ]);
  assert.equal(explain({ claims: { iss: 'https://i.example', sub: 'ann' } }).decision, 'allowed');
});

test('a plan counts who would be refused, and takes silence for no proof', () => {
  const edge = (source: string, mtls: number): EdgeJson => ({
    windowSeconds: 10,
    source,
    sourceNamespace: 'shop',
    destination: 'app',
    destinationNamespace: 'shop',
    service: 'app.shop',
    protocol: 'http',
    requestsPerSecond: 2,
    errorsPerSecond: 0,
    p50Ms: 1,
    p95Ms: 1,
    p99Ms: 1,
    mtls,
    sourcePrincipal: '',
    sourcePrincipals: [],
    deniedPerSecond: 0,
    denials: {},
    faults: {},
    destinationPrincipal: '',
  });
  const plan = (edges: readonly EdgeJson[]) =>
    mtlsPlan({
      edges,
      workloads: [{ namespace: 'shop', name: 'app.shop' }],
      modes: { modeOfNamespace: () => 'PERMISSIVE' },
    }).namespaces[0];
  assert.deepEqual([plan([])?.strictIsSafe, plan([edge('web', 1)])?.strictIsSafe], [false, true]);
  const mixed = plan([edge('web', 1), edge('legacy', 0.5), edge('unknown', 0)]);
  assert.equal(mixed?.strictIsSafe, false);
  assert.deepEqual(
    mixed?.plaintext.map(({ source, requests }) => [source, requests]),
    [
      ['unknown (outside the mesh)', 120],
      ['legacy.shop', 60],
    ],
  );
});
