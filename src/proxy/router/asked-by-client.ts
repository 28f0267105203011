// What a request's own x-envoy headers ask of time-outs, hedging and retries, merged with its route's policy. Those of
// clients that are not internal are gone by now (forwarding-headers.ts); these end here, as nobody behind is meant
// (Envoy: RetryStateImpl, FilterUtility::finalTimeout).

import type { HeaderBlock } from '#wire/http';
import type { CompiledRetryPolicy } from '../route/index.ts';

/** What is read here. Proxies before this one, and this one, add others that begin alike. */
const NAMES = {
  hedge: 'x-envoy-hedge-on-per-try-timeout',
  totalMs: 'x-envoy-upstream-rq-timeout-ms',
  perTryMs: 'x-envoy-upstream-rq-per-try-timeout-ms',
  quietTimeout: 'x-envoy-upstream-rq-timeout-alt-response',
  retryOn: 'x-envoy-retry-on',
  retryGrpcOn: 'x-envoy-retry-grpc-on',
  maxRetries: 'x-envoy-max-retries',
  statusCodes: 'x-envoy-retriable-status-codes',
  headerNames: 'x-envoy-retriable-header-names',
} as const;
const ASKING: ReadonlySet<string> = new Set(Object.values(NAMES));
/** More names or statuses than that in one header are not read. */
const LIST_MAX = 64;

export interface Asked {
  readonly totalMs: number | undefined;
  readonly perTryMs: number | undefined;
  readonly hedge: boolean | undefined;
  /** A request that took too long is answered with 204. */
  readonly quietTimeout: boolean;
  readonly retry: CompiledRetryPolicy | undefined;
}

/** Of a route without a policy. */
const NO_POLICY: CompiledRetryPolicy = {
  on: new Set(),
  retries: 1,
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  statusCodes: new Set(),
  retriableHeaders: [],
  requestHeaders: [],
  avoidPreviousHosts: false,
  omitsHost: undefined,
  hostSelectionAttempts: 1,
  previousPrioritiesFrequency: 0,
  baseIntervalMs: 25,
  maxIntervalMs: 250,
  rateLimitedReset: undefined,
};

export function takeAsked(headers: HeaderBlock, ofRoute: CompiledRetryPolicy | undefined): Asked {
  if (!asksAnything(headers))
    return { totalMs: undefined, perTryMs: undefined, hedge: undefined, quietTimeout: false, retry: ofRoute };
  const hedge = take(headers, NAMES.hedge);
  return {
    totalMs: wholeNumber(take(headers, NAMES.totalMs)),
    perTryMs: wholeNumber(take(headers, NAMES.perTryMs)),
    hedge: hedge === 'true' ? true : hedge === 'false' ? false : undefined,
    quietTimeout: take(headers, NAMES.quietTimeout) !== undefined,
    retry: takeRetry(headers, ofRoute),
  };
}

function asksAnything({ flat }: HeaderBlock): boolean {
  for (let i = 0; i < flat.length; i += 3) {
    const name = flat[i] as string;
    // "x-e": most headers are done with after one comparison.
    if (name.charCodeAt(0) === 0x78 && name.charCodeAt(2) === 0x65 && ASKING.has(name)) return true;
  }
  return false;
}

function takeRetry(headers: HeaderBlock, ofRoute: CompiledRetryPolicy | undefined): CompiledRetryPolicy | undefined {
  const on = [...listed(take(headers, NAMES.retryOn)), ...listed(take(headers, NAMES.retryGrpcOn))];
  const most = wholeNumber(take(headers, NAMES.maxRetries));
  const statuses = listed(take(headers, NAMES.statusCodes)).filter((code) => /^[1-5][0-9]{2}$/.test(code));
  const names = listed(take(headers, NAMES.headerNames)).map((name) => name.toLowerCase());
  const policy = ofRoute ?? NO_POLICY;
  if (on.length + statuses.length + names.length === 0 && most === undefined) return ofRoute;
  if (on.length === 0 && policy.on.size === 0) return ofRoute;
  return {
    ...policy,
    on: new Set([...policy.on, ...on]),
    retries: most ?? Math.max(1, policy.retries),
    statusCodes: new Set([...policy.statusCodes, ...statuses.map(Number)]),
    retriableHeaders: [...policy.retriableHeaders, ...names.map((name) => (answer: HeaderBlock) => answer.has(name))],
  };
}

function listed(value: string | undefined): string[] {
  if (value === undefined) return [];
  return value
    .split(',', LIST_MAX)
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function wholeNumber(value: string | undefined): number | undefined {
  return value !== undefined && /^[0-9]{1,9}$/.test(value) ? Number(value) : undefined;
}

function take(headers: HeaderBlock, name: string): string | undefined {
  const value = headers.get(name);
  if (value !== undefined) headers.remove(name);
  return value;
}
