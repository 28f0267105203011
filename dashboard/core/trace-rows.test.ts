import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpanJson, TraceJson } from '../../src/api/trace-json.ts';
import { heatMap, waterfallRows } from './trace-rows.ts';

const span = (id: string, parentId: string, startMs: number, durationMs: number): SpanJson => ({
  traceId: 't',
  id,
  parentId,
  kind: 'SERVER',
  name: id,
  service: 's',
  startMs,
  durationMs,
  failed: false,
  tags: {},
});

test('children stand below their parent, by time, as shares of the whole', () => {
  const rows = waterfallRows([span('c', 'a', 6, 2), span('b', 'a', 2, 2), span('a', '', 0, 10), span('d', 'b', 3, 1)]);
  assert.deepEqual(
    rows.map((row) => [row.span.id, row.depth]),
    [
      ['a', 0],
      ['b', 1],
      ['d', 2],
      ['c', 1],
    ],
  );
  assert.equal(rows[1]?.left, 0.2);
  assert.equal(rows[1]?.width, 0.2);
});

test('spans whose parent is missing are roots, and circles end', () => {
  assert.deepEqual(
    waterfallRows([span('a', 'gone', 0, 1), span('x', 'y', 0, 1), span('y', 'x', 0, 1)]).map((row) => row.span.id),
    ['a'],
  );
});

test('traces fall into cells of time and length', () => {
  const trace = (startMs: number, durationMs: number, failed: boolean) =>
    ({ startMs, durationMs, failed }) as unknown as TraceJson;
  const map = heatMap([trace(0, 3, false), trace(0, 4, true), trace(100, 90_000, false)]);
  assert.deepEqual(map.cells, [
    { column: 0, row: 1, traces: 2, failed: 1 },
    { column: map.columns - 1, row: map.bounds.length, traces: 1, failed: 0 },
  ]);
});
