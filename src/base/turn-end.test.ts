import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, FakeClock } from './clock.ts';
import {
  atRoundEnd,
  atTurnEnd,
  closeTurn,
  openTurn,
  provideRoundEnd,
  runTurnEnd,
  turnTime,
  turnWallTime,
} from './turn-end.ts';

test('what is left for the end of a turn runs when the turn closes, and outside of one in a microtask', async () => {
  const ran: string[] = [];
  openTurn();
  atTurnEnd(() => {
    ran.push('a');
    atTurnEnd(() => ran.push('b'));
  });
  assert.equal(ran.length, 0);
  closeTurn();
  assert.deepEqual(ran, ['a', 'b']);
  atTurnEnd(() => ran.push('c'));
  assert.equal(ran.length, 2);
  await Promise.resolve();
  assert.deepEqual(ran, ['a', 'b', 'c']);
});

test('what waits may run before the turn closes, and what comes after it runs as well', () => {
  const ran: string[] = [];
  openTurn();
  runTurnEnd();
  atTurnEnd(() => ran.push('a'));
  runTurnEnd();
  assert.deepEqual(ran, ['a']);
  atTurnEnd(() => ran.push('b'));
  assert.deepEqual(ran, ['a']);
  closeTurn();
  assert.deepEqual(ran, ['a', 'b']);
});

test('one that throws does not run again, and keeps none of the others back', () => {
  const ran: string[] = [];
  openTurn();
  atTurnEnd(() => {
    ran.push('a');
    throw new Error('out of order');
  });
  atTurnEnd(() => ran.push('b'));
  assert.throws(() => closeTurn(), /out of order/);
  openTurn();
  closeTurn();
  assert.deepEqual(ran, ['a', 'b']);
});

test('within a turn it is one time; outside of one, and in the next one, the clock is read anew', () => {
  const clock = new FakeClock();
  clock.advance(5);
  openTurn();
  assert.equal(turnTime(clock), 5);
  clock.advance(2);
  assert.equal(turnTime(clock), 5);
  closeTurn();
  assert.equal(turnTime(clock), 7);
  openTurn();
  assert.equal(turnTime(clock), 7);
  closeTurn();
});

/** Its wall time counts whole milliseconds, as the machine's does, and is asked for as often as `asks` says. */
class LeapingClock implements Clock {
  nowMs = 0;
  trueMs = 1_750_000_000_000.25;
  asks = 0;

  advance(ms: number): void {
    this.nowMs += ms;
    this.trueMs += ms;
  }
  now(): number {
    return this.nowMs;
  }
  wallTime(): number {
    this.asks++;
    return Math.floor(this.trueMs);
  }
  setTimer(): never {
    throw new Error('no timer is needed');
  }
}

test('wall time goes with the monotonic clock and never back; the machine’s is asked for now and then', () => {
  const clock = new LeapingClock();
  let last = 0;
  for (let i = 0; i < 10_000; i++) {
    const wall = turnWallTime(clock);
    assert.ok(wall >= last && Number.isInteger(wall));
    assert.ok(Math.abs(wall - clock.trueMs) < 2, `${wall - clock.trueMs} ms off`);
    last = wall;
    clock.advance(0.3);
  }
  assert.ok(clock.asks > 0 && clock.asks < 100, `asked ${clock.asks} times`);
});

test('a leap of the machine’s clock shows in timestamps a moment later', () => {
  const clock = new LeapingClock();
  turnWallTime(clock);
  for (const leap of [3_600_000, -7_200_000]) {
    clock.trueMs += leap;
    clock.advance(100);
    assert.ok(Math.abs(turnWallTime(clock) - clock.trueMs) < 2);
  }
  const other = new FakeClock(5);
  assert.equal(turnWallTime(other), 5);
});

test('what several turns of a round leave runs once the round is over', () => {
  const rounds: (() => void)[] = [];
  provideRoundEnd((run) => rounds.push(run));
  const ran: number[] = [];
  for (let i = 0; i < 3; i++) {
    openTurn();
    atRoundEnd(() => ran.push(i));
    closeTurn();
  }
  assert.equal(ran.length, 0);
  assert.equal(rounds.length, 1);
  rounds.shift()?.();
  assert.deepEqual(ran, [0, 1, 2]);
});

test('rounds of one turn each stop being waited for, and are tried again later', () => {
  const rounds: (() => void)[] = [];
  provideRoundEnd((run) => rounds.push(run));
  let ran = 0;
  let asked = 0;
  for (let i = 1; i <= 200; i++) {
    openTurn();
    atRoundEnd(() => ran++);
    closeTurn();
    asked += rounds.length;
    rounds.shift()?.();
    assert.equal(ran, i);
  }
  assert.ok(asked > 4 && asked < 20, `${asked} rounds were waited for`);
});
