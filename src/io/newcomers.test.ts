import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEARD_MAX, HEARD_MS, Newcomers } from './newcomers.ts';

class Loop {
  ms = 0;
  #next: (() => void)[] = [];
  readonly newcomers = new Newcomers(
    () => this.ms,
    (run) => void this.#next.push(run),
  );
  readonly heard: number[] = [];

  /** One says something: it is heard now, or waits for its turn. Being heard takes so long. */
  comes(name: number, tookMs = 0): void {
    const one = {
      hear: (): void => {
        this.heard.push(name);
        this.ms += tookMs;
      },
    };
    if (this.newcomers.mayBeHeard()) one.hear();
    else this.newcomers.wait(one);
  }

  /** Who was heard at the round's end. */
  endRound(): number[] {
    const now = this.#next;
    this.#next = [];
    const before = this.heard.length;
    for (const run of now) run();
    return this.heard.slice(before);
  }

  get idle(): boolean {
    return this.#next.length === 0;
  }
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

test('a few that come in one round are heard at once', () => {
  const loop = new Loop();
  for (let round = 0; round < 3; round++) {
    loop.heard.length = 0;
    for (const name of numbers(0, HEARD_MAX)) loop.comes(name);
    assert.deepEqual(loop.heard, numbers(0, HEARD_MAX));
    assert.deepEqual(loop.endRound(), []);
    assert.ok(loop.idle);
  }
});

test('of many a few are heard in each round, in order, and nobody overtakes them', () => {
  const loop = new Loop();
  for (const name of numbers(0, 3 * HEARD_MAX)) loop.comes(name);
  assert.equal(loop.heard.length, HEARD_MAX);
  assert.deepEqual(loop.endRound(), []);
  loop.comes(3 * HEARD_MAX);
  assert.equal(loop.heard.length, HEARD_MAX);
  while (!loop.idle) assert.ok(loop.endRound().length <= HEARD_MAX);
  assert.deepEqual(loop.heard, numbers(0, 3 * HEARD_MAX + 1));
  assert.equal(loop.newcomers.waiting, 0);
  loop.comes(99);
  assert.equal(loop.heard.at(-1), 99);
});

test('whoever takes long is the last of its round', () => {
  const loop = new Loop();
  for (const name of numbers(0, 6)) loop.comes(name, HEARD_MS);
  assert.deepEqual(loop.heard, [0]);
  const rounds = numbers(0, 6).map(() => loop.endRound());
  assert.deepEqual(rounds, [[], [1], [2], [3], [4], [5]]);
  loop.endRound();
  assert.ok(loop.idle);
});

test('who comes while the line is served stands behind it', () => {
  const loop = new Loop();
  for (const name of numbers(0, HEARD_MAX + 2)) loop.comes(name);
  loop.endRound();
  loop.comes(100);
  assert.deepEqual(loop.endRound(), [HEARD_MAX, HEARD_MAX + 1]);
  assert.equal(loop.newcomers.waiting, 1);
  assert.deepEqual(loop.endRound(), [100]);
});
