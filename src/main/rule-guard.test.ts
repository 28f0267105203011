import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, silentLogger } from '#base';
import { RuleGuard } from './rule-guard.ts';
import { WorkloadHealth } from './workload-health.ts';

function fixture() {
  const clock = new FakeClock();
  const state = { tries: 0, fails: false };
  const reported: (string | undefined)[] = [];
  const lines: string[] = [];
  const health = new WorkloadHealth((problem) => void reported.push(problem));
  const line = (message: string): void => void lines.push(message);
  const guard = new RuleGuard({
    clock,
    log: { ...silentLogger, error: line, warn: line, info: line },
    putBack: () => {
      state.tries++;
      if (state.fails) throw new Error('nft: busy');
    },
    exposed: (reason) => health.exposed(reason),
  });
  return { clock, state, reported, lines, health, guard };
}

test('rules that are deleted are put back, and only then it is said', () => {
  const { guard, state, reported, lines } = fixture();
  guard.changed(false);
  assert.equal(state.tries, 1);
  assert.match(lines.join('\n'), /were deleted\n.*were put back/);
  assert.deepEqual(reported, []);
});

test('what could not be put back is tried again, and the workload is well again only when a look shows the rules', () => {
  const { guard, state, reported, lines, clock, health } = fixture();
  health.app(undefined);
  state.fails = true;
  guard.changed(false);
  assert.match(reported.at(-1) ?? '', /past its proxy: nft: busy/);
  assert.doesNotMatch(lines.join('\n'), /were put back/);
  clock.advance(2_000);
  assert.equal(state.tries, 2);
  state.fails = false;
  clock.advance(4_000);
  assert.equal(state.tries, 3);
  assert.match(reported.at(-1) ?? '', /past its proxy/);
  guard.changed(true);
  assert.equal(reported.at(-1), undefined);
  clock.advance(600_000);
  assert.equal(state.tries, 3, 'nothing more to do');
});

test('an application that is ill does not become well with its rules', () => {
  const { guard, state, reported, health } = fixture();
  state.fails = true;
  guard.changed(false);
  health.app('no answer');
  assert.match(reported.at(-1) ?? '', /past its proxy/);
  guard.changed(true);
  assert.equal(reported.at(-1), 'no answer');
});

test('a guard that is closed tries no more', () => {
  const { guard, state, clock } = fixture();
  state.fails = true;
  guard.changed(false);
  guard.close();
  clock.advance(600_000);
  assert.equal(state.tries, 1);
});
