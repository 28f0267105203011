export * from './block-schemas.ts';
export { DEFAULT_BOUNDS, quantile } from './histogram-buckets.ts';
export { type BlockSchema, defineBlock, StatBlock, type StatEntry, type StatKind, type StatTag } from './stat-block.ts';
export {
  type ComputedStat,
  Counter,
  type ExpositionSource,
  Gauge,
  Histogram,
  type StatNaming,
  StatStore,
} from './stat-store.ts';
export { MergedStats, type StatPages, WorkerStats } from './merged-stats.ts';
export { SharedStatMemory, type StatWord } from './shared-stats.ts';
export { escapeLabel, renderHistogram, renderPrometheus, type RenderOptions } from './render-prometheus.ts';
export { renderJson, renderText, type StatLine, statLines } from './render-text.ts';
