// Which failed requests are tried again: ours by default repeats no work (docs/designs/retry.md, design 10), explicit policies as written.

import { durationMs } from '#config';
import type { RetryPolicySchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '#proto/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { PreviousPrioritiesConfigSchema } from '#proto/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts';
import type { HttpRoute } from '#registry';
import { any, duration, type Init } from '../encode.ts';

type Retry = Init<typeof RetryPolicySchema>;
export type RetrySpec = NonNullable<HttpRoute['retries']>;

/** Nothing of the request can have been processed: any method may be sent again. */
export const UNPROCESSED = 'connect-failure,refused-stream,reset-before-request,retriable-headers';
/** Repeating changes nothing (RFC 9110 §9.2.2): also after a reset that came before an answer. */
export const IDEMPOTENT = 'connect-failure,refused-stream,reset-before-request,reset,retriable-headers';
/** The same in one word, which our proxy knows and Envoy does not. */
export const IDEMPOTENT_WORD = 'idempotent-reset';
export const IDEMPOTENT_METHODS = 'GET|HEAD|OPTIONS|TRACE|PUT|DELETE';
/** A sidecar's own answer when its application took no connection: nobody has seen the request. */
export const UNPROCESSED_HEADER = 'x-topsail-unprocessed';
const ATTEMPTS = 2;
const HOST_SELECTION_ATTEMPTS = 5n;

export function previousHosts() {
  return {
    name: 'envoy.retry_host_predicates.previous_hosts',
    configType: { case: 'typedConfig' as const, value: any(PreviousHostsPredicateSchema, {}) },
  };
}

export function retriableHeaders(): NonNullable<Retry['retriableHeaders']> {
  return [{ name: UNPROCESSED_HEADER, headerMatchSpecifier: { case: 'presentMatch', value: true } }];
}

/** `hashed`: consistent hashing finds its host by the key; avoiding it would break stickiness. */
export function safeRetry(hashed: boolean): Retry {
  return { numRetries: ATTEMPTS, ...hostSelection(hashed) };
}

function hostSelection(hashed: boolean): Retry {
  return hashed
    ? {}
    : { retryHostPredicate: [previousHosts()], hostSelectionRetryMaxAttempts: HOST_SELECTION_ATTEMPTS };
}

/** Undefined when `attempts: 0` turns retries off. */
export function explicitRetry(spec: RetrySpec, hashed: boolean): Retry | undefined {
  if (spec.attempts === 0) return undefined;
  const words = (spec.retryOn ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const codes = words.filter((word) => /^\d+$/.test(word)).map(Number);
  const names = words.filter((word) => !/^\d+$/.test(word));
  if (codes.length > 0 && !names.includes('retriable-status-codes')) names.push('retriable-status-codes');
  const perTry = durationMs(spec.perTryTimeout, 0);
  const backoff = durationMs(spec.backoff, 0);
  return {
    retryOn: names.length === 0 ? UNPROCESSED : names.join(','),
    ...(codes.length === 0 ? {} : { retriableStatusCodes: codes }),
    numRetries: spec.attempts ?? ATTEMPTS,
    ...(perTry > 0 ? { perTryTimeout: duration(perTry) } : {}),
    ...(backoff > 0 ? { retryBackOff: { baseInterval: duration(backoff) } } : {}),
    ...(spec.retryIgnorePreviousHosts === false ? {} : hostSelection(hashed)),
    ...(spec.retryRemoteLocalities === true
      ? {
          retryPriority: {
            name: 'envoy.retry_priorities.previous_priorities',
            configType: {
              case: 'typedConfig' as const,
              value: any(PreviousPrioritiesConfigSchema, { updateFrequency: 2 }),
            },
          },
        }
      : {}),
  };
}
