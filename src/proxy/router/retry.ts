// When a request is tried again, and how long to wait before (Envoy: x-envoy-retry-on and retry policies).

import type { Clock, Random } from '#base';
import { CLUSTER, type StatBlock } from '#telemetry';
import type { RequestHead, ResetReason, ResponseHead } from '#wire/http';
import type { CompiledRetryPolicy } from '../route/index.ts';

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** RFC 9110 §9.2.2. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/** Words of retry_on for gRPC, by status. */
const GRPC_WORDS: Readonly<Record<string, string>> = {
  '1': 'cancelled',
  '4': 'deadline-exceeded',
  '8': 'resource-exhausted',
  '13': 'internal',
  '14': 'unavailable',
};

export function retriesOnResponse(policy: CompiledRetryPolicy, request: RequestHead, response: ResponseHead): boolean {
  const { on } = policy;
  const { status, headers } = response;
  if (!allowsRequest(policy, request)) return false;
  // Who asked to be spared is asked again only where that is wanted, whatever else would hold (Envoy's RetryState).
  if (headers.has('x-envoy-ratelimited')) return on.has('envoy-ratelimited');
  if (status >= 500 && on.has('5xx')) return true;
  if (status >= 502 && status <= 504 && on.has('gateway-error')) return true;
  if (status === 409 && on.has('retriable-4xx')) return true;
  if (on.has('retriable-status-codes') && policy.statusCodes.has(status)) return true;
  if (on.has('retriable-headers') && policy.retriableHeaders.some((matches) => matches(headers))) return true;
  const grpc = headers.get('grpc-status');
  const word = grpc === undefined ? undefined : GRPC_WORDS[grpc];
  return word !== undefined && on.has(word);
}

/** `connected`: there was a connection, so the endpoint may have seen the request unless `processed` is false. */
export function retriesOnReset(
  policy: CompiledRetryPolicy | undefined,
  request: RequestHead,
  reason: ResetReason,
  connected: boolean,
  processed: boolean,
): boolean {
  if (policy === undefined) return false;
  const { on } = policy;
  if (reason === 'overflow' || !allowsRequest(policy, request)) return false;
  if (on.has('reset') || on.has('5xx') || on.has('gateway-error')) return true;
  if (!connected && on.has('connect-failure')) return true;
  if (on.has('refused-stream') && (reason === 'refused-stream' || (connected && !processed))) return true;
  return on.has('reset-before-request') && !processed;
}

/** An attempt that was given up because it took too long counts like a gateway's error. */
export function retriesOnTimeout(policy: CompiledRetryPolicy | undefined): boolean {
  return policy !== undefined && (policy.on.has('5xx') || policy.on.has('gateway-error') || policy.on.has('reset'));
}

/** Whether an attempt that takes too long gets another one beside it: whatever the words, as nothing failed (Envoy's RetryState). */
export function hedges(policy: CompiledRetryPolicy | undefined, request: RequestHead): boolean {
  return policy !== undefined && policy.on.size > 0 && allowsRequest(policy, request);
}

function allowsRequest(policy: CompiledRetryPolicy, request: RequestHead): boolean {
  return policy.requestHeaders.length === 0 || policy.requestHeaders.some((matches) => matches(request.headers));
}

/** Milliseconds before the next attempt: what the upstream asked for, else full jitter over a doubling interval. */
export function backoffMs(
  policy: CompiledRetryPolicy,
  attempts: number,
  response: ResponseHead | undefined,
  { random, clock }: { readonly random: Random; readonly clock: Clock },
  stats: StatBlock,
): number {
  const asked = response === undefined ? undefined : askedWait(policy, response, clock);
  if (asked !== undefined) {
    stats.inc(CLUSTER.upstream_rq_retry_backoff_ratelimited);
    return asked * (1 + random.float() * 0.5);
  }
  stats.inc(CLUSTER.upstream_rq_retry_backoff_exponential);
  const ceiling = Math.min(policy.maxIntervalMs, policy.baseIntervalMs * (2 ** attempts - 1));
  return random.float() * ceiling;
}

function askedWait(policy: CompiledRetryPolicy, response: ResponseHead, clock: Clock): number | undefined {
  const rule = policy.rateLimitedReset;
  if (rule === undefined) return undefined;
  for (const { name, format } of rule.headers) {
    const value = response.headers.get(name);
    if (value === undefined || !/^[0-9]{1,12}$/.test(value)) continue;
    const ms = format === 'seconds' ? Number(value) * 1000 : Number(value) * 1000 - clock.wallTime();
    if (ms > 0 && ms <= rule.maxIntervalMs) return ms;
  }
  return undefined;
}
