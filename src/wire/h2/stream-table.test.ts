import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StreamTable } from './stream-table.ts';

test('it holds what a Map would, whatever comes and goes', () => {
  const step = fc.record({ id: fc.integer({ min: 0, max: 90 }), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new StreamTable<{ readonly id: number }>();
      const map = new Map<number, { readonly id: number }>();
      for (const { id, remove } of steps) {
        if (remove) assert.equal(table.delete(id), map.delete(id));
        else {
          const stream = { id };
          table.add(stream);
          map.set(id, stream);
        }
        assert.equal(table.size, map.size);
        assert.equal(table.get(id), map.get(id));
      }
      for (let id = 0; id <= 90; id++) assert.equal(table.get(id), map.get(id));
      assert.deepEqual(new Set(table.values()), new Set(map.values()));
    }),
  );
});

test('ids up to the last one of a connection', () => {
  const table = new StreamTable<{ readonly id: number }>();
  for (const id of [1, 0x7fff_fffd, 0x7fff_ffff]) table.add({ id });
  assert.deepEqual(table.get(0x7fff_ffff), { id: 0x7fff_ffff });
  assert.equal(table.get(3), undefined);
  table.clear();
  assert.equal(table.size, 0);
  assert.equal(table.get(1), undefined);
});
