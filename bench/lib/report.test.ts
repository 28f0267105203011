import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markdown, median, type Round } from './report.ts';

const round = (cpuUsPerRequest: number): Round => ({
  cpuUsPerRequest,
  requestsPerSecond: 1,
  p50Ms: 1,
  p99Ms: 2,
  failed: 0,
  memory: { rssKb: 2048, pssKb: 1024, rssAnonKb: 512 },
});

test('the median of an even count is the mean of the two in the middle', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test("a row says how much of Envoy's CPU each proxy took", () => {
  const text = markdown([
    { row: 'x', title: 'X', contestants: { topsail: [round(20), round(22), round(18)], envoy: [round(40)] } },
  ]);
  assert.match(text, /\| X \| topsail \| 20\.0 \(18\.0–22\.0\) \| 0\.50 \|/);
});
