import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tickTexts, WHOLE_STEPS } from './axis.ts';
import { bytesText, millisText, rateText } from './format.ts';

test('an axis begins at 0, whatever "nothing" is called elsewhere', () => {
  assert.deepEqual(tickTexts([0, 5, 10], millisText), ['0', '5.0 ms', '10 ms']);
  assert.deepEqual(tickTexts([0, 500], rateText), ['0', '500']);
});

test('no text stands at two ticks', () => {
  assert.deepEqual(tickTexts([0, 0.6, 1.2, 1.8], bytesText), ['0', '1 B', '', '2 B']);
});

test('steps of whole numbers are whole, and grow', () => {
  assert.deepEqual(WHOLE_STEPS.slice(0, 7), [1, 2, 5, 10, 20, 50, 100]);
  assert.ok(WHOLE_STEPS.every((one, i) => Number.isSafeInteger(one) && one > (WHOLE_STEPS[i - 1] ?? 0)));
});
