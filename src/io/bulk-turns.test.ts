import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BulkTurns, ROUND_MS } from './bulk-turns.ts';

class Loop {
  ms = 0;
  #next: (() => void)[] = [];
  readonly turns = new BulkTurns((run) => void this.#next.push(run));
  /** Who reads on, in order. */
  readonly on: string[] = [];

  /** A read of one connection that took so long; those who have no more time get in line. */
  reads(name: string, tookMs: number): boolean {
    const beganMs = this.ms;
    this.ms += tookMs;
    if (this.turns.mayReadOn(beganMs, this.ms)) return true;
    this.waits(name);
    return false;
  }

  waits(name: string): void {
    this.turns.wait({ readOn: () => void this.on.push(name) });
  }

  /** Who reads on in the next round. */
  endRound(): string[] {
    const now = this.#next;
    this.#next = [];
    for (const run of now) run();
    return this.on.splice(0);
  }

  get idle(): boolean {
    return this.#next.length === 0;
  }
}

const names = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i));

test('a connection alone reads until the share of the round is used up, and goes on in the next one', () => {
  const loop = new Loop();
  assert.ok(loop.reads('a', ROUND_MS / 2));
  assert.ok(!loop.reads('a', ROUND_MS / 2));
  assert.deepEqual(loop.endRound(), ['a']);
  assert.ok(loop.reads('a', ROUND_MS / 2), 'a new round, a new share');
  assert.deepEqual(loop.endRound(), []);
  assert.ok(loop.idle, 'nobody waits: no round is asked for');
});

test('what passes between reads counts, as the kernel copies there', () => {
  const loop = new Loop();
  assert.ok(loop.reads('a', 0));
  loop.ms += ROUND_MS / 2;
  assert.ok(loop.reads('b', 0));
  loop.ms += ROUND_MS / 2;
  assert.ok(!loop.reads('c', 0));
});

test('no end is asked for of rounds that are short, nor after long reads that lie apart', () => {
  const loop = new Loop();
  for (let round = 0; round < 10; round++) {
    assert.ok(loop.reads('a', ROUND_MS / 5));
    loop.ms += ROUND_MS;
  }
  assert.ok(loop.reads('a', ROUND_MS / 5));
  assert.ok(loop.reads('b', ROUND_MS / 5));
  assert.ok(loop.idle);
  assert.ok(loop.reads('c', ROUND_MS / 5), 'they follow each other for long: from now on it matters');
  assert.ok(!loop.idle);
  assert.deepEqual(loop.endRound(), []);
  assert.ok(loop.idle, 'it was over in time');
  assert.ok(loop.reads('a', ROUND_MS / 5));
  assert.ok(loop.idle);
});

test('no round takes longer than its share, whenever somebody asked', () => {
  const loop = new Loop();
  assert.ok(loop.reads('before', ROUND_MS / 5));
  const { ms } = loop;
  while (loop.reads('a', ROUND_MS / 20));
  assert.ok(loop.ms - ms <= ROUND_MS);
  assert.deepEqual(loop.endRound(), ['a']);
});

test('of a hundred a round reads as many as were within its share before, all in turns', () => {
  const loop = new Loop();
  const fit = 5;
  const each = ROUND_MS / fit;
  let reading = names(0, 100);
  const served: string[] = [];
  for (let round = 0; round < 20; round++) {
    for (const name of reading) loop.reads(name, each * 1.001);
    reading = loop.endRound();
    served.push(...reading);
    if (round > 0) assert.ok(reading.length <= fit, `${reading.length} in round ${round}`);
  }
  // Those within the share of the first round were not stopped; in the line everybody comes before anybody comes again.
  const stopped = 100 - fit + 1;
  assert.equal(new Set(served.slice(0, stopped)).size, stopped);
});

test('rounds that have time left let more read on, up to a limit', () => {
  const loop = new Loop();
  for (const name of names(0, 200)) loop.reads(name, ROUND_MS);
  const counts = [loop.endRound(), loop.endRound(), loop.endRound(), loop.endRound(), loop.endRound(), loop.endRound()];
  assert.deepEqual(
    counts.map((on) => on.length),
    [1, 2, 4, 8, 16, 16],
  );
});

test('whoever waits though nothing long was read has its turn', () => {
  const loop = new Loop();
  loop.waits('a');
  assert.deepEqual(loop.endRound(), ['a']);
});
