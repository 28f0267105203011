// HTTP filter envoy.filters.http.local_ratelimit: token buckets in this process, for all requests or by descriptor, per route or connection.

import type { LocalRateLimit } from '#proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import type { Clock } from '#base';
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
import { type CompiledRateLimit, compileRateLimits, describe, type DescriptorEntry } from '../rate-descriptors.ts';
import { streamContext } from '../stream-context.ts';
import { type BucketSettings, readBucket, TokenBucket } from '../token-bucket.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';

interface Settings {
  readonly bucket: BucketSettings | undefined;
  readonly descriptors: readonly { readonly key: string; readonly bucket: BucketSettings }[];
  readonly stage: number;
  readonly status: number;
  readonly enabled: number;
  readonly enforced: number;
  readonly perConnection: boolean;
  readonly alwaysDefault: boolean;
  readonly limitHeaders: boolean;
  readonly grpcExhausted: boolean;
  readonly requestMutations: readonly Mutation[];
  readonly responseMutations: readonly Mutation[];
}

class Buckets {
  readonly main: TokenBucket | undefined;
  readonly byDescriptor = new Map<string, TokenBucket>();

  constructor(settings: Settings, make: (bucket: BucketSettings, key: string) => TokenBucket) {
    this.main = settings.bucket === undefined ? undefined : make(settings.bucket, '');
    for (const { key, bucket } of settings.descriptors) this.byDescriptor.set(key, make(bucket, key));
  }
}

/** Settings with their buckets: made once per filter or route configuration, so that a limit is shared by all that use it. */
class Limiter {
  readonly settings: Settings;
  readonly #name: string;
  #shared: Buckets | undefined;
  readonly #perConnection = new WeakMap<DownstreamFacts, Buckets>();
  readonly #routes = new WeakMap<CompiledRoute, readonly CompiledRateLimit[]>();

  /** `name` is the same in every thread of the proxy, and another one when the settings change. */
  constructor(settings: Settings, name: string) {
    this.settings = settings;
    this.#name = name;
  }

  buckets(connection: DownstreamFacts, { sharing }: FilterContext, nowMs: number): Buckets {
    const own = (bucket: BucketSettings): TokenBucket => new TokenBucket(bucket, nowMs);
    if (!this.settings.perConnection)
      return (this.#shared ??= new Buckets(
        this.settings,
        sharing === undefined
          ? own
          : (bucket, key) => sharing.bucket(`${this.#name}|${key}`, bucket, nowMs, this) ?? own(bucket),
      ));
    let buckets = this.#perConnection.get(connection);
    if (buckets === undefined) this.#perConnection.set(connection, (buckets = new Buckets(this.settings, own)));
    return buckets;
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
        key: keyOf(descriptor.entries.map((entry) => [entry.key, entry.value] as const)),
        bucket: readBucket(descriptor.tokenBucket, `${field}.descriptors[${i}].token_bucket`),
      };
    }),
    stage: config.stage,
    status: status >= 400 ? status : 429,
    enabled: runtimeFractionOf(config.filterEnabled, 0),
    enforced: runtimeFractionOf(config.filterEnforced, 0),
    perConnection: config.localRateLimitPerDownstreamConnection,
    alwaysDefault: config.alwaysConsumeDefaultTokenBucket ?? true,
    limitHeaders: config.enableXRatelimitHeaders === 1,
    grpcExhausted: config.rateLimitedAsResourceExhausted,
    requestMutations: compileHeaderOptions(
      config.requestHeadersToAddWhenNotEnforced,
      [],
      `${field}.request_headers_to_add_when_not_enforced`,
    ),
    responseMutations: compileHeaderOptions(config.responseHeadersToAdd, [], `${field}.response_headers_to_add`),
  };
}

/** Descriptors are the same when their entries are, in order. */
function keyOf(entries: readonly DescriptorEntry[]): string {
  return JSON.stringify(entries);
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
    if (this.#admit(head, clock.now())) return 'continue';
    if (settings.enforced <= random.float()) {
      mutateRequest(settings.requestMutations, head, () => streamContext(this.#callbacks, head, clock.wallTime()));
      return 'continue';
    }
    this.#refused = true;
    this.#callbacks.reply({
      status: settings.status,
      body: 'local_rate_limited',
      details: 'local_rate_limited',
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
    const buckets = this.#limiter.buckets(this.#callbacks.connection, this.#context, nowMs);
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

  #matched(head: RequestHead, buckets: Buckets): TokenBucket[] {
    const choice = this.#callbacks.route as RouteChoice | undefined;
    if (choice === undefined) return [];
    const input = { head, connection: this.#callbacks.connection, record: this.#callbacks.record };
    const found: TokenBucket[] = [];
    for (const limit of this.#limiter.limitsOf(choice.route)) {
      if (limit.stage !== this.#limiter.settings.stage) continue;
      const entries = describe(limit, input, choice.cluster);
      const bucket = entries === undefined ? undefined : buckets.byDescriptor.get(keyOf(entries));
      if (bucket !== undefined) found.push(bucket);
    }
    return found;
  }
}

function setLimitHeaders(head: ResponseHead, bucket: TokenBucket, clock: Clock): void {
  const now = clock.now();
  head.headers.set('x-ratelimit-limit', String(bucket.settings.max));
  head.headers.set('x-ratelimit-remaining', String(Math.floor(bucket.remaining(now))));
  head.headers.set('x-ratelimit-reset', String(Math.ceil(bucket.msToNextFill(now) / 1000)));
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
  return `ratelimit|${place}|${Buffer.from(config).toString('base64')}`;
}
