import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#base';
import { fairDeadline } from './fair-deadline.ts';

function waiting(): { clock: FakeClock; over: () => boolean; cancel: () => void } {
  const clock = new FakeClock();
  let over = false;
  const deadline = fairDeadline(clock, 10_000, () => {
    over = true;
  });
  return { clock, over: () => over, cancel: () => deadline.cancel() };
}

test('a peer that says nothing is judged when the time is over', () => {
  const { clock, over } = waiting();
  clock.advance(9999);
  assert.equal(over(), false);
  clock.advance(1);
  assert.equal(over(), true);
  assert.equal(clock.pendingTimers, 0);
});

test('a minute in which this process stood still is no verdict: what lies unread is read first', () => {
  const { clock, over, cancel } = waiting();
  clock.advance(500);
  clock.advanceBusy(60_000);
  clock.advance(0);
  assert.equal(over(), false);
  // The answer that came during the minute is read now.
  cancel();
  clock.advance(60_000);
  assert.equal(over(), false);
});

test('a stall right before the verdict defers it by one look, not for ever', () => {
  const { clock, over } = waiting();
  clock.advance(9500);
  clock.advanceBusy(30_000);
  clock.advance(0);
  assert.equal(over(), false);
  clock.advance(999);
  assert.equal(over(), false);
  clock.advanceBusy(30_000);
  clock.advance(0);
  assert.equal(over(), true);
});
