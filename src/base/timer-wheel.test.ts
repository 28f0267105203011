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

test('an empty wheel keeps no timer', () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  wheel.arm(new Deadline(() => {}), 10, clock.now());
  clock.advance(2000);
  assert.equal(clock.pendingTimers, 0);
});
