import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SharedBreaker } from './shared-breaker.ts';
import { giveBack, SharedTable, takeUpTo } from './shared-table.ts';
import { SharedTokenBucket } from './shared-token-bucket.ts';

const RECORDS = 8;

/** Views of one buffer, as workers have them. */
function views(count: number): SharedTable[] {
  const buffer = SharedTable.allocate(count, RECORDS);
  return Array.from({ length: count }, (_, lane) => new SharedTable(buffer, count, lane, RECORDS));
}

function present<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}

test('the same name is the same record in every worker, and a new one begins with zeros', () => {
  const [a, b] = views(2) as [SharedTable, SharedTable];
  const first = present(a.acquire('x'));
  const second = present(b.acquire('x'));
  assert.equal(first.number, second.number);
  assert.equal(takeUpTo(first, 0, 1), true);
  assert.equal(takeUpTo(second, 0, 1), false);
  giveBack(first, 0);
  assert.equal(takeUpTo(second, 0, 1), true);
  a.release(first);
  giveBack(second, 0);
  b.release(second);
  assert.equal(a.size, 0);
  assert.equal(takeUpTo(present(a.acquire('x')), 0, 1), true);
});

test('a full table gives nothing, and has room again when something goes', () => {
  const [a] = views(1) as [SharedTable];
  const all = Array.from({ length: RECORDS }, (_, i) => present(a.acquire(`r${i}`)));
  assert.equal(a.acquire('one more'), undefined);
  a.release(present(all[3]));
  assert.ok(a.acquire('one more'));
});

test('what a dead worker held is given back, and what it alone used goes', () => {
  const [a, b] = views(2) as [SharedTable, SharedTable];
  const mine = present(a.acquire('x'));
  const theirs = present(b.acquire('x'));
  b.acquire('only theirs');
  for (let i = 0; i < 3; i++) assert.ok(takeUpTo(theirs, 0, 4));
  assert.ok(takeUpTo(mine, 0, 4));
  assert.equal(takeUpTo(mine, 0, 4), false);
  a.reap(1);
  assert.equal(a.size, 1);
  for (let i = 0; i < 3; i++) assert.ok(takeUpTo(mine, 0, 4));
  assert.equal(takeUpTo(mine, 0, 4), false);
});

test('whatever comes and goes, the table is what a map would be', () => {
  const name = fc.nat({ max: 11 }).map((n) => `name ${n}`);
  const step = fc.tuple(fc.constantFrom('acquire', 'release', 'reap'), fc.nat({ max: 1 }), name);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const tables = views(2);
      const held = [new Map<string, NonNullable<ReturnType<SharedTable['acquire']>>[]>(), new Map()] as const;
      const names = (): Set<string> => new Set([...held[0].keys(), ...held[1].keys()]);
      for (const [what, lane, key] of steps) {
        const table = present(tables[lane]);
        const mine = present(held[lane]);
        if (what === 'acquire') {
          const isRoom = names().has(key) || names().size < RECORDS;
          const record = table.acquire(key);
          assert.equal(record !== undefined, isRoom);
          if (record !== undefined) mine.set(key, [...(mine.get(key) ?? []), record]);
        } else if (what === 'release') {
          const [record, ...rest] = mine.get(key) ?? [];
          if (record === undefined) continue;
          table.release(record);
          if (rest.length === 0) mine.delete(key);
          else mine.set(key, rest);
        } else {
          present(tables[1 - lane]).reap(lane);
          mine.clear();
        }
        assert.equal(table.size, names().size);
      }
    }),
  );
});

test('a breaker of a cluster that is gone gives back what is still open there', () => {
  const [a, b] = views(2) as [SharedTable, SharedTable];
  const mine = new SharedBreaker(a, present(a.acquire('c')));
  const theirs = new SharedBreaker(b, present(b.acquire('c')));
  mine.maxRequests = theirs.maxRequests = 2;
  assert.deepEqual([mine.tryRequest(), mine.tryRequest(), theirs.tryRequest()], [true, true, false]);
  assert.equal(theirs.overflows.requests, 1);
  mine.dispose();
  mine.releaseRequest();
  assert.deepEqual([theirs.tryRequest(), theirs.tryRequest(), theirs.tryRequest()], [true, true, false]);
});

test('a bucket fills once, whichever worker asks', () => {
  const [a, b] = views(2) as [SharedTable, SharedTable];
  const settings = { max: 3, perFill: 2, intervalMs: 100 };
  // The second worker's clock is 1,000 ms behind.
  const one = new SharedTokenBucket(settings, present(a.acquire('b', SharedTokenBucket.fillFirst)), 0);
  const other = new SharedTokenBucket(settings, present(b.acquire('b', SharedTokenBucket.fillFirst)), 1_000);
  assert.equal(other.remaining(4_000), 3);
  assert.deepEqual([one.take(5_000), other.take(4_000), one.take(5_040), other.take(4_049)], [true, true, true, false]);
  assert.deepEqual([other.msToNextToken(4_040), one.msToNextToken(5_040), one.remaining(5_100)], [10, 10, 2]);
  assert.deepEqual([other.take(4_100), one.take(5_101), one.take(5_102)], [true, true, false]);
  assert.equal(one.remaining(6_000), 3);
});
