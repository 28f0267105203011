import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockText } from './format.ts';
import { knownSince } from './known-since.ts';

test('a window that began before the control plane says since when its numbers are known', () => {
  const startedMs = 1_750_000_000_000;
  const now = startedMs + 90_000;
  assert.equal(knownSince(3600, startedMs, now), `since ${clockText(startedMs)} (the control plane was started)`);
  assert.equal(knownSince(60, startedMs, now), undefined);
  assert.equal(knownSince(90, startedMs, now), undefined);
});
