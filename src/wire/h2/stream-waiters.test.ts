import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamWaiters } from './stream-waiters.ts';

test('streams that wait for one narrow window get it in turns', () => {
  let window = 0;
  const waiters = new StreamWaiters<Sender>();
  class Sender {
    sent = 0;
    left: number;
    constructor(left: number) {
      this.left = left;
    }
    flushQueue(): void {
      const now = Math.min(window, this.left);
      window -= now;
      this.left -= now;
      this.sent += now;
      if (this.left > 0) waiters.forWindow(this);
    }
    drained(): boolean {
      return this.left === 0;
    }
  }
  const long = new Sender(1_000);
  const longer = new Sender(2_000);
  const short = new Sender(30);
  for (const one of [long, longer, short]) waiters.forWindow(one);
  for (let i = 0; i < 9; i++) {
    window += 10;
    waiters.windowGrew();
  }
  assert.deepEqual([long.sent, longer.sent, short.sent], [30, 30, 30]);
  window += 20;
  waiters.windowGrew();
  waiters.windowGrew();
  assert.equal(short.sent, 30);
  assert.equal(long.sent + longer.sent, 80);
});
