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
  let made = 0;
  const all = new RateBuckets(
    { bucket: undefined, descriptors, valuesMax },
    (settings, _, __, nowMs) => {
      made++;
      return new TokenBucket(settings, nowMs);
    },
    0,
  );
  const take = (...entries: readonly (readonly [string, string])[]): boolean | undefined => all.of(entries, 0)?.take(0);
  return { take, made: () => made };
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
