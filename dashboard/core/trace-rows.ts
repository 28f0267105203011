// A trace as rows of a waterfall: children below their parents, by time; and many traces as cells of a heat map.
import type { SpanJson, TraceJson } from '../../src/api/trace-json.ts';

export interface SpanRow {
  readonly span: SpanJson;
  readonly depth: number;
  /** Shares of the trace's length. */
  readonly left: number;
  readonly width: number;
}

/** A bar must be seen. */
const NARROWEST = 0.003;

export function waterfallRows(spans: readonly SpanJson[]): readonly SpanRow[] {
  const ids = new Set(spans.map(({ id }) => id));
  const children = new Map<string, SpanJson[]>();
  for (const span of spans) {
    const parent = ids.has(span.parentId) ? span.parentId : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const start = Math.min(...spans.map(({ startMs }) => startMs));
  const length = Math.max(0.001, Math.max(...spans.map((span) => span.startMs + span.durationMs)) - start);
  const rows: SpanRow[] = [];
  const seen = new Set<string>();
  const add = (parent: string, depth: number): void => {
    for (const span of [...(children.get(parent) ?? [])].sort((a, b) => a.startMs - b.startMs)) {
      // A collector may say anything, also that a span is its own ancestor.
      if (seen.has(span.id)) continue;
      seen.add(span.id);
      const left = (span.startMs - start) / length;
      rows.push({ span, depth, left, width: Math.max(NARROWEST, Math.min(1 - left, span.durationMs / length)) });
      add(span.id, depth + 1);
    }
  };
  add('', 0);
  return rows;
}

export interface HeatCell {
  readonly column: number;
  readonly row: number;
  readonly traces: number;
  readonly failed: number;
}

export interface HeatMap {
  readonly columns: number;
  /** Upper bounds in ms from the bottom up; the last row holds what is slower. */
  readonly bounds: readonly number[];
  readonly cells: readonly HeatCell[];
  readonly fromMs: number;
  readonly toMs: number;
}

const COLUMNS = 40;
const BOUNDS: readonly number[] = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

export function heatMap(traces: readonly TraceJson[]): HeatMap {
  const times = traces.map(({ startMs }) => startMs);
  const fromMs = Math.min(...times);
  const toMs = Math.max(...times, fromMs + 1);
  const cells = new Map<string, HeatCell>();
  for (const trace of traces) {
    const column = Math.min(COLUMNS - 1, Math.floor(((trace.startMs - fromMs) / (toMs - fromMs)) * COLUMNS));
    const found = BOUNDS.findIndex((bound) => trace.durationMs <= bound);
    const row = found < 0 ? BOUNDS.length : found;
    const key = `${column} ${row}`;
    const before = cells.get(key);
    cells.set(key, {
      column,
      row,
      traces: (before?.traces ?? 0) + 1,
      failed: (before?.failed ?? 0) + (trace.failed ? 1 : 0),
    });
  }
  return { columns: COLUMNS, bounds: BOUNDS, cells: [...cells.values()], fromMs, toMs };
}
