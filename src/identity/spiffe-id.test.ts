import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatWorkloadIdentity, parseSpiffeId, parseWorkloadIdentity, withAliases } from './spiffe-id.ts';

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);

test('what is formatted is parsed back', () => {
  fc.assert(
    fc.property(name, name, name, (trustDomain, namespace, serviceAccount) => {
      const identity = { trustDomain, namespace, serviceAccount };
      assert.deepEqual(parseWorkloadIdentity(formatWorkloadIdentity(identity)), { ok: true, value: identity });
    }),
  );
});

test('ids that could be taken for another are refused', () => {
  for (const id of [
    '',
    'spiffe:',
    'spiffe://',
    'SPIFFE://a/b',
    'spiffe://A/b',
    'spiffe://a/',
    'spiffe://a//b',
    'spiffe://a/./b',
    'spiffe://a/../b',
    'spiffe://a/b?c',
    'spiffe://a/b#c',
    'spiffe://a:80/b',
    'spiffe://u@a/b',
    'spiffe://a/%2e',
    'spiffe://a/b c',
    'https://a/b',
    `spiffe://a/${'b'.repeat(2048)}`,
  ])
    assert.equal(parseSpiffeId(id).ok, false, id);
  assert.equal(parseWorkloadIdentity('spiffe://a/ns/b').ok, false);
  assert.equal(parseWorkloadIdentity('spiffe://a/ns/b/sa/c/d').ok, false);
});

test('a workload of the mesh has a name under every alias, a foreign one only its own', () => {
  const identity = { trustDomain: 'new', namespace: 'a', serviceAccount: 'b' };
  assert.deepEqual(withAliases(identity, 'new', ['old', 'new']), ['spiffe://new/ns/a/sa/b', 'spiffe://old/ns/a/sa/b']);
  assert.deepEqual(withAliases({ ...identity, trustDomain: 'foreign' }, 'new', ['old']), [
    'spiffe://foreign/ns/a/sa/b',
  ]);
});
