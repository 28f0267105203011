// An edit is replayed over requests that were seen: where they would go, who would be refused, and what stays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecentRequest, TapRecordJson, WhatIfAsk } from '#api';
import type { ProxyNode } from '#base';
import { type ConfigObject, parseText, viewOf } from '#config';
import { buildSnapshot } from '#push';
import { Registry } from '#registry';
import { type EdgeView, StreamRecord, tapRecord, UNKNOWN_PEER } from '#telemetry';
import { type WhatIfParts, whatIf } from './what-if.ts';

const parse = (text: string): ConfigObject[] =>
  parseText('t.yaml', text, { defaultNamespace: 'default', createdMs: 1 }).map(({ object, complaints }) => {
    assert.ok(object !== undefined, complaints.map((one) => one.message).join('\n'));
    return object;
  });
const version = (n: number): string => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: reviews-v${n} }
spec: { address: 10.0.0.${n}, serviceAccount: reviews, labels: { app: reviews, version: v${n} } }
`;
const RULE = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec:
  host: reviews
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }, { name: v9, labels: { version: v9 } }]
`;
const routes = (rules: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [${rules}] }
`;
const to = (subset: string): string => `route: [{ destination: { host: reviews, subset: ${subset} } }]`;
const BASE = `apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 9080 }] }
${version(1)}${version(2)}---
${RULE}---
${routes(`{ match: [{ headers: { end-user: { exact: jason } } }], name: jason, ${to('v2')} }, { name: rest, ${to('v1')} }`)}`;

const node = (name: string): ProxyNode => ({
  id: name,
  parsed: { type: 'sidecar', ip: '10.0.0.9', workload: name, namespace: 'default', domain: 'cluster.local' },
  cluster: '',
  metadata: { NAMESPACE: 'default', LABELS: { app: name.split('-')[0] ?? '' }, TOPSAIL_DATA_PLANE: 'topsail' },
  locality: { region: '', zone: '', subZone: '' },
  userAgent: '',
  principal: '',
});
const peer = (workload: string) => ({ ...UNKNOWN_PEER, workload, namespace: 'default' });

function seen(inbound: boolean, fields: Partial<StreamRecord>, more: Partial<RecentRequest> = {}): RecentRequest {
  const record = Object.assign(new StreamRecord(), {
    method: 'GET',
    path: '/reviews/0',
    authority: 'reviews:9080',
    listener: '0.0.0.0_9080',
    virtualHost: 'reviews.default.svc.cluster.local:9080',
    responseCode: 200,
    source: peer('web'),
    destination: peer('reviews-v1'),
    ...fields,
  });
  const last: TapRecordJson = tapRecord(record, inbound, peer(inbound ? 'reviews-v1' : 'web'));
  return { last, count: 10, firstMs: 1, lastMs: 2, ids: ['i'], durationsMs: [20, 900], ...more };
}
const V1 = 'outbound|9080|v1|reviews.default.svc.cluster.local';
const plain = seen(false, { routeName: 'rest', upstreamCluster: V1 });
const asJason = seen(false, { routeName: 'jason', upstreamCluster: V1.replace('v1', 'v2') });
const taken = seen(true, {
  listener: 'virtualInbound',
  virtualHost: 'inbound|http|9080',
  upstreamCluster: 'inbound|9080||',
  downstreamMtls: true,
  downstreamPrincipal: 'spiffe://cluster.local/ns/default/sa/web',
});
const takenPlain = seen(true, {
  listener: 'virtualInbound',
  virtualHost: 'inbound|http|9080',
  upstreamCluster: 'inbound|9080||',
  path: '/health',
});

function ask(
  text: string,
  recent: readonly RecentRequest[],
  more: Partial<WhatIfAsk> = {},
  edges: ReturnType<WhatIfParts['traffic']['edges']> = [],
) {
  const registry = new Registry({ domain: 'cluster.local', cluster: 'c' });
  const config = viewOf(parse(BASE));
  const view = registry.rebuild(config).view;
  const snapshot = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  const answer = whatIf({
    snapshot: () => snapshot,
    registry: () => view,
    nodes: () => [node('web'), node('reviews-v1')],
    wallTime: () => 5,
    traffic: { edges: () => edges },
  })({ texts: text === '' ? [] : [{ file: 'edit', text }], namespace: 'default', ...more }, recent);
  return { ...answer, effects: answer.changes.map(({ effect, before, after }) => `${effect}: ${before} -> ${after}`) };
}

test('what does not concern the requests changes nothing', () => {
  const answer = ask(RULE, [plain, asJason, taken]);
  assert.deepEqual([answer.effects, answer.requests, answer.unchanged], [[], 30, 30]);
});

test('it says of how many requests the replayed ones are a sample: each counts at both of its proxies', () => {
  const edge = { requests: 400, reporters: ['source', 'destination'] } as unknown as EdgeView;
  assert.equal(ask(RULE, [plain, taken], {}, [edge]).seen, 800);
  assert.equal(ask(RULE, [plain, taken]).seen, 20);
});

test('requests that would be told alike are one row with one count', () => {
  const failed = seen(false, { routeName: 'rest', upstreamCluster: V1, responseCode: 500 }, { count: 3, ids: ['j'] });
  const answer = ask(routes(`{ ${to('v2')} }`), [plain, failed]);
  assert.deepEqual(
    answer.changes.map(({ count, ids }) => [count, ids]),
    [[13, ['i', 'j']]],
  );
});

test('another version is told as another destination, with the object that causes it', () => {
  const answer = ask(routes(`{ ${to('v2')} }`), [plain, asJason]);
  assert.deepEqual(answer.effects, ['moves: reviews v1 -> reviews v2']);
  assert.deepEqual(answer.changes[0]?.cause, { kind: 'VirtualService', namespace: 'default', name: 'reviews' });
  assert.equal(answer.unchanged, 10);
});

test('a condition on a header that is not kept is answered by where the request went', () => {
  const rules = `{ match: [{ headers: { end-user: { exact: jason } } }], ${to('v1')} }, { ${to('v2')} }`;
  const answer = ask(routes(rules), [plain, asJason]);
  assert.deepEqual(answer.effects.sort(), ['moves: reviews v1 -> reviews v2', 'moves: reviews v2 -> reviews v1']);
  assert.ok(answer.changes.every((one) => !one.unsure));
});

test('a new condition on a header makes the answer unsure', () => {
  const rules = `{ match: [{ headers: { x-beta: { exact: "1" } } }], ${to('v2')} }, { ${to('v1')} }`;
  assert.ok(ask(routes(rules), [plain]).changes.every((one) => one.unsure));
});

test('a subset without endpoints, a fault and a timeout are told as failures', () => {
  assert.deepEqual(ask(routes(`{ ${to('v9')} }`), [plain]).effects, [
    'fails: reviews v1 -> reviews v9 (503: no endpoint)',
  ]);
  assert.deepEqual(
    ask(routes(`{ fault: { abort: { percentage: { value: 25 }, httpStatus: 500 } }, ${to('v1')} }`), [plain]).effects,
    ['may fail: reviews v1 -> reviews v1; 25 % answered 500 by a fault'],
  );
  assert.deepEqual(ask(routes(`{ timeout: 0.5s, ${to('v1')} }`), [plain]).effects, [
    'may fail: reviews v1 -> reviews v1; 50 % take longer than the timeout of 500 ms (504)',
  ]);
});

test('a route that no longer matches is a 404', () => {
  const rules = `{ match: [{ uri: { prefix: /other } }], ${to('v1')} }`;
  assert.deepEqual(ask(routes(rules), [plain]).effects, ['fails: reviews v1 -> 404: no route matches']);
});

test('who would be denied is told with the rule, and plaintext where STRICT comes', () => {
  const policy = (spec: string): string =>
    `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p }\nspec: ${spec}\n`;
  const denied = ask(policy('{ action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }] }'), [taken]);
  assert.deepEqual(denied.effects, ['fails: allowed -> 403: denied by default/p, rule 0']);
  assert.match(ask(policy('{}'), [taken]).effects[0] ?? '', /no rule of theirs matches/);
  const only = '{ rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/web] } }] }] }';
  assert.deepEqual(
    ask(policy(only), [taken, takenPlain]).changes.map((one) => one.path),
    ['/health'],
  );
  const strict = `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default }\nspec: { mtls: { mode: STRICT } }\n`;
  assert.deepEqual(ask(strict, [taken, takenPlain]).effects, [
    'fails: allowed -> refused: plaintext where STRICT is demanded',
  ]);
});

test('the removal of an object is replayed too', () => {
  const answer = ask('', [plain], { removed: [{ kind: 'VirtualService', namespace: 'default', name: 'reviews' }] });
  assert.deepEqual(answer.effects, ['moves: reviews v1 -> reviews']);
});

test('an edit with errors is not replayed', () => {
  const answer = ask(routes('{ rout: [] }'), [plain]);
  assert.equal(answer.requests, 0);
  assert.ok(answer.findings.length > 0);
});
