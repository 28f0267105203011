import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shownView } from './geometry.ts';

const PLACE = { x: 500, y: 100, width: 200, height: 50 };

test('what is shown whole leaves the view as it is', () => {
  const view = { x: 0, y: 0, scale: 1 };
  assert.equal(shownView(view, PLACE, 1000, 400), view);
});

test('what lies beyond the right edge is brought in, no further than needed', () => {
  assert.deepEqual(shownView({ x: 0, y: 0, scale: 1 }, PLACE, 520, 400), { x: -104, y: 0, scale: 1 });
});

test('what has no room is brought to the middle', () => {
  assert.deepEqual(shownView({ x: 0, y: 0, scale: 1 }, PLACE, 100, 400), { x: -450, y: 0, scale: 1 });
});

test('wherever the view is, the place is in it afterwards, and a second time changes nothing', () => {
  const far = fc.double({ min: -5000, max: 5000, noNaN: true });
  const scale = fc.double({ min: 0.1, max: 2, noNaN: true });
  fc.assert(
    fc.property(far, far, scale, (x, y, s) => {
      const view = shownView({ x, y, scale: s }, PLACE, 800, 600);
      const left = (PLACE.x - PLACE.width / 2) * view.scale + view.x;
      const top = (PLACE.y - PLACE.height / 2) * view.scale + view.y;
      assert.ok(left >= -1e-6 && left + PLACE.width * view.scale <= 800 + 1e-6);
      assert.ok(top >= -1e-6 && top + PLACE.height * view.scale <= 600 + 1e-6);
      const again = shownView(view, PLACE, 800, 600);
      assert.ok(Math.abs(again.x - view.x) < 1e-6 && Math.abs(again.y - view.y) < 1e-6);
    }),
  );
});
