import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, TimerWheel } from '#base';
import type { ServerStream } from '#wire/http';
import type { ProxyServices } from '../services.ts';
import { FlushWatch } from './flush-watch.ts';

function setUp(): { clock: FakeClock; wheel: TimerWheel; watch: FlushWatch; late: ServerStream[] } {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const late: ServerStream[] = [];
  const watch = new FlushWatch({ clock, wheel } as unknown as ProxyServices, (stream) => late.push(stream));
  return { clock, wheel, watch, late };
}

const stream = (version: '1.1' | '2', queuedBytes: number): ServerStream & { queuedBytes: number } =>
  ({ version, queuedBytes }) as ServerStream & { queuedBytes: number };

test('a response that nobody takes is given up, one of which something was taken later', () => {
  const { clock, watch, late } = setUp();
  const stuck = stream('2', 10);
  const slow = stream('2', 10);
  watch.watch(stuck, 1000);
  watch.watch(slow, 1000);
  clock.advance(900);
  slow.queuedBytes = 5;
  clock.advance(150);
  assert.deepEqual(late, [stuck]);
  clock.advance(1100);
  assert.deepEqual(late, [stuck, slow]);
});

test('what has left is forgotten', () => {
  const { clock, wheel, watch, late } = setUp();
  const one = stream('1.1', 10);
  watch.watch(one, 1000);
  one.queuedBytes = 0;
  clock.advance(3000);
  assert.deepEqual(late, []);
  assert.equal(wheel.size, 0);
});

test('any number of responses of an HTTP/1.1 connection are one deadline, and it holds while the queue only grows', () => {
  const { clock, wheel, watch, late } = setUp();
  for (let i = 0; i < 1000; i++) {
    watch.watch(stream('1.1', 300), 1000);
    clock.advance(10);
  }
  assert.equal(wheel.size, 1);
  assert.deepEqual(late, []);
  for (let i = 1; i <= 150; i++) {
    watch.watch(stream('1.1', 300 + i * 300), 1000);
    clock.advance(10);
    if (late.length > 0) break;
  }
  assert.equal(late.length, 1);
});
