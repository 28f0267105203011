// Changes are told by path, list items by their names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonChanges } from './json-changes.ts';

test('only what differs is told, by its path', () => {
  const before = { name: 'x', timeout: '5s', list: [1, 2], kept: { deep: true } };
  const after = { name: 'x', timeout: '10s', list: [1, 3, 4], kept: { deep: true }, more: 1 };
  assert.deepEqual(jsonChanges(before, after), [
    { path: '.timeout', before: '"5s"', after: '"10s"' },
    { path: '.list[1]', before: '2', after: '3' },
    { path: '.list[2]', before: undefined, after: '4' },
    { path: '.more', before: undefined, after: '1' },
  ]);
});

test('an item put before others changes none of them where items have names', () => {
  const chain = (name: string, port: number): object => ({ name, port });
  assert.deepEqual(
    jsonChanges({ chains: [chain('a', 1), chain('b', 2)] }, { chains: [chain('z', 0), chain('a', 1), chain('b', 3)] }),
    [
      { path: '.chains[b].port', before: '2', after: '3' },
      { path: '.chains[z]', before: undefined, after: '{"name":"z","port":0}' },
    ],
  );
});

test('equal values have no changes, and different ones have some, but for the order of named items', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      assert.deepEqual(jsonChanges(a, structuredClone(a)), []);
      const same = JSON.stringify(a) === JSON.stringify(b);
      if (same) assert.deepEqual(jsonChanges(a, b), []);
    }),
  );
  assert.deepEqual(jsonChanges([{ name: 'a' }, { name: 'b' }], [{ name: 'b' }, { name: 'a' }]), [
    { path: ' order', before: '["[a]","[b]"]', after: '["[b]","[a]"]' },
  ]);
});
