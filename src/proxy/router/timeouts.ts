// How long a request may take: the route's limits, the internal client's x-envoy headers, and grpc-timeout.

import type { RequestHead } from '#wire/http';
import type { ForwardTarget } from '../route/index.ts';

export interface RouteTimeouts {
  /** Milliseconds from the request's end to the response's; 0 = none. */
  readonly totalMs: number;
  readonly perTryMs: number;
  readonly perTryIdleMs: number;
  /** An attempt that takes longer than perTryMs goes on while another begins. */
  readonly hedge: boolean;
}

export const NO_TIMEOUTS: RouteTimeouts = { totalMs: 0, perTryMs: 0, perTryIdleMs: 0, hedge: false };

const GRPC_UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

export function routeTimeouts(head: RequestHead, target: ForwardTarget): RouteTimeouts {
  let totalMs = target.timeoutMs;
  const max = target.grpcTimeoutMaxMs;
  if (max !== undefined) {
    const asked = grpcTimeout(head);
    if (asked !== undefined) totalMs = max > 0 ? Math.min(max, asked) : asked;
  }
  let perTryMs = target.retry?.perTryTimeoutMs ?? 0;
  const header = head.headers.get('x-envoy-upstream-rq-timeout-ms');
  if (header !== undefined && /^[0-9]{1,9}$/.test(header)) totalMs = Number(header);
  const perTry = head.headers.get('x-envoy-upstream-rq-per-try-timeout-ms');
  if (perTry !== undefined && /^[0-9]{1,9}$/.test(perTry)) perTryMs = Number(perTry);
  // A tunnel lives as long as its ends want.
  if (head.protocol !== '' || head.method === 'CONNECT') totalMs = 0;
  if (totalMs > 0 && perTryMs >= totalMs) perTryMs = 0;
  return { totalMs, perTryMs, perTryIdleMs: target.retry?.perTryIdleTimeoutMs ?? 0, hedge: takeHedge(head, target) };
}

/** The header is between the client and this proxy only. */
function takeHedge(head: RequestHead, target: ForwardTarget): boolean {
  const asked = head.headers.get('x-envoy-hedge-on-per-try-timeout');
  if (asked === undefined) return target.hedge;
  head.headers.remove('x-envoy-hedge-on-per-try-timeout');
  return asked === 'true' || (asked !== 'false' && target.hedge);
}

function grpcTimeout(head: RequestHead): number | undefined {
  const text = head.headers.get('grpc-timeout');
  const match = text === undefined ? null : /^([0-9]{1,8})([HMSmun])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (GRPC_UNITS[match[2] as string] as number);
}
