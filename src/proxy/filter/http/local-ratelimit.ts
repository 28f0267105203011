// HTTP filter envoy.filters.http.local_ratelimit: token buckets in this process, for all requests or by descriptor, per route or connection.

import { hash } from 'node:crypto';
import type { LocalRateLimit } from '#proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import type { StatStore } from '#telemetry';
import type { RequestHead, ResponseHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import type {
  DownstreamFacts,
  FilterCallbacks,
  FilterContext,
  FilterStatus,
  HttpFilter,
  HttpFilterExtension,
} from '../../http/filter.ts';
import type { CompiledRoute, RouteChoice } from '../../route/index.ts';
import { type CompiledRateLimit, compileRateLimits, describe } from '../rate-descriptors.ts';
import { TokenBucket } from '../token-bucket.ts';
import { type MakeBucket, RateBuckets } from './rate-buckets.ts';
import {
  countersOf,
  isEnforced,
  markRefused,
  type RateLimitCounters,
  type RateLimitSettings,
  readSettings,
  refuse,
  setLimitHeaders,
} from './rate-limit-settings.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';

/** Settings with their buckets: made once per filter or route configuration, so that a limit is shared by all that use it. */
class Limiter {
  readonly settings: RateLimitSettings;
  readonly #name: string;
  #shared: RateBuckets | undefined;
  #counters: RateLimitCounters | undefined;
  readonly #perConnection = new WeakMap<DownstreamFacts, RateBuckets>();
  readonly #routes = new WeakMap<CompiledRoute, readonly CompiledRateLimit[]>();

  /** `name` is the same in every thread of the proxy, and another one when the settings change. */
  constructor(settings: RateLimitSettings, name: string) {
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

  counters(stats: StatStore): RateLimitCounters {
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
    const admitted = this.#admit(head, clock.now());
    if (!isEnforced(admitted, this.#callbacks, settings, counters, head, this.#context)) return 'continue';
    this.#refused = true;
    refuse(this.#callbacks, settings);
    return 'stop';
  }

  responseHead(head: ResponseHead): FilterStatus {
    const { settings } = this.#limiter;
    const { clock } = this.#context;
    if (this.#refused) markRefused(this.#callbacks, settings, this.#head, head, clock);
    const bucket = this.#bucket;
    if (settings.limitHeaders && bucket !== undefined) setLimitHeaders(head, bucket.settings.max, bucket, clock);
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
