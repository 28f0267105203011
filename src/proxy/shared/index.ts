// What the worker threads of one proxy share: counters in one buffer, and hosts' health by telling.
export { HealthBoard, type ToldHealth } from './health-board.ts';
export { SharedBreaker } from './shared-breaker.ts';
export { OutlierReporter } from './shared-outlier.ts';
export { SharedTable } from './shared-table.ts';
export { SharedTally, TALLY } from './shared-tally.ts';
export { Sharing, type SharingOptions } from './sharing.ts';
