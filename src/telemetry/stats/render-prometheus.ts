// Renders the store as Prometheus text (exposition format 0.0.4) with Envoy's names and labels, in
// pieces: whoever pulls them yields to the loop in between, so no scrape holds up traffic.

import { DEFAULT_BOUNDS, readHistogram } from './histogram-buckets.ts';
import { RENDER_PIECE_CHARS } from './limits.ts';
import { type BlockSchema, isUsed, type StatBlock, type StatEntry, type StatKind, type StatTag } from './stat-block.ts';
import type { StatPages } from './merged-stats.ts';
import type { NamedStat } from './stat-store.ts';

export interface RenderOptions {
  readonly usedOnly?: boolean;
  /** Trace ids beside buckets: for OpenMetrics only. */
  readonly exemplars?: boolean;
  /** Judges the stat's full Envoy name. */
  readonly accept?: (name: string) => boolean;
}

/** Stats looked at between two pieces even when none is printed. */
const VISITS_PER_PIECE = 4_000;

export function* renderPrometheus(store: StatPages, options: RenderOptions = {}): Generator<string> {
  const out = new PieceWriter();
  for (const [schema, blocks] of store.blocks()) yield* renderSchema(schema, [...blocks], options, out);
  yield* renderNamed(store, options, out);
  for (const stat of store.computedStats()) {
    if (options.accept?.(stat.name) === false) continue;
    const family = prometheusName(stat.name);
    out.text += `# TYPE ${family} ${stat.kind}\n${family}{} ${formatValue(stat.read())}\n`;
  }
  if (out.text !== '') yield out.take();
  for (const source of store.sources())
    if (options.accept === undefined)
      yield* source.renderPrometheus(options.usedOnly === true, options.exemplars === true);
}

/** Collects lines and says when a piece is full. */
class PieceWriter {
  text = '';
  visits = 0;

  get full(): boolean {
    return this.text.length >= RENDER_PIECE_CHARS || ++this.visits >= VISITS_PER_PIECE;
  }

  take(): string {
    const piece = this.text;
    this.text = '';
    this.visits = 0;
    return piece;
  }
}

function* renderSchema(
  schema: BlockSchema,
  blocks: readonly StatBlock[],
  options: RenderOptions,
  out: PieceWriter,
): Generator<string> {
  const base = schema.prefix.replaceAll('.$', '');
  let opened = '';
  for (const entry of schema.entries) {
    const family = prometheusName(`${base}.${entry.family}`);
    const own = entry.tags.length === 0 ? '' : renderLabels(entry.tags);
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i] as StatBlock;
      if (out.full) yield out.take();
      if (!isShown(block, entry, options)) continue;
      if (opened !== family) out.text += `# TYPE ${family} ${entry.kind}\n`;
      opened = family;
      out.text += renderStat(family, joinLabels(own, labelsOf(block)), entry.kind, block.values, entry.slot);
    }
  }
  for (const codes of schema.codes) {
    const family = prometheusName(`${base}.${codes}`);
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i] as StatBlock;
      for (const [of, code, count] of codesOf(block)) {
        if (of !== codes || options.accept?.(`${block.prefix}.${codes}_${code}`) === false) continue;
        if (opened !== family) out.text += `# TYPE ${family} counter\n`;
        opened = family;
        out.text += `${family}{${joinLabels(`envoy_response_code="${code}"`, labelsOf(block))}} ${count}\n`;
      }
      if (out.full) yield out.take();
    }
  }
}

function* renderNamed(store: StatPages, options: RenderOptions, out: PieceWriter): Generator<string> {
  const families = new Map<string, NamedStat[]>();
  for (const stat of store.named()) {
    if (options.accept?.(stat.name) === false || (options.usedOnly === true && !wasWritten(stat.kind, stat.values, 0)))
      continue;
    const members = families.get(stat.family);
    if (members === undefined) families.set(stat.family, [stat]);
    else members.push(stat);
  }
  for (const [family, members] of families) {
    const name = prometheusName(family);
    out.text += `# TYPE ${name} ${(members[0] as NamedStat).kind}\n`;
    for (const stat of members) {
      out.text += renderStat(name, renderLabels(stat.tags), stat.kind, stat.values, 0);
      if (out.full) yield out.take();
    }
  }
}

/** A block's labels as text, the innermost first as Envoy has them; made once per block. */
function labelsOf(block: StatBlock): string {
  block.labelText ??= renderLabels(
    block.schema.labels.map((label, i): StatTag => [label, block.tagValues[i] ?? '']).reverse(),
  );
  return block.labelText;
}

function joinLabels(first: string, second: string): string {
  return first === '' || second === '' ? first + second : `${first},${second}`;
}

/** Whether a block's entry is part of the page that was asked for. */
export function isShown(block: StatBlock, entry: StatEntry, options: RenderOptions): boolean {
  if ((entry.lazy || options.usedOnly === true) && !wasWritten(entry.kind, block.values, entry.slot)) return false;
  return options.accept?.(`${block.prefix}.${entry.name}`) !== false;
}

/** Status codes that a block counted, by family, ascending. */
export function* codesOf(block: StatBlock): Generator<readonly [family: string, code: number, count: number]> {
  for (const [at, family] of block.schema.codes.entries()) {
    const counts = block.codeCounts[at];
    if (counts === undefined) continue;
    for (let i = 0; i < counts.length; i++) if ((counts[i] as number) > 0) yield [family, i + 100, counts[i] as number];
  }
}

export function wasWritten(kind: StatKind, values: Float64Array, slot: number): boolean {
  return kind === 'histogram' ? readHistogram(values, slot).count > 0 : isUsed(values, slot);
}

export function renderStat(family: string, labels: string, kind: StatKind, values: Float64Array, slot: number): string {
  if (kind !== 'histogram') return `${family}{${labels}} ${formatValue((values[slot] as number) + 0)}\n`;
  return renderHistogram(family, labels, values, slot);
}

/** What one observation of a bucket was: OpenMetrics has room for one per bucket. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  readonly wallMs: number;
}

export function renderHistogram(
  family: string,
  labels: string,
  values: Float64Array,
  slot: number,
  exemplars?: readonly (Exemplar | undefined)[],
): string {
  const reading = readHistogram(values, slot);
  const lead = `${family}_bucket{${labels}${labels === '' ? '' : ','}le="`;
  let text = '';
  for (let i = 0; i < DEFAULT_BOUNDS.length; i++)
    text += `${lead}${DEFAULT_BOUNDS[i]}"} ${reading.cumulative[i]}${exemplarText(exemplars?.[i])}\n`;
  text += `${lead}+Inf"} ${reading.count}${exemplarText(exemplars?.[DEFAULT_BOUNDS.length])}\n`;
  return `${text}${family}_sum{${labels}} ${formatValue(reading.sum)}\n${family}_count{${labels}} ${reading.count}\n`;
}

function exemplarText(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return '';
  return ` # {trace_id="${exemplar.traceId}"} ${formatValue(exemplar.value)} ${(exemplar.wallMs / 1000).toFixed(3)}`;
}

export function renderLabels(tags: readonly StatTag[]): string {
  let text = '';
  for (const [label, value] of tags)
    text += `${text === '' ? '' : ','}${label.replace(/[^A-Za-z0-9_]/g, '_')}="${escapeLabel(value)}"`;
  return text;
}

export function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}

function prometheusName(name: string): string {
  return `envoy_${name.replace(/[^A-Za-z0-9_]/g, '_')}`;
}

function formatValue(value: number): string {
  return Number.isInteger(value) ? value.toString() : String(Math.round(value * 1e6) / 1e6);
}
