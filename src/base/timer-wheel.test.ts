import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from './clock.ts';
import { Deadline, TimerWheel } from './timer-wheel.ts';

test('a deadline fires once, never early, and at most two slots late', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 0, max: 5000 }),
      (delays, start) => {
        const clock = new FakeClock();
        clock.advance(start);
        const wheel = new TimerWheel(clock);
        const fired: number[] = [];
        delays.forEach((delay, i) => {
          wheel.arm(new Deadline(() => fired.push(i, clock.now() - start - delay)), delay, clock.now());
        });
        for (let t = 0; t < 92_000; t += 997) clock.advance(997);
        assert.equal(fired.length, delays.length * 2);
        for (let i = 1; i < fired.length; i += 2)
          assert.ok((fired[i] as number) >= 0 && (fired[i] as number) <= 20, `late by ${fired[i]}`);
        assert.equal(wheel.size, 0);
      },
    ),
    { numRuns: 30 },
  );
});

test('a cancelled deadline does not fire, and one armed again counts from then', () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  let fired = 0;
  const cancelled = new Deadline(() => fired++);
  const moved = new Deadline(() => fired++);
  wheel.arm(cancelled, 50, clock.now());
  wheel.arm(moved, 50, clock.now());
  clock.advance(40);
  wheel.cancel(cancelled);
  wheel.arm(moved, 50, clock.now());
  clock.advance(45);
  assert.equal(fired, 0);
  clock.advance(30);
  assert.equal(fired, 1);
});

test('of a thousand that are due at once a few fire in one turn, and those that wait can be cancelled and armed again', () => {
  const clock = new FakeClock();
  const parts: (() => boolean)[] = [];
  const wheel = new TimerWheel(clock, (part) => parts.push(part));
  const fired: number[] = [];
  const all = Array.from({ length: 1000 }, (_, i) => new Deadline(() => fired.push(i)));
  for (const one of all) wheel.arm(one, 5_500, clock.now());
  clock.advance(5_600);
  assert.ok(fired.length > 0 && fired.length < 100, `${fired.length} fired in one turn`);
  const waiting = all.filter((one) => one.armed);
  assert.equal(waiting.length, 1000 - fired.length);
  const [first, cancelled, again] = waiting as [Deadline, Deadline, Deadline];
  assert.ok(first.armed);
  wheel.cancel(cancelled);
  wheel.arm(again, 5_000, clock.now());
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) while (part());
  assert.equal(new Set(fired).size, 998);
  assert.equal(wheel.size, 1);
  clock.advance(5_100);
  assert.equal(fired.length, 999);
  assert.equal(clock.pendingTimers, 0);
});

test('an empty wheel keeps no timer', () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  wheel.arm(new Deadline(() => {}), 10, clock.now());
  clock.advance(2000);
  assert.equal(clock.pendingTimers, 0);
});
