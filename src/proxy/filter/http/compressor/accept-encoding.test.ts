import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseEncoding } from './accept-encoding.ts';

const BOTH = ['gzip', 'br'];

test('the highest weight wins, and our own order where they are equal', () => {
  assert.equal(chooseEncoding('gzip, br', BOTH), 'gzip');
  assert.equal(chooseEncoding('gzip;q=0.5, br', BOTH), 'br');
  assert.equal(chooseEncoding('br; q=0.8 , gzip ;q=0.9', BOTH), 'gzip');
  assert.equal(chooseEncoding('deflate, zstd', BOTH), '');
  assert.equal(chooseEncoding('X-GZIP', BOTH), 'gzip');
});

test('weight 0 forbids, and a star is for what is not named', () => {
  assert.equal(chooseEncoding('gzip;q=0', BOTH), '');
  assert.equal(chooseEncoding('gzip;q=0, *', BOTH), 'br');
  assert.equal(chooseEncoding('*', BOTH), 'gzip');
  assert.equal(chooseEncoding('*;q=0', BOTH), '');
});

test('who likes it best as it is gets it so', () => {
  assert.equal(chooseEncoding('identity, gzip;q=0.5', BOTH), '');
  assert.equal(chooseEncoding('identity;q=0.5, gzip;q=0.5', BOTH), 'gzip');
  assert.equal(chooseEncoding('', BOTH), '');
});

test('a weight that can not be read asks for nothing', () => {
  for (const weight of ['2', '1.5', '-1', 'x', '', '0.1234'])
    assert.equal(chooseEncoding(`gzip;q=${weight}`, BOTH), '');
});

test('whatever a client sends, it gets what it named, or a star', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'gzip,br;q=01.* ') }), (accepted) => {
      const chosen = chooseEncoding(accepted, BOTH);
      assert.ok(chosen === '' || accepted.includes(chosen) || accepted.includes('*'));
    }),
  );
});
