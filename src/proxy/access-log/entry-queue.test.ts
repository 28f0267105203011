import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#base';
import { EntryQueue } from './entry-queue.ts';
import { QUEUED_BYTES_MAX } from './limits.ts';

function open(takes: () => boolean = () => true) {
  const clock = new FakeClock();
  const counts = { written: 0, dropped: 0 };
  const sent: number[] = [];
  const queue = new EntryQueue({
    clock,
    flushMs: 1000,
    flushBytes: 100,
    counts,
    send: (entries) => {
      if (!takes()) return false;
      sent.push(entries.length);
      return true;
    },
  });
  return { clock, counts, sent, queue, add: (bytes: number) => queue.add(new Uint8Array(bytes)) };
}

test('entries go out together, when enough wait or after the interval', () => {
  const { clock, sent, add, counts } = open();
  add(40);
  add(40);
  assert.deepEqual(sent, []);
  add(40);
  assert.deepEqual(sent, [3]);
  add(1);
  clock.advance(1000);
  assert.deepEqual(sent, [3, 1]);
  assert.deepEqual(counts, { written: 4, dropped: 0 });
  assert.equal(clock.pendingTimers, 0);
});

test('a service that takes nothing costs entries, never memory or a wait', () => {
  let takes = false;
  const { clock, sent, add, counts, queue } = open(() => takes);
  const size = 1000;
  for (let i = 0; i < QUEUED_BYTES_MAX / size + 10; i++) add(size);
  assert.ok(counts.dropped >= 10);
  assert.ok(queue.size * size <= QUEUED_BYTES_MAX);
  takes = true;
  clock.advance(1000);
  assert.equal(sent.length, 1);
  assert.equal(queue.size, 0);
});

test('what waits at the end is counted as lost', () => {
  const { add, counts, queue } = open(() => false);
  add(10);
  queue.close();
  assert.deepEqual(counts, { written: 0, dropped: 1 });
});
