// Renders the store as Envoy's plain `/stats` page and its JSON twin: one stat a line, full names, in pieces.

import { DEFAULT_BOUNDS, HISTOGRAM_SLOTS, HISTOGRAM_SUM, quantile } from './histogram-buckets.ts';
import { RENDER_PIECE_CHARS } from './limits.ts';
import { codesOf, isShown, type RenderOptions, wasWritten } from './render-prometheus.ts';
import type { StatBlock, StatKind } from './stat-block.ts';
import type { StatPages } from './merged-stats.ts';

export interface StatLine {
  readonly name: string;
  readonly kind: StatKind;
  /** A number, or a histogram's quantiles as text. */
  readonly value: number | string;
}

/** One line per stat, sorted by name within a block; blocks sorted among themselves. */
export function* statLines(store: StatPages, options: RenderOptions = {}): Generator<StatLine> {
  const blocks: StatBlock[] = [];
  for (const [, members] of store.blocks()) blocks.push(...members);
  blocks.sort((a, b) => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0));
  for (const block of blocks) yield* blockLines(block, options);
  for (const stat of store.named()) {
    if (options.accept?.(stat.name) === false) continue;
    if (options.usedOnly === true && !wasWritten(stat.kind, stat.values, 0)) continue;
    yield { name: stat.name, kind: stat.kind, value: read(stat.kind, stat.values, 0) };
  }
  for (const stat of store.computedStats()) {
    if (options.accept?.(stat.name) !== false) yield { name: stat.name, kind: stat.kind, value: stat.read() };
  }
}

export function* renderText(store: StatPages, options: RenderOptions = {}): Generator<string> {
  let piece = '';
  for (const line of statLines(store, options)) {
    piece += `${line.name}: ${line.value}\n`;
    if (piece.length < RENDER_PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

export function* renderJson(store: StatPages, options: RenderOptions = {}): Generator<string> {
  let piece = '{"stats":[';
  let first = true;
  for (const line of statLines(store, options)) {
    piece += `${first ? '' : ','}${JSON.stringify({ name: line.name, value: line.value })}`;
    first = false;
    if (piece.length < RENDER_PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}]}`;
}

function* blockLines(block: StatBlock, options: RenderOptions): Generator<StatLine> {
  const lines: StatLine[] = [];
  for (const entry of block.schema.entries) {
    if (!isShown(block, entry, options)) continue;
    lines.push({
      name: `${block.prefix}.${entry.name}`,
      kind: entry.kind,
      value: read(entry.kind, block.values, entry.slot),
    });
  }
  for (const [family, code, count] of codesOf(block)) {
    const name = `${block.prefix}.${family}_${code}`;
    if (options.accept?.(name) !== false) lines.push({ name, kind: 'counter', value: count });
  }
  lines.sort((a, b) => (a.name < b.name ? -1 : 1));
  yield* lines;
}

function read(kind: StatKind, values: Float64Array, slot: number): number | string {
  if (kind !== 'histogram') return (values[slot] as number) + 0;
  const counts = values.subarray(slot, slot + HISTOGRAM_SLOTS).subarray(0, HISTOGRAM_SUM);
  if (Number.isNaN(quantile(counts, DEFAULT_BOUNDS, 0.5))) return 'No recorded values';
  // Envoy prints (last interval, since start); the interval is not kept.
  return [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100]
    .map((p) => `P${p}(nan,${Number(quantile(counts, DEFAULT_BOUNDS, p / 100).toPrecision(5))})`)
    .join(' ');
}
