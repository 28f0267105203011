// Buckets that all workers share: what is forgotten gives its record back at once, whenever memory is collected.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateBuckets } from '../filter/http/rate-buckets.ts';
import { SharedTable } from './shared-table.ts';
import { Sharing } from './sharing.ts';

const settings = { max: 2, perFill: 1, intervalMs: 60_000 };

function worker(memory: SharedArrayBuffer, lane: number) {
  const table = new SharedTable(memory, 2, lane, 64);
  const sharing = new Sharing({ table, offsetMs: 0, role: 'worker' });
  const buckets = new RateBuckets(
    { bucket: undefined, descriptors: [{ entries: [['user', '']], bucket: settings }], valuesMax: 20 },
    (bucket, key, holder) => {
      const shared = sharing.bucket(key, bucket, holder);
      assert(shared !== undefined, 'the table is full');
      return shared;
    },
  );
  const of = (user: string) => {
    const bucket = buckets.of([['user', user]]);
    assert(bucket !== undefined);
    return bucket;
  };
  return { of, table, sharing };
}

test('however many values come, as many records live as buckets are kept', () => {
  const { of, table } = worker(SharedTable.allocate(2, 64), 0);
  for (let i = 0; i < 1000; i++) of(`u${i}`);
  assert.equal(table.size, 20);
});

test('a value that one worker forgets stays for the other one', () => {
  const memory = SharedTable.allocate(2, 64);
  const [a, b] = [worker(memory, 0), worker(memory, 1)];
  assert.equal(a.of('ann').take(0), true);
  assert.equal(b.of('ann').take(0), true);
  for (let i = 0; i < 20; i++) a.of(`u${i}`);
  assert.equal(a.table.size, 21);
  assert.equal(a.of('ann').take(0), false);
});

test('a request that has a forgotten bucket at hand changes nothing of the record that is now of another', () => {
  const { of } = worker(SharedTable.allocate(2, 64), 0);
  const ann = of('ann');
  ann.take(0);
  for (let i = 0; i < 20; i++) of(`u${i}`);
  assert.equal(ann.remaining(0), 1);
  assert.deepEqual([ann.take(0), ann.take(0)], [true, false]);
  for (let i = 0; i < 20; i++) assert.equal(of(`u${i}`).remaining(0), 2);
});

test('a bucket that is released twice gives back one record', () => {
  const { table, sharing } = worker(SharedTable.allocate(2, 64), 0);
  const owner = {};
  const first = sharing.bucket('n', settings, owner);
  const second = sharing.bucket('n', settings, owner);
  first?.release();
  first?.release();
  assert.equal(table.size, 1);
  second?.release();
  assert.equal(table.size, 0);
});

/** Two workers that keep ten buckets each, and limits by user in both, each limit with settings of its own. */
function crowd() {
  const memory = SharedTable.allocate(2, 64);
  const workers = [0, 1].map((lane) => {
    const table = new SharedTable(memory, 2, lane, 64);
    return { table, sharing: new Sharing({ table, offsetMs: 0, role: 'worker', bucketsMax: 10 }) };
  });
  const limit = (name: string) => {
    const both = workers.map(
      ({ sharing }) =>
        new RateBuckets(
          { bucket: undefined, descriptors: [{ entries: [['user', '']], bucket: { ...settings } }], valuesMax: 1000 },
          (bucket, key, holder) => sharing.bucket(`${name}|${key}`, bucket, holder) ?? assert.fail('counts alone'),
        ),
    );
    return (lane: number, user: string): boolean => both[lane]?.of([['user', user]])?.take(0) ?? assert.fail();
  };
  return { limit, table: workers[0]?.table ?? assert.fail() };
}

test('a limit whose clients choose many values takes nothing from others', () => {
  const { limit, table } = crowd();
  const [mine, attacked] = [limit('mine'), limit('attacked')];
  assert.deepEqual([mine(0, 'ann'), mine(1, 'ann'), mine(0, 'ann')], [true, true, false]);
  for (let i = 0; i < 500; i++) {
    attacked(i % 2, `a${i}`);
    attacked(1 - (i % 2), `b${i}`);
  }
  assert.deepEqual([mine(0, 'ann'), mine(1, 'ann')], [false, false], 'what it counted is kept');
  assert.deepEqual([mine(0, 'bob'), mine(1, 'bob'), mine(0, 'bob'), mine(1, 'bob')], [true, true, false, false]);
  assert.ok(table.size <= 20);
  for (let i = 0; i < 40; i++) assert.ok(table.acquire(`breaker ${i}`) !== undefined, 'there is room for breakers');
});

test('of a crowded limit the value not used for longest is forgotten, and begins anew in all workers', () => {
  const { limit } = crowd();
  const one = limit('one');
  assert.deepEqual([one(0, 'ann'), one(0, 'ann'), one(0, 'ann')], [true, true, false]);
  for (let i = 0; i < 30; i++) {
    one(0, `u${i}`);
    assert.equal(one(0, 'ann'), false, 'is in use');
  }
  for (let i = 0; i < 10; i++) one(0, `v${i}`);
  assert.deepEqual([one(0, 'ann'), one(1, 'ann'), one(0, 'ann'), one(1, 'ann')], [true, true, false, false]);
});
