// Several VirtualServices for one host: the oldest is in force in the mesh, the others say so, in whatever order they are read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseText, viewOf } from '#config';
import { Registry } from '#registry';
import { buildSnapshot } from './build-snapshot.ts';

const SERVICE = 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ name: http, port: 80 }] }\n';
const rule = (name: string, seconds: number): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, creationTimestamp: "2026-01-01T00:00:0${seconds}Z" }
spec: { hosts: [a], http: [{ route: [{ destination: { host: a } }] }] }
`;
/** Two of one age: then the name decides. */
const RULES = [rule('second', 2), rule('oldest', 1), rule('third', 3), rule('also-second', 2)];

function conflictsOf(documents: readonly string[]): { readonly first: string; readonly said: readonly string[] } {
  const text = [SERVICE, ...documents].join('---\n');
  const config = viewOf(
    parseText('t.yaml', text, { defaultNamespace: 'default', createdMs: 1 }).flatMap(({ object }) => object ?? []),
  );
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
  const snapshot = buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
  const said = snapshot.conditions
    .filter(({ code }) => code === 'TS-REG-004')
    .map(({ object, message }) => `${object}: ${message}`);
  return { first: snapshot.virtualServices.all[0]?.name ?? '', said: [...said].sort() };
}

test('the oldest is in force, every other one names it', () => {
  const { first, said } = conflictsOf(RULES);
  assert.equal(first, 'oldest');
  assert.deepEqual(
    said.map((line) => line.split(':')[0]),
    ['also-second', 'second', 'third'].map((name) => `VirtualService default/${name}`),
  );
  for (const line of said) assert.match(line, /the older VirtualService default\/oldest/);
});

test('the order in which they are read changes nothing', () => {
  const expected = conflictsOf(RULES);
  fc.assert(
    fc.property(fc.shuffledSubarray([...RULES], { minLength: RULES.length }), (documents) =>
      assert.deepEqual(conflictsOf(documents), expected),
    ),
  );
});
