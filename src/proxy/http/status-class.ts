// Counts a response by the class of its status: for its connection manager, and for its listener's part of that.

import { HTTP, LISTENER_HTTP, type StatBlock } from '#telemetry';

const CLASS_SLOTS: readonly number[] = [
  0,
  HTTP.downstream_rq_1xx,
  HTTP.downstream_rq_2xx,
  HTTP.downstream_rq_3xx,
  HTTP.downstream_rq_4xx,
  HTTP.downstream_rq_5xx,
];

const LISTENER_SLOTS: readonly number[] = [
  0,
  LISTENER_HTTP.downstream_rq_1xx,
  LISTENER_HTTP.downstream_rq_2xx,
  LISTENER_HTTP.downstream_rq_3xx,
  LISTENER_HTTP.downstream_rq_4xx,
  LISTENER_HTTP.downstream_rq_5xx,
];

export function countResponse(stats: StatBlock, ofListener: StatBlock, status: number): void {
  stats.inc(HTTP.downstream_rq_completed);
  ofListener.inc(LISTENER_HTTP.downstream_rq_completed);
  if (status < 100 || status > 599) return;
  const at = (status / 100) | 0;
  stats.inc(CLASS_SLOTS[at] as number);
  ofListener.inc(LISTENER_SLOTS[at] as number);
}
