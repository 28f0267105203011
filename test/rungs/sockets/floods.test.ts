// Every flood for a moment: the offender is cut, a counter names it, memory stays, other clients are served.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FloodBed } from '../../floods/bed.ts';
import { FLOODS, judge } from '../../floods/judge.ts';

/** A flood that is not cut by then is not cut at all. */
const LIMIT_MS = 120_000;
let bed: FloodBed;

before(async () => void (bed = await FloodBed.start()));
after(() => bed.stop());

for (const flood of FLOODS) {
  test(flood.name, async () => {
    const seen = await judge(bed, flood, LIMIT_MS);
    assert.deepEqual(seen.complaints, []);
    // The figures are for `node test/floods/run.ts` on a quiet machine; here nobody may be starved.
    assert.ok(seen.latency.p50 < 60_000, `others waited ${seen.latency.p50.toFixed(0)} ms (p50)`);
  });
}
