import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KINDS as CONFIG_KINDS } from '#config';
import { findKind, KINDS, objectName } from './kinds.ts';

test('the command line knows every kind under the names that the control plane gives it', () => {
  const known = Object.entries(CONFIG_KINDS).map(([kind, info]) => ({
    kind,
    group: info.group as string,
    plural: info.plural as string,
    short: [...info.short] as string[],
  }));
  assert.deepEqual([...KINDS].sort(byKind), known.sort(byKind));
});

test('a kind is found by singular, plural, short name and with its group', () => {
  for (const word of [
    'vs',
    'VirtualService',
    'virtualservices',
    'virtualservice.networking.istio.io',
    'virtualservices.v1.networking.istio.io',
  ]) {
    assert.equal(findKind(word)?.kind, 'VirtualService', word);
  }
  assert.equal(findKind('pod'), undefined);
  assert.equal(findKind('vs.apps'), undefined);
});

test('objects are named as kubectl names them', () => {
  assert.equal(
    objectName({ kind: 'VirtualService', group: 'networking.istio.io', name: 'reviews' }),
    'virtualservice.networking.istio.io/reviews',
  );
  assert.equal(objectName({ kind: 'Service', group: '', name: 'details' }), 'service/details');
});

function byKind(a: { kind: string }, b: { kind: string }): number {
  return a.kind < b.kind ? -1 : 1;
}
