import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from './clock.ts';
import { runAtOnce, runInSlices, type Steps } from './steps.ts';

/** Each step takes this long by the clock. */
function* work(clock: FakeClock, steps: number, stepMs: number, fail = false): Steps<string> {
  for (let i = 0; i < steps; i++) {
    clock.advanceBusy(stepMs);
    yield;
  }
  if (fail) throw new Error('the end is bad');
  return 'done';
}

test('work that fits into one slice is done when the call returns', () => {
  const clock = new FakeClock();
  assert.equal(runInSlices(work(clock, 3, 0.5), clock, 2), 'done');
});

test('longer work gives the loop back after each slice', async () => {
  const clock = new FakeClock();
  const running = runInSlices(work(clock, 10, 1), clock, 2);
  assert.ok(running instanceof Promise);
  let turns = 1;
  for (; clock.pendingTimers > 0; turns++) {
    const before = clock.now();
    clock.advance(0);
    assert.ok(clock.now() - before <= 2, 'a slice is not longer than its budget and a step');
  }
  assert.equal(turns, 6);
  assert.equal(await running, 'done');
});

test('a failure late in the work is the failure of the whole', async () => {
  const clock = new FakeClock();
  const running = runInSlices(work(clock, 5, 1, true), clock, 2);
  while (clock.pendingTimers > 0) clock.advance(0);
  await assert.rejects(async () => running, /the end is bad/);
});

test('at once means without a pause', () => {
  assert.equal(runAtOnce(work(new FakeClock(), 100, 1)), 'done');
});
