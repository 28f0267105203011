import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeniedJson } from '../../src/api/what-if-json.ts';
import { denialsOf, deniedIdentities, deniedOf } from './denied-identities.ts';
import { edgeOf } from './fixtures.testing.ts';

const BEFORE = 'spiffe://cluster.local/ns/default/sa/before';

function denial(fields: Partial<DeniedJson>): DeniedJson {
  return {
    workload: 'reviews-v1',
    namespace: 'default',
    source: 'productpage-v1',
    sourceNamespace: 'default',
    principal: BEFORE,
    method: 'GET',
    path: '/',
    status: 403,
    count: 1,
    lastMs: 1,
    ids: [],
    rule: undefined,
    words: '',
    ...fields,
  };
}

test('who was denied is told by the denials, not by the identity that the caller has since', () => {
  const edge = edgeOf({ sourcePrincipal: 'spiffe://cluster.local/ns/default/sa/since' });
  const denied = [denial({}), denial({ path: '/b' }), denial({ principal: '', lastMs: 2 })];
  assert.deepEqual(deniedIdentities(edge, denied), ['', BEFORE]);
});

test('denials of other edges, also of the same names in another namespace, tell nothing', () => {
  const others = [denial({ workload: 'reviews-v2' }), denial({ sourceNamespace: 'other' })];
  assert.deepEqual(deniedIdentities(edgeOf({}), others), []);
});

test('what a RateLimit refused is no denial, whatever it answers', () => {
  const limit = { 'ratelimit[shop/web/all]': 4, 'ratelimit[shop/web/bots] 403': 3 };
  const only = edgeOf({ denials: limit, denied: 7, limited: 7, codes: { '200': 1, '429': 4, '403': 3 } });
  assert.equal(deniedOf(only), 0);
  assert.deepEqual(denialsOf(only), {});
  const denials = { ...limit, 'rbac_access_denied_matched_policy[none]': 2 };
  const both = edgeOf({ denials, denied: 9, limited: 7, codes: { '429': 4, '403': 5 } });
  assert.equal(deniedOf(both), 2);
  assert.deepEqual(Object.keys(denialsOf(both)), ['rbac_access_denied_matched_policy[none]']);
});
