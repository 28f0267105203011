// RateLimits in a connection manager: one local rate limit filter for each rule, so that each has its own answer, counters and mode.
// The first part of every descriptor names the rule, the others are its keys; `=` before a key's value lets requests without one
// share a bucket, where an empty value would let them pass uncounted.

import { RATE_LIMIT_HEADER, SHADOW_LIMIT_HEADER } from '#base';
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOptionSchema,
  type RuntimeFractionalPercentSchema,
} from '#proto/envoy/config/core/v3/base_pb.ts';
import type { RateLimit_ActionSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { XRateLimitHeadersRFCVersion } from '#proto/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import { LocalRateLimitSchema } from '#proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import type { HttpFilterSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { StatusCode } from '#proto/envoy/type/v3/http_status_pb.ts';
import { SharedRateLimitSchema } from '#proto/topsail/filters/v1/shared_rate_limit_pb.ts';
import { bucketsOf, isShared, type RateLimit, type RateLimitRule, ruleId } from '#registry';
import { claimPath, PAYLOAD, TOKENS } from '../authn/token-claims.ts';
import { duration, type Init, typed } from '../encode.ts';
import { requestMatch } from './request-match.ts';

type HttpFilter = Init<typeof HttpFilterSchema>;
type Action = Init<typeof RateLimit_ActionSchema>;
type Key = NonNullable<RateLimitRule['by']>[number];

const ALWAYS: Init<typeof RuntimeFractionalPercentSchema> = { defaultValue: { numerator: 100 } };
const NEVER: Init<typeof RuntimeFractionalPercentSchema> = { defaultValue: { numerator: 0 } };
const RULE = 'rule';

/**
 * `gateway`: its clients' addresses are what x-forwarded-for says behind trusted proxies; elsewhere that of the connection.
 * `envoy`: stock Envoy has no filter that shares buckets with other proxies: there each counts such rules for itself.
 */
export function rateLimitFilters(
  objects: readonly RateLimit[],
  gateway: boolean,
  envoy: boolean,
): readonly HttpFilter[] {
  return objects.flatMap((object) =>
    object.spec.rules.map((rule) => {
      const limit = ruleId(object, rule);
      const local = localLimit(rule, limit, gateway);
      return isShared(rule) && !envoy
        ? typed('topsail.filters.http.shared_rate_limit', SharedRateLimitSchema, {
            local,
            limit,
            denyWhenUnavailable: rule.limit.whenUnavailable === 'DENY',
          })
        : typed('envoy.filters.http.local_ratelimit', LocalRateLimitSchema, local);
    }),
  );
}

function localLimit(rule: RateLimitRule, id: string, gateway: boolean): Init<typeof LocalRateLimitSchema> {
  const { by = [], answer = {} } = rule;
  const shadow = rule.mode === 'SHADOW';
  const { max, perFill, intervalMs, bucketsMax } = bucketsOf(rule);
  return {
    statPrefix: `ratelimit.${id.replaceAll('/', '.')}`,
    status: { code: (answer.status ?? StatusCode.TooManyRequests) as StatusCode },
    filterEnabled: ALWAYS,
    filterEnforced: shadow ? NEVER : ALWAYS,
    rateLimits: [{ actions: [ruleAction(rule, id), ...by.map((key, i) => keyAction(key, keyName(i), gateway))] }],
    descriptors: [
      {
        entries: [{ key: RULE, value: id }, ...by.map((_, i) => ({ key: keyName(i) }))],
        tokenBucket: { maxTokens: max, tokensPerFill: perFill, fillInterval: duration(intervalMs) },
      },
    ],
    ...(by.length === 0 ? {} : { maxDynamicDescriptors: bucketsMax }),
    alwaysConsumeDefaultTokenBucket: false,
    rateLimitedAsResourceExhausted: true,
    ...(shadow
      ? { requestHeadersToAddWhenNotEnforced: [header(SHADOW_LIMIT_HEADER, id)] }
      : { responseHeadersToAdd: [...answerHeaders(rule, id)] }),
    ...(answer.limitHeaders === true && !shadow
      ? { enableXRatelimitHeaders: XRateLimitHeadersRFCVersion.DRAFT_VERSION_03 }
      : {}),
  };
}

function keyName(index: number): string {
  return `key-${index}`;
}

function ruleAction(rule: RateLimitRule, id: string): Action {
  const headers = requestMatch(rule.match);
  const common = { descriptorKey: RULE, descriptorValue: id };
  return headers.length === 0
    ? { actionSpecifier: { case: 'genericKey', value: common } }
    : { actionSpecifier: { case: 'headerValueMatch', value: { ...common, headers: [...headers] } } };
}

function keyAction(key: Key, descriptorKey: string, gateway: boolean): Action {
  const claim = key.claim === undefined ? undefined : claimPath(key.claim);
  // What a format cannot spell is read as it lies; only text counts then.
  if (claim?.some((segment) => /[:()%]/.test(segment)) === true)
    return {
      actionSpecifier: {
        case: 'metadata',
        value: {
          descriptorKey,
          metadataKey: {
            key: TOKENS,
            path: [PAYLOAD, ...claim].map((segment) => ({ segment: { case: 'key' as const, value: segment } })),
          },
          defaultValue: '=',
        },
      },
    };
  const descriptorValue = `=${claim === undefined ? formatOf(key, gateway) : `%DYNAMIC_METADATA(${[TOKENS, PAYLOAD, ...claim].join(':')})%`}`;
  return { actionSpecifier: { case: 'genericKey', value: { descriptorKey, descriptorValue } } };
}

function formatOf({ attribute, header: name = '' }: Key, gateway: boolean): string {
  switch (attribute) {
    case 'CLIENT':
      return '%DOWNSTREAM_PEER_URI_SAN%';
    case 'IP':
      return gateway ? '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' : '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%';
    case 'PATH':
      return '%PATH(NQ)%';
    case 'METHOD':
      return '%REQ(:METHOD)%';
    default:
      return `%REQ(${name})%`;
  }
}

function answerHeaders(rule: RateLimitRule, id: string): readonly Init<typeof HeaderValueOptionSchema>[] {
  const { answer = {} } = rule;
  const { perFill, intervalMs } = bucketsOf(rule);
  const own = Object.entries(answer.headers ?? {});
  const says = own.some(([name]) => name.toLowerCase() === 'retry-after');
  // Once empty, a bucket has its next token then.
  const seconds = Math.ceil(intervalMs / perFill / 1000);
  return [
    header(RATE_LIMIT_HEADER, id),
    ...(says ? [] : [header('retry-after', String(seconds))]),
    ...own.map(([name, value]) => header(name, value.replaceAll('%', '%%'))),
  ];
}

function header(key: string, value: string): Init<typeof HeaderValueOptionSchema> {
  return { header: { key, value }, appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD };
}
