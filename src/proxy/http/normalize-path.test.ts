import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { normalizePath } from './normalize-path.ts';

const rules = { normalize: true, mergeSlashes: true, escapedSlashes: 'keep' } as const;
const pathOf = (target: string): string => {
  const result = normalizePath(target, rules);
  return result.kind === 'reject' ? 'reject' : result.path;
};

for (const [from, to] of [
  ['/a/b?c=../d', '/a/b?c=../d'],
  ['/a/../b', '/b'],
  ['/a/./b/', '/a/b/'],
  ['/a/b/..', '/a/'],
  ['/a//b', '/a/b'],
  ['/%61dmin', '/admin'],
  ['/a\\..\\b', '/b'],
  ['/a%2fb', '/a%2Fb'],
  ['/%2e%2e/x', 'reject'],
  ['/..', 'reject'],
  ['/a/..;/b', '/b'],
  ['/a/%2e%2e;x=1/b', '/b'],
  ['/a/.;x/b', '/a/b'],
  ['/a/..;', '/'],
  ['/..;/b', 'reject'],
  ['/a;x=../b', '/a;x=../b'],
  ['/a/...;/b', '/a/...;/b'],
  ['/a/;/b', '/a/;/b'],
  ['/%zz', 'reject'],
  ['/%00', 'reject'],
  ['*', '*'],
] as const) {
  test(`${from} means ${to}`, () => assert.equal(pathOf(from), to));
}

test('escaped slashes are refused, decoded or redirected as configured', () => {
  assert.equal(normalizePath('/a%2Fb', { ...rules, escapedSlashes: 'reject' }).kind, 'reject');
  assert.deepEqual(normalizePath('/a%2Fb', { ...rules, escapedSlashes: 'forward' }), { kind: 'path', path: '/a/b' });
  assert.deepEqual(normalizePath('/a%5cb', { ...rules, escapedSlashes: 'redirect' }), {
    kind: 'redirect',
    path: '/a/b',
  });
});

test('a canonical path stays as it is', () => {
  const piece = fc.constantFrom('/', '.', '..', 'a', '%61', '%2f', '%2e', '\\', '//', ';', '?x');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const once = pathOf(`/${pieces.join('')}`);
      if (once !== 'reject') assert.equal(pathOf(once), once);
    }),
  );
});
