import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { overlay, parseSetFlag, SetFlagError, withValue } from './set-flag.ts';

describe('--set', () => {
  it('reads paths, lists, escaped dots and the types of values', () => {
    assert.deepEqual(parseSetFlag('a.b[1].c=true'), { path: ['a', 'b', 1, 'c'], value: true });
    assert.deepEqual(parseSetFlag('a.prometheus\\.io/port=9090'), { path: ['a', 'prometheus.io/port'], value: 9090 });
    assert.deepEqual(parseSetFlag('a={x,2}'), { path: ['a'], value: ['x', 2] });
    assert.deepEqual(parseSetFlag('a=100m'), { path: ['a'], value: '100m' });
    assert.deepEqual(parseSetFlag('a=').value, '');
  });

  it('puts a value where its path says, without changing the tree', () => {
    const tree = { a: { b: [{ c: 1 }] } };
    assert.deepEqual(withValue(tree, ['a', 'b', 0, 'd'], 2), { a: { b: [{ c: 1, d: 2 }] } });
    assert.deepEqual(tree, { a: { b: [{ c: 1 }] } });
  });

  it('never reaches a prototype', () => {
    const tree = withValue({}, ['__proto__', 'polluted'], true);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.deepEqual(Object.keys(overlay({}, tree)), ['__proto__']);
  });

  it('lays one tree over another: maps are merged, null removes, lists replace', () => {
    assert.deepEqual(overlay({ a: { b: 1, c: 2 }, l: [1, 2] }, { a: { b: 3, c: null }, l: [9] }), {
      a: { b: 3 },
      l: [9],
    });
  });

  it('reads any text or refuses it, and puts what it reads', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        let parsed: ReturnType<typeof parseSetFlag>;
        try {
          parsed = parseSetFlag(text);
          withValue({}, parsed.path, parsed.value);
        } catch (error) {
          assert.ok(error instanceof SetFlagError);
        }
      }),
    );
  });
});
