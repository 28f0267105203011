// A queue's promises: each key once, never twice at a time, failures again later, a rate for all.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import { settle } from './testing/fake-api.ts';
import { WorkQueue } from './work-queue.ts';

function begin(work: (key: string) => Promise<void>, rate = { perSecond: 1000, burst: 1000 }, parallel = 1) {
  const clock = new FakeClock();
  const queue = new WorkQueue({
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    name: 'test',
    work,
    parallel,
    ...rate,
  });
  return { clock, queue };
}

describe('a work queue', () => {
  it('works once on a key that was added many times, and again when it was added meanwhile', async () => {
    const seen: string[] = [];
    let finish = (): void => {};
    const { queue } = begin(async (key) => {
      seen.push(key);
      if (seen.length === 1) await new Promise<void>((resolve) => (finish = resolve));
    });
    for (const key of ['a', 'b', 'b', 'b', 'a']) queue.add(key);
    finish();
    await settle();
    assert.deepEqual(seen, ['a', 'b', 'a']);
    assert.equal(queue.size, 0);
  });

  it('tries a failed key again after a growing pause, without holding up others', async () => {
    const seen: string[] = [];
    let failing = true;
    const { clock, queue } = begin(async (key) => {
      seen.push(key);
      if (key === 'bad' && failing) throw new Error('no');
    });
    queue.add('bad');
    queue.add('good');
    await settle();
    assert.deepEqual(seen, ['bad', 'good']);
    clock.advance(500);
    await settle();
    failing = false;
    clock.advance(1000);
    await settle();
    assert.deepEqual(seen, ['bad', 'good', 'bad', 'bad']);
    clock.advance(100_000);
    await settle();
    assert.equal(seen.length, 4);
  });

  it('keeps to its rate, and works on several at a time if told', async () => {
    const seen: string[] = [];
    const { clock, queue } = begin(async (key) => void seen.push(key), { perSecond: 2, burst: 3 }, 4);
    for (let i = 0; i < 8; i++) queue.add(String(i));
    await settle();
    assert.equal(seen.length, 3);
    clock.advance(1000);
    await settle();
    assert.equal(seen.length, 5);
    queue.close();
    clock.advance(10_000);
    await settle();
    assert.equal(seen.length, 5);
  });
});
