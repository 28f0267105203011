// Counts a response by the class of its status.

import { HTTP, type StatBlock } from '#telemetry';

const CLASS_SLOTS: readonly number[] = [
  0,
  HTTP.downstream_rq_1xx,
  HTTP.downstream_rq_2xx,
  HTTP.downstream_rq_3xx,
  HTTP.downstream_rq_4xx,
  HTTP.downstream_rq_5xx,
];

export function countClass(stats: StatBlock, status: number): void {
  if (status >= 100 && status < 600) stats.inc(CLASS_SLOTS[(status / 100) | 0] as number);
}
