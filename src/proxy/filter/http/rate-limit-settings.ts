// What a local rate limit says, for the filters that count alone and those that share their count: settings, counters, and what a refused request gets.

import type { LocalRateLimit } from '#proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import { type Clock, RATE_LIMIT_HEADER } from '#base';
import type { Counter, StatStore } from '#telemetry';
import type { RequestHead, ResponseHead } from '#wire/http';
import { ConfigError } from '../../errors.ts';
import { compileHeaderOptions, type Mutation, mutateRequest, mutateResponse } from '../../format/index.ts';
import type { FilterCallbacks, FilterContext } from '../../http/filter.ts';
import { runtimeFractionOf } from '../../matcher/fraction.ts';
import { OPEN_VALUES_MAX } from '../limits.ts';
import { type CompiledRateLimit, compileRateLimits } from '../rate-descriptors.ts';
import { streamContext } from '../stream-context.ts';
import { readBucket } from '../token-bucket.ts';
import type { BucketsSettings } from './rate-buckets.ts';

/** Envoy's. */
const OPEN_VALUES_DEFAULT = 20;

export interface RateLimitSettings extends BucketsSettings {
  /** The filter's own actions, in the place of routes'. */
  readonly limits: readonly CompiledRateLimit[];
  readonly stage: number;
  readonly status: number;
  readonly enabled: number;
  readonly enforced: number;
  readonly perConnection: boolean;
  readonly alwaysDefault: boolean;
  readonly limitHeaders: boolean;
  readonly grpcExhausted: boolean;
  /** In the details of a reply: what our own control plane calls the rule. */
  readonly rule: string;
  readonly statPrefix: string;
  readonly requestMutations: readonly Mutation[];
  readonly responseMutations: readonly Mutation[];
}

export interface RateLimitCounters {
  readonly enabled: Counter;
  readonly enforced: Counter;
  readonly ok: Counter;
  readonly rateLimited: Counter;
}

export function countersOf(stats: StatStore, prefix: string): RateLimitCounters {
  const one = (name: string): Counter => stats.counter(`${prefix}.http_local_rate_limit.${name}`);
  return { enabled: one('enabled'), enforced: one('enforced'), ok: one('ok'), rateLimited: one('rate_limited') };
}

export function readSettings(config: LocalRateLimit, field: string): RateLimitSettings {
  const status = config.status?.code ?? 0;
  if (config.localClusterRateLimit !== undefined)
    throw new ConfigError(
      'proxy.unsupported',
      `${field}.local_cluster_rate_limit`,
      'limits are not shared between proxies',
    );
  return {
    bucket: config.tokenBucket === undefined ? undefined : readBucket(config.tokenBucket, `${field}.token_bucket`),
    descriptors: config.descriptors.map((descriptor, i) => {
      if (descriptor.tokenBucket === undefined)
        throw new ConfigError('proxy.field-required', `${field}.descriptors[${i}].token_bucket`);
      return {
        entries: descriptor.entries.map((entry) => [entry.key, entry.value] as const),
        bucket: readBucket(descriptor.tokenBucket, `${field}.descriptors[${i}].token_bucket`),
      };
    }),
    valuesMax: valuesMax(config.maxDynamicDescriptors, field),
    limits: compileRateLimits(config.rateLimits, `${field}.rate_limits`),
    stage: config.stage,
    status: status >= 400 ? status : 429,
    enabled: runtimeFractionOf(config.filterEnabled, 0),
    enforced: runtimeFractionOf(config.filterEnforced, 0),
    perConnection: config.localRateLimitPerDownstreamConnection,
    alwaysDefault: config.alwaysConsumeDefaultTokenBucket ?? true,
    limitHeaders: config.enableXRatelimitHeaders === 1,
    grpcExhausted: config.rateLimitedAsResourceExhausted,
    rule: config.responseHeadersToAdd.find(({ header }) => header?.key === RATE_LIMIT_HEADER)?.header?.value ?? '',
    statPrefix: config.statPrefix,
    requestMutations: compileHeaderOptions(
      config.requestHeadersToAddWhenNotEnforced,
      [],
      `${field}.request_headers_to_add_when_not_enforced`,
    ),
    responseMutations: compileHeaderOptions(config.responseHeadersToAdd, [], `${field}.response_headers_to_add`),
  };
}

function valuesMax(configured: number | undefined, field: string): number {
  if (configured === 0)
    throw new ConfigError('proxy.field-invalid', `${field}.max_dynamic_descriptors`, 'must be at least 1');
  return Math.min(configured ?? OPEN_VALUES_DEFAULT, OPEN_VALUES_MAX);
}

/** Towards the client. */
export function refuse(callbacks: FilterCallbacks, settings: RateLimitSettings): void {
  if (settings.rule !== '') callbacks.record.policyRule = `ratelimit[${settings.rule}]`;
  callbacks.reply({
    status: settings.status,
    body: 'local_rate_limited',
    details: settings.rule === '' ? 'local_rate_limited' : `local_rate_limited[${settings.rule}]`,
    flag: 'RL',
    ...(settings.grpcExhausted ? { grpcStatus: 8 } : {}),
  });
}

/** Counts the verdict. True: the request is to be refused; one that exceeds a limit which is not enforced is marked, and goes on. */
export function isEnforced(
  admitted: boolean,
  callbacks: FilterCallbacks,
  settings: RateLimitSettings,
  { ok, rateLimited, enforced }: RateLimitCounters,
  head: RequestHead,
  { random, clock }: FilterContext,
): boolean {
  if (admitted) {
    ok.inc();
    return false;
  }
  rateLimited.inc();
  if (settings.enforced <= random.float()) {
    markExceeded(callbacks, settings, head, clock);
    return false;
  }
  enforced.inc();
  return true;
}

/** Towards the application: the limit was exceeded, and is not enforced. */
function markExceeded(callbacks: FilterCallbacks, settings: RateLimitSettings, head: RequestHead, clock: Clock): void {
  mutateRequest(settings.requestMutations, head, () => streamContext(callbacks, head, clock.wallTime()));
}

/** On the answer to what was refused. */
export function markRefused(
  callbacks: FilterCallbacks,
  settings: RateLimitSettings,
  request: RequestHead | undefined,
  answer: ResponseHead,
  clock: Clock,
): void {
  mutateResponse(settings.responseMutations, answer, () => streamContext(callbacks, request, clock.wallTime()));
}

/** What is at hand. */
interface LimitView {
  remaining(nowMs: number): number;
  msToNextToken(nowMs: number): number;
}

/** One value for each filter that counted, as Envoy joins them. */
export function setLimitHeaders(head: ResponseHead, max: number, bucket: LimitView, clock: Clock): void {
  const now = clock.now();
  const put = (name: string, value: number): void => {
    const before = head.headers.get(name);
    head.headers.set(name, before === undefined ? String(value) : `${before}, ${value}`);
  };
  put('x-ratelimit-limit', max);
  put('x-ratelimit-remaining', bucket.remaining(now));
  put('x-ratelimit-reset', Math.ceil(bucket.msToNextToken(now) / 1000));
}
