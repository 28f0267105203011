// Buckets by descriptor: written out, left open, and how many values are remembered.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from '../token-bucket.ts';
import { RateBuckets } from './rate-buckets.ts';

const once = { max: 1, perFill: 1, intervalMs: 60_000 };
const often = { max: 3, perFill: 1, intervalMs: 60_000 };

function buckets(valuesMax: number, ...patterns: readonly (readonly (readonly [string, string])[])[]) {
  const descriptors = patterns.map((entries, i) => ({ entries, bucket: i === 0 ? once : often }));
  const keys: string[] = [];
  const all = new RateBuckets({ bucket: undefined, descriptors, valuesMax }, (settings, key) => {
    keys.push(key);
    return new TokenBucket(settings);
  });
  const take = (...entries: readonly (readonly [string, string])[]): boolean | undefined => all.of(entries)?.take(0);
  return { take, keys, made: () => keys.length };
}

test('each value of an open descriptor has a bucket of its own', () => {
  const { take } = buckets(20, [['user', '']]);
  assert.deepEqual([take(['user', 'ann']), take(['user', 'ann']), take(['user', 'bob'])], [true, false, true]);
  assert.equal(take(['other', 'ann']), undefined);
  assert.equal(take(['user', 'ann'], ['path', '/']), undefined);
});

test('what is written out goes before what is left open', () => {
  const { take } = buckets(20, [['user', '']], [['user', 'ann']]);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => take(['user', 'ann'])),
    [true, true, true, false],
  );
});

test('of several entries those that are written out must fit', () => {
  const { take } = buckets(20, [
    ['kind', 'a'],
    ['user', ''],
  ]);
  assert.equal(take(['kind', 'a'], ['user', 'x']), true);
  assert.equal(take(['kind', 'b'], ['user', 'x']), undefined);
});

test('the value that was not used for longest is forgotten, and no more are kept than may be', () => {
  const { take } = buckets(2, [['user', '']]);
  take(['user', 'a']);
  take(['user', 'b']);
  assert.equal(take(['user', 'a']), false, 'a is used again');
  take(['user', 'c']);
  assert.equal(take(['user', 'a']), false, 'a is still known');
  assert.equal(take(['user', 'b']), true, 'b begins anew');
});

test('however values come, a value among the last ones used is never made twice', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 6 }),
      (values, most) => {
        const { take, made } = buckets(most, [['v', '']]);
        let recent: number[] = [];
        let expected = 0;
        for (const value of values) {
          if (!recent.includes(value)) expected++;
          recent = [...recent.filter((one) => one !== value), value].slice(-most);
          take(['v', String(value)]);
          assert.equal(made(), expected);
        }
      },
    ),
  );
});

test('values that differ only far behind are apart, and what is kept of them is short', () => {
  const long = 'z'.repeat(29_000);
  const { take, keys } = buckets(20, [
    ['a', ''],
    ['b', ''],
  ]);
  assert.equal(take(['a', `${long}1`], ['b', 'x']), true);
  assert.equal(take(['a', `${long}2`], ['b', 'x']), true);
  assert.equal(take(['a', `${long}1`], ['b', 'x']), false);
  assert.equal(take(['a', long], ['b', '1x']), true);
  assert.equal(take(['a', `${long}1`], ['b', 'x']), false);
  for (const key of keys) assert(key.length <= 64, key);
});

test('a value that looks like what is kept of a long one is another one', () => {
  const { take, keys } = buckets(20, [['a', '']]);
  take(['a', 'z'.repeat(100)]);
  assert.equal(take(['a', keys[0] as string]), true);
  assert.equal(new Set(keys).size, 2);
});
