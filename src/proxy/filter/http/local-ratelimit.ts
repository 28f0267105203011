// HTTP filter envoy.filters.http.local_ratelimit: token buckets in this process, for all requests or by descriptor, per route or connection.

import { hash } from 'node:crypto';
import type { LocalRateLimit } from '#proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import { type Clock, RATE_LIMIT_HEADER } from '#base';
import type { Counter, StatStore } from '#telemetry';
import type { RequestHead, ResponseHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import { compileHeaderOptions, type Mutation, mutateRequest, mutateResponse } from '../../format/index.ts';
import type {
  DownstreamFacts,
  FilterCallbacks,
  FilterContext,
  FilterStatus,
  HttpFilter,
  HttpFilterExtension,
} from '../../http/filter.ts';
import { runtimeFractionOf } from '../../matcher/fraction.ts';
import type { CompiledRoute, RouteChoice } from '../../route/index.ts';
import { OPEN_VALUES_MAX } from '../limits.ts';
import { type CompiledRateLimit, compileRateLimits, describe } from '../rate-descriptors.ts';
import { streamContext } from '../stream-context.ts';
import { readBucket, TokenBucket } from '../token-bucket.ts';
import { type BucketsSettings, type MakeBucket, RateBuckets } from './rate-buckets.ts';

/** Envoy's. */
const OPEN_VALUES_DEFAULT = 20;
const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';

interface Settings extends BucketsSettings {
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

interface Counters {
  readonly enabled: Counter;
  readonly enforced: Counter;
  readonly ok: Counter;
  readonly rateLimited: Counter;
}

function countersOf(stats: StatStore, prefix: string): Counters {
  const one = (name: string): Counter => stats.counter(`${prefix}.http_local_rate_limit.${name}`);
  return { enabled: one('enabled'), enforced: one('enforced'), ok: one('ok'), rateLimited: one('rate_limited') };
}

/** Settings with their buckets: made once per filter or route configuration, so that a limit is shared by all that use it. */
class Limiter {
  readonly settings: Settings;
  readonly #name: string;
  #shared: RateBuckets | undefined;
  #counters: Counters | undefined;
  readonly #perConnection = new WeakMap<DownstreamFacts, RateBuckets>();
  readonly #routes = new WeakMap<CompiledRoute, readonly CompiledRateLimit[]>();

  /** `name` is the same in every thread of the proxy, and another one when the settings change. */
  constructor(settings: Settings, name: string) {
    this.settings = settings;
    this.#name = name;
  }

  buckets(connection: DownstreamFacts, { sharing }: FilterContext): RateBuckets {
    const own: MakeBucket = (bucket) => new TokenBucket(bucket);
    if (!this.settings.perConnection)
      return (this.#shared ??= new RateBuckets(
        this.settings,
        sharing === undefined
          ? own
          : (bucket, key, holder) => sharing.bucket(`${this.#name}|${key}`, bucket, holder) ?? own(bucket, key, holder),
      ));
    let buckets = this.#perConnection.get(connection);
    if (buckets === undefined) this.#perConnection.set(connection, (buckets = new RateBuckets(this.settings, own)));
    return buckets;
  }

  counters(stats: StatStore): Counters {
    return (this.#counters ??= countersOf(stats, this.settings.statPrefix));
  }

  limitsOf(route: CompiledRoute): readonly CompiledRateLimit[] {
    let limits = this.#routes.get(route);
    if (limits === undefined)
      this.#routes.set(
        route,
        (limits = compileRateLimits(
          [...route.rateLimits, ...route.virtualHostRateLimits],
          `route "${route.name}".rate_limits`,
        )),
      );
    return limits;
  }
}

function readSettings(config: LocalRateLimit, field: string): Settings {
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

class LocalRateLimitFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #limiter: Limiter;
  readonly #context: FilterContext;
  #head: RequestHead | undefined;
  #bucket: TokenBucket | undefined;
  #refused = false;

  constructor(callbacks: FilterCallbacks, limiter: Limiter, context: FilterContext) {
    this.#callbacks = callbacks;
    this.#limiter = limiter;
    this.#context = context;
  }

  requestHead(head: RequestHead): FilterStatus {
    const { settings } = this.#limiter;
    const { random, clock } = this.#context;
    if (settings.enabled <= random.float()) return 'continue';
    this.#head = head;
    const counters = this.#limiter.counters(this.#context.stats);
    counters.enabled.inc();
    if (this.#admit(head, clock.now())) {
      counters.ok.inc();
      return 'continue';
    }
    counters.rateLimited.inc();
    if (settings.enforced <= random.float()) {
      mutateRequest(settings.requestMutations, head, () => streamContext(this.#callbacks, head, clock.wallTime()));
      return 'continue';
    }
    this.#refused = true;
    counters.enforced.inc();
    if (settings.rule !== '') this.#callbacks.record.policyRule = `ratelimit[${settings.rule}]`;
    this.#callbacks.reply({
      status: settings.status,
      body: 'local_rate_limited',
      details: settings.rule === '' ? 'local_rate_limited' : `local_rate_limited[${settings.rule}]`,
      flag: 'RL',
      ...(settings.grpcExhausted ? { grpcStatus: 8 } : {}),
    });
    return 'stop';
  }

  responseHead(head: ResponseHead): FilterStatus {
    const { settings } = this.#limiter;
    const { clock } = this.#context;
    if (this.#refused)
      mutateResponse(settings.responseMutations, head, () =>
        streamContext(this.#callbacks, this.#head, clock.wallTime()),
      );
    if (settings.limitHeaders && this.#bucket !== undefined) setLimitHeaders(head, this.#bucket, clock);
    return 'continue';
  }

  /** Every bucket that means the request must have a token. */
  #admit(head: RequestHead, nowMs: number): boolean {
    const { settings } = this.#limiter;
    const buckets = this.#limiter.buckets(this.#callbacks.connection, this.#context);
    const matched = settings.descriptors.length === 0 ? [] : this.#matched(head, buckets);
    const asked =
      matched.length === 0 || settings.alwaysDefault
        ? [...matched, ...(buckets.main === undefined ? [] : [buckets.main])]
        : matched;
    let admitted = true;
    for (const bucket of asked) {
      if (!bucket.take(nowMs)) {
        this.#bucket = bucket;
        admitted = false;
        break;
      }
      if (this.#bucket === undefined || bucket.remaining(nowMs) < this.#bucket.remaining(nowMs)) this.#bucket = bucket;
    }
    return admitted;
  }

  #matched(head: RequestHead, buckets: RateBuckets): TokenBucket[] {
    const { limits: own, stage } = this.#limiter.settings;
    const choice = this.#callbacks.route as RouteChoice | undefined;
    if (choice === undefined && own.length === 0) return [];
    const input = { head, connection: this.#callbacks.connection, record: this.#callbacks.record };
    const found: TokenBucket[] = [];
    for (const limit of own.length > 0 || choice === undefined ? own : this.#limiter.limitsOf(choice.route)) {
      if (own.length === 0 && limit.stage !== stage) continue;
      const entries = describe(limit, input, choice?.cluster ?? '');
      const bucket = entries === undefined ? undefined : buckets.of(entries);
      if (bucket !== undefined) found.push(bucket);
    }
    return found;
  }
}

/** One value for each filter that counted, as Envoy joins them. */
function setLimitHeaders(head: ResponseHead, bucket: TokenBucket, clock: Clock): void {
  const now = clock.now();
  const put = (name: string, value: number): void => {
    const before = head.headers.get(name);
    head.headers.set(name, before === undefined ? String(value) : `${before}, ${value}`);
  };
  put('x-ratelimit-limit', bucket.settings.max);
  put('x-ratelimit-remaining', bucket.remaining(now));
  put('x-ratelimit-reset', Math.ceil(bucket.msToNextToken(now) / 1000));
}

export const localRateLimitExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.local_ratelimit',
  typeUrl: TYPE,
  build: (config, context, filterName) => {
    const settings = readSettings(decodeMessage<LocalRateLimit>(TYPE, config, filterName), filterName);
    const own = new Limiter(settings, nameOf(context.place, config));
    return {
      name: filterName,
      create: (callbacks) =>
        new LocalRateLimitFilter(
          callbacks,
          (callbacks.route?.perFilterConfig(filterName) as Limiter | undefined) ?? own,
          context,
        ),
    };
  },
  routeConfig: (config, _, place) =>
    new Limiter(
      readSettings(decodeMessage<LocalRateLimit>(TYPE, config, 'typed_per_filter_config'), 'typed_per_filter_config'),
      nameOf(place, config),
    ),
};

function nameOf(place: string, config: Uint8Array): string {
  return `ratelimit|${place}|${hash('sha256', config, 'base64')}`;
}
