// Every flood for a moment: the offender is cut, a counter names it, memory stays, other clients are served.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FloodBed } from '../../floods/bed.ts';
import { FLOODS, judge, type Terms } from '../../floods/judge.ts';

/** A flood that is not cut by then is not cut at all. */
const LIMIT_MS = 120_000;
/**
 * `node test/floods/run.ts` on a quiet machine is strict with how others fare; one that other tests use as well stands still by itself
 * for seconds. What is found here is a proxy that stands still.
 */
const BUSY: Terms = { factor: 10, floorMs: 2_000, forMs: 250 };
let bed: FloodBed;

before(async () => void (bed = await FloodBed.start()));
after(() => bed.stop());

for (const flood of FLOODS) {
  test(flood.name, async (t) => {
    const { complaints, seen, calm } = await judge(bed, flood, LIMIT_MS, BUSY);
    t.diagnostic(
      `others' p99 ${seen.latency.p99.toFixed(0)} ms, ${calm.p99.toFixed(0)} ms beside a burner; allowed here: ten times as much, or 2 s`,
    );
    assert.deepEqual(complaints, []);
  });
}
