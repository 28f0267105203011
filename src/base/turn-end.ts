// Runs things once at the end of the present turn or round of the loop: what its events produce leaves together.
// What happens within a turn happens at one time: its clock is read once.
//
// A turn is one event: a socket's callback opens and closes it, which costs two assignments; anywhere
// else a microtask ends it. A round is all events that the loop found at once; to be told its end costs a
// callback of the loop, which pays only when rounds have several events, so it is tried and given up.

import type { Clock } from './clock.ts';

const waiting: ((() => void) | undefined)[] = [];
/** How many of them wait: to cut an array costs a call into V8 at the end of every turn. */
let waits = 0;
const settled = Promise.resolve();
let open = false;
let turns = 0;
/** Monotonic ms of the present turn; below 0 until somebody asks. */
let turnMs = -1;
/** Whose wall time was asked for, when, and how far it was ahead of the monotonic one. */
let asked: Clock | undefined;
let askedMs = 0;
let aheadMs = 0;
/** After a leap of the machine's clock timestamps are wrong for so long. */
const ASKED_EVERY_MS = 50;

/** The time of the present turn; of the call itself outside of one. Not for what measures how long a turn takes. */
export function turnTime(clock: Clock): number {
  if (!open) return clock.now();
  if (turnMs < 0) turnMs = clock.now();
  return turnMs;
}

/**
 * Milliseconds since the Unix epoch of the present turn, for timestamps. What the machine's clock says is asked for every so
 * often: it is a call into V8's runtime.
 */
export function turnWallTime(clock: Clock): number {
  const now = turnTime(clock);
  if (clock !== asked || now - askedMs >= ASKED_EVERY_MS) {
    asked = clock;
    askedMs = now;
    const ahead = clock.wallTime() - clock.now();
    // It counts whole milliseconds: what lies within the same one is not corrected, or time would go back now and then.
    if (aheadMs < ahead || aheadMs >= ahead + 1) aheadMs = ahead;
  }
  return Math.floor(now + aheadMs);
}

export function atTurnEnd(run: () => void): void {
  waiting[waits++] = run;
  if (waits === 1 && !open) void settled.then(runWaiting);
}

export function openTurn(): void {
  open = true;
  turnMs = -1;
  turns++;
}

export function closeTurn(): void {
  open = false;
  if (waits > 0) runWaiting();
}

/** All but the end of the turn: what is sent now may still lie in the buffer that the turn has read into. */
export function runTurnEnd(): void {
  if (waits > 0) runWaiting();
}

function runWaiting(): void {
  // What is added meanwhile runs as well.
  for (let i = 0; i < waits; i++) {
    const run = waiting[i];
    waiting[i] = undefined;
    run?.();
  }
  waits = 0;
}

/** After so many rounds of one event each the next ones are taken for such … */
const LONELY_ROUNDS = 4;
/** … until so many calls have been made. */
const TURN_CALLS = 64;

let callAtRoundEnd: ((run: () => void) => void) | undefined;
const waitingForRound: (() => void)[] = [];
let lonely = 0;
let turnCalls = 0;
let firstTurn = 0;

/** How to be told the end of a round; without it a round ends with its turn. */
export function provideRoundEnd(call: (run: () => void) => void): void {
  callAtRoundEnd = call;
}

export function atRoundEnd(run: () => void): void {
  if (!open || callAtRoundEnd === undefined || turnCalls > 0) {
    if (turnCalls > 0) turnCalls--;
    return atTurnEnd(run);
  }
  if (waitingForRound.push(run) > 1) return;
  firstTurn = turns;
  callAtRoundEnd(endRound);
}

function endRound(): void {
  lonely = turns === firstTurn ? lonely + 1 : 0;
  if (lonely >= LONELY_ROUNDS) {
    lonely = 0;
    turnCalls = TURN_CALLS;
  }
  const { length } = waitingForRound;
  for (let i = 0; i < length; i++) (waitingForRound[i] as () => void)();
  waitingForRound.splice(0, length);
}
