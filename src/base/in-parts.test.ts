import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { FakeClock } from './clock.ts';
import { inParts, inPartsAfter, provideRounds, type Rounds } from './in-parts.ts';

let rounds: (() => void)[] = [];
let clock = new FakeClock();
let before: Rounds | undefined;

function nextRound(): void {
  for (const run of rounds.splice(0)) run();
}

beforeEach(() => {
  rounds = [];
  clock = new FakeClock();
  before = provideRounds({ next: (run) => rounds.push(run), now: () => clock.now() });
});
afterEach(() => void provideRounds(before));

/** `count` parts of `ms` each. */
function work(name: string, count: number, ms: number, ran: string[]): () => boolean {
  let left = count;
  return () => {
    ran.push(name);
    clock.advanceBusy(ms);
    return --left > 0;
  };
}

test('each round does one part of each, and then nobody is woken any more', () => {
  const ran: string[] = [];
  inParts(work('a', 3, 1, ran));
  inParts(work('b', 1, 1, ran));
  assert.deepEqual(ran, []);
  nextRound();
  assert.deepEqual(ran.splice(0), ['a', 'b']);
  nextRound();
  nextRound();
  assert.deepEqual(ran, ['a', 'a']);
  assert.equal(rounds.length, 0);
});

test('a round is over after a few milliseconds, and who had no part in it is first in the next', () => {
  const ran: string[] = [];
  for (const name of ['a', 'b', 'c']) inParts(work(name, 2, 1, ran));
  nextRound();
  assert.deepEqual(ran.splice(0), ['a', 'b']);
  nextRound();
  assert.deepEqual(ran.splice(0), ['c', 'a']);
  nextRound();
  assert.deepEqual(ran.splice(0), ['b', 'c']);
});

test('work that a part brings has the next round, and one that throws takes nothing from the others', () => {
  const ran: string[] = [];
  inParts(() => {
    inParts(work('b', 1, 1, ran));
    throw new Error('a part');
  });
  assert.throws(nextRound, /a part/);
  assert.deepEqual(ran, []);
  nextRound();
  assert.deepEqual(ran, ['b']);
  assert.equal(rounds.length, 0);
});

test('without rounds all is done at once', () => {
  provideRounds(undefined);
  const ran: string[] = [];
  inParts(work('a', 3, 1, ran));
  assert.deepEqual(ran, ['a', 'a', 'a']);
});

test('what rests first runs in a round after that, and what need not rest in the next one', () => {
  const ran: string[] = [];
  inPartsAfter(clock, 0, work('now', 1, 1, ran));
  inPartsAfter(clock, 5, work('later', 2, 1, ran));
  nextRound();
  assert.deepEqual(ran.splice(0), ['now']);
  clock.advance(3);
  nextRound();
  assert.deepEqual(ran, []);
  clock.advance(1);
  nextRound();
  nextRound();
  assert.deepEqual(ran, ['later', 'later']);
});
