import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { compileSooner } from './compile-sooner.ts';

/** Of `%GetOptimizationStatus`: TurboFan's code. */
const TURBOFANNED = 1 << 6;

test('what is called often is compiled for good after a part of the calls that it took before', () => {
  // Compiled where it is asked for, by one compiler, and never as a part of the loop: only calls decide.
  const flags = ['--allow-natives-syntax', '--no-concurrent-recompilation', '--no-maglev', '--no-use-osr'];
  for (const flag of flags) setFlagsFromString(flag);
  const status = runInThisContext('(f) => %GetOptimizationStatus(f)') as (f: unknown) => number;
  let made = 0;
  // Each of its own text: functions of one text share their code.
  const calls = (): number => {
    const add = runInThisContext(`(a, b) => a + b + ${made++}`) as (a: number, b: number) => number;
    let i = 0;
    while ((status(add) & TURBOFANNED) === 0) add(i++, 1);
    return i;
  };
  // V8's first steps are other threads', which may come late: the quickest of five functions says when it could be.
  const quickest = (): number => Math.min(calls(), calls(), calls(), calls(), calls());
  const before = quickest();
  compileSooner();
  const after = quickest();
  assert.ok(after < before / 2, `${before} calls, then ${after}`);
});
