import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatencyHistogram } from './latency-histogram.ts';

test('quantiles are within 1 % (or 1 µs) of the exact ones', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50_000_000 }), { minLength: 1, maxLength: 300 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (values, q) => {
        const h = new LatencyHistogram();
        for (const v of values) h.add(v);
        const exact = values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * values.length)) - 1] as number;
        const got = h.quantile(q);
        assert.ok(Math.abs(got - exact) <= Math.max(1, exact * 0.016), `${got} for ${exact}`);
      },
    ),
  );
});

test('merging is adding', () => {
  const a = new LatencyHistogram();
  const b = new LatencyHistogram();
  a.add(10);
  b.add(1_000_000);
  a.merge(b);
  assert.equal(a.count, 2);
  assert.equal(a.max, 1_000_000);
});
