// How long a request may take and how often it is tried: the route's limits, the internal client's x-envoy headers, and
// grpc-timeout.

import type { HeaderBlock, RequestHead } from '#wire/http';
import type { RouterOptions } from '../http/manager-config.ts';
import type { CompiledRetryPolicy, ForwardTarget } from '../route/index.ts';
import { type Asked, takeAsked } from './asked-by-client.ts';

export interface RouteTimeouts {
  /** Milliseconds from the request's end to the response's; 0 = none. */
  readonly totalMs: number;
  readonly perTryMs: number;
  readonly perTryIdleMs: number;
  /** An attempt that takes longer than perTryMs goes on while another begins. */
  readonly hedge: boolean;
  /** Too late is 204, and not 504. */
  readonly quiet: boolean;
  /** The route's policy with what the client asked. */
  readonly retry: CompiledRetryPolicy | undefined;
}

export const NO_TIMEOUTS: RouteTimeouts = {
  totalMs: 0,
  perTryMs: 0,
  perTryIdleMs: 0,
  hedge: false,
  quiet: false,
  retry: undefined,
};

const EXPECTED = 'x-envoy-expected-rq-timeout-ms';
const GRPC_UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

export function routeTimeouts(head: RequestHead, target: ForwardTarget, options: RouterOptions): RouteTimeouts {
  const asked = takeAsked(head.headers, target.retry);
  let totalMs = totalOf(head, target, asked, options);
  let perTryMs = asked.perTryMs ?? target.retry?.perTryTimeoutMs ?? 0;
  // A tunnel lives as long as its ends want.
  if (head.protocol !== '' || head.method === 'CONNECT') totalMs = 0;
  if (totalMs > 0 && perTryMs >= totalMs) perTryMs = 0;
  return {
    totalMs,
    perTryMs,
    perTryIdleMs: target.retry?.perTryIdleTimeoutMs ?? 0,
    hedge: asked.hedge ?? target.hedge,
    quiet: asked.quietTimeout,
    retry: asked.retry,
  };
}

function totalOf(head: RequestHead, target: ForwardTarget, asked: Asked, options: RouterOptions): number {
  if (options.respectExpectedTimeout) {
    const expected = head.headers.get(EXPECTED);
    if (expected !== undefined && /^[0-9]{1,9}$/.test(expected)) return Number(expected);
  }
  if (asked.totalMs !== undefined) return asked.totalMs;
  const max = target.grpcTimeoutMaxMs;
  const told = max === undefined || target.grpcLimitsLife ? undefined : grpcTimeout(head);
  if (max === undefined || told === undefined) return target.timeoutMs;
  const ms = max > 0 && (told > max || told === 0) ? max : told;
  return ms > target.grpcTimeoutOffsetMs ? ms - target.grpcTimeoutOffsetMs : ms;
}

/**
 * How long the stream may live from its beginning, ms: what grpc-timeout says where the route's max_stream_duration lets
 * it, else the route's limit; undefined = the manager's. The endpoint hears of less time than the client gave.
 */
export function lifeLimit(head: RequestHead, target: ForwardTarget): number | undefined {
  const { grpcTimeoutMaxMs: max, grpcTimeoutOffsetMs: offset, maxStreamDurationMs } = target;
  const told = max !== undefined && target.grpcLimitsLife ? grpcTimeout(head) : undefined;
  if (max === undefined || told === undefined) return maxStreamDurationMs;
  const ms = Math.max(0, (max > 0 ? Math.min(max, told) : told) - offset);
  if (ms < told) head.headers.put('grpc-timeout', grpcTimeoutText(ms));
  // Nothing left is late at once: 0 would be no limit.
  return Math.max(1, ms);
}

/** At most eight digits. */
function grpcTimeoutText(ms: number): string {
  return ms < 1e8 ? `${Math.ceil(ms)}m` : `${Math.floor(ms / 1000)}S`;
}

let lastMs = -1;
let lastText = '';

/** Most attempts have all of their route's time: it is written once. */
function msText(ms: number): string {
  if (ms !== lastMs) {
    lastMs = ms;
    lastText = String(ms);
  }
  return lastText;
}

/** The endpoint hears how long its answer is waited for: this attempt's, or what is left of the whole (Envoy's setTimeoutHeaders). */
export function tellTimeout(headers: HeaderBlock, timeouts: RouteTimeouts, spentMs: number): void {
  const { totalMs, perTryMs, hedge } = timeouts;
  let expected = perTryMs === 0 || hedge ? totalMs : perTryMs;
  if (expected === 0) return;
  if (totalMs > 0) expected = Math.min(expected, Math.max(1, totalMs - spentMs));
  headers.put(EXPECTED, msText(Math.round(expected)));
}

function grpcTimeout(head: RequestHead): number | undefined {
  const text = head.headers.get('grpc-timeout');
  const match = text === undefined ? null : /^([0-9]{1,8})([HMSmun])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (GRPC_UNITS[match[2] as string] as number);
}
