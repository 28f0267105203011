import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#base';
import type { ProgrammedJson } from './api-json.ts';
import { waitProgrammed } from './wait-programmed.ts';

const ids = [{ kind: 'VirtualService', namespace: 'default', name: 'reviews' }];
const answer = (acknowledged: number, rejected: ProgrammedJson['rejected'] = []): ProgrammedJson => ({
  acknowledged,
  concerned: 2,
  lagging: [],
  rejected,
});

function setUp() {
  const clock = new FakeClock();
  let present: ProgrammedJson | undefined;
  let tell = (): void => {};
  const mesh = {
    programmed: () => present,
    onProgress: (changed: () => void) => ((tell = changed), () => void (tell = () => {})),
  };
  const done = waitProgrammed(mesh, clock, { ids, generation: 3, timeoutMs: 1000 });
  return { clock, done, progress: (next: ProgrammedJson | undefined) => ((present = next), tell()) };
}

test('returns when the last proxy has acknowledged', async () => {
  const { clock, done, progress } = setUp();
  progress(answer(0));
  progress(answer(1));
  progress(answer(2));
  assert.equal((await done).acknowledged, 2);
  assert.equal(clock.pendingTimers, 0);
});

test('returns at once when a proxy rejects it', async () => {
  const { done, progress } = setUp();
  progress(answer(1, [{ proxy: 'reviews-v1.default', reason: 'no such filter' }]));
  assert.equal((await done).rejected[0]?.proxy, 'reviews-v1.default');
});

test('returns what is known when the time is up', async () => {
  const { clock, done, progress } = setUp();
  progress(answer(1));
  clock.advance(1000);
  assert.equal((await done).acknowledged, 1);
});
