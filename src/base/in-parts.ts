// Work that one peer makes and that others must not wait for: done in parts, one a round of the loop.
import type { Clock } from './clock.ts';
import { closeTurn, openTurn } from './turn-end.ts';

/** Does some of it, a few milliseconds at most. True: there is more. */
export type Part = () => boolean;

/** Takes a part whose rest others must not wait for: it runs when `restMs` have passed. */
export type Later = (part: Part, restMs: number) => void;

/** Of one round all parts together may take so many ms, but for the first; the others have the next one. */
const ROUND_MS = 1.5;

export interface Rounds {
  /** Calls back once what the loop has found in this round is done. */
  readonly next: (run: () => void) => void;
  /** Monotonic ms. */
  readonly now: () => number;
}

let rounds: Rounds | undefined;
const waiting: Part[] = [];
let running = false;

/** What a round is; returns what it was. Undefined: there are none, and everything is done at once. */
export function provideRounds(given: Rounds | undefined): Rounds | undefined {
  const before = rounds;
  rounds = given;
  return before;
}

/** The first part runs in the next round, each other one in a round of its own, in turns with those of others. */
export function inParts(part: Part): void {
  if (rounds === undefined) atOnce(part);
  else if (waiting.push(part) === 1 && !running) rounds.next(runRound);
}

/** As `inParts`, from `restMs` on; below 1 that is the next round. */
export function inPartsAfter(clock: Pick<Clock, 'setTimer'>, restMs: number, part: Part): void {
  if (restMs < 1) inParts(part);
  else clock.setTimer(restMs, () => inParts(part), { unref: true });
}

/** `each` of the items, so many in a part. */
export function partsOf<T>(items: readonly T[], count: number, each: (item: T) => void): Part {
  let at = 0;
  return () => {
    for (const end = Math.min(at + count, items.length); at < end; at++) each(items[at] as T);
    return at < items.length;
  };
}

/** For those who know of no rounds. */
export function atOnce(part: Part): void {
  while (part());
}

function runRound(): void {
  const { now, next } = rounds as Rounds;
  const endMs = now() + ROUND_MS;
  running = true;
  try {
    for (let left = waiting.length; left > 0; left--) {
      const part = waiting.shift() as Part;
      if (runPart(part)) waiting.push(part);
      if (now() >= endMs) break;
    }
  } finally {
    running = false;
    // Also where one threw: the others go on.
    if (waiting.length > 0) next(runRound);
  }
}

function runPart(part: Part): boolean {
  openTurn();
  try {
    return part();
  } finally {
    closeTurn();
  }
}
