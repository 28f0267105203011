import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, silentLogger } from '#base';
import { IdleProgram } from './idle-program.ts';

const MB = 2 ** 20;

function idle(
  fileMb: () => number,
  release: () => unknown,
): { readonly clock: FakeClock; readonly program: IdleProgram } {
  const clock = new FakeClock();
  return {
    clock,
    program: new IdleProgram({
      clock,
      log: silentLogger,
      fileBytes: () => fileMb() * MB,
      release: () => void release(),
    }),
  };
}

test('what starting up left goes after ten seconds, and what comes back later ever more rarely', () => {
  let releases = 0;
  const { clock } = idle(
    () => 45,
    () => releases++,
  );
  clock.advance(9_999);
  assert.equal(releases, 0);
  clock.advance(1);
  assert.equal(releases, 1);
  for (const ms of [20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000]) {
    const before: number = releases;
    clock.advance(ms - 1);
    assert.equal(releases, before);
    clock.advance(1);
    assert.equal(releases, before + 1);
  }
});

test('little is left alone, and looked at again', () => {
  let releases = 0;
  let mb = 20;
  const { clock } = idle(
    () => mb,
    () => releases++,
  );
  clock.advance(10_000);
  assert.equal(releases, 0);
  mb = 30;
  clock.advance(20_000);
  assert.equal(releases, 1);
});

test('where it cannot be done it is tried once; and nothing happens behind the end', () => {
  let tries = 0;
  const { clock } = idle(
    () => 45,
    () => {
      tries++;
      throw new Error('no libc');
    },
  );
  clock.advance(3_600_000);
  assert.equal(tries, 1);
  const ended = idle(
    () => 45,
    () => tries++,
  );
  ended.program.close();
  ended.clock.advance(3_600_000);
  assert.equal(tries, 1);
});
