// Fixed seeds of the simulator; `node sim/run.ts --seeds 200` tries more. What fails names the command that repeats it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Mode, simulate } from './simulate.ts';

const SEEDS: Readonly<Record<Mode, readonly number[]>> = {
  edits: [1, 2, 3],
  faults: [1, 2, 3, 4],
  expiry: [3],
};

describe('a simulated mesh', () => {
  for (const mode of ['edits', 'faults', 'expiry'] as const)
    for (const seed of SEEDS[mode])
      test(`holds what it promises: ${mode}, seed ${seed}`, async () => {
        const { violations, requests } = await simulate(seed, mode);
        assert.deepEqual(violations, [], `node sim/run.ts --seed ${seed} --mode ${mode} --log`);
        assert.ok(requests > 400, `only ${requests} requests were made`);
      });

  test('does the same again for the same seed', async () => {
    const [first, second] = [await simulate(7, 'faults'), await simulate(7, 'faults')];
    assert.equal(first.digest, second.digest);
    assert.ok(
      first.log.some((line) => line.includes('dies')),
      'something breaks in it',
    );
  });
});
