// HTTP filter topsail.filters.http.shared_rate_limit: as the local rate limit, with buckets whose tokens the control plane grants to all
// proxies together. A request waits only where nothing is known of its bucket, and never longer than the bucket says.

import type { DrawnLimit, LeasedBucket } from '#leases';
import type { SharedRateLimit } from '#proto/topsail/filters/v1/shared_rate_limit_pb.ts';
import type { StatStore } from '#telemetry';
import type { RequestHead, ResponseHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type {
  FilterCallbacks,
  FilterContext,
  FilterStatus,
  HttpFilter,
  HttpFilterExtension,
} from '../../http/filter.ts';
import type { RouteChoice } from '../../route/index.ts';
import { describe } from '../rate-descriptors.ts';
import { keyOf } from './rate-buckets.ts';
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

const TYPE = 'type.googleapis.com/topsail.filters.v1.SharedRateLimit';

interface Rule {
  readonly settings: RateLimitSettings;
  readonly limit: DrawnLimit;
  readonly counters: (stats: StatStore) => RateLimitCounters;
}

class SharedRateLimitFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #rule: Rule;
  readonly #context: FilterContext;
  #head: RequestHead | undefined;
  #bucket: LeasedBucket | undefined;
  #refused = false;
  #waits = false;

  constructor(callbacks: FilterCallbacks, rule: Rule, context: FilterContext) {
    this.#callbacks = callbacks;
    this.#rule = rule;
    this.#context = context;
  }

  requestHead(head: RequestHead): FilterStatus {
    const { settings, limit, counters } = this.#rule;
    if (settings.enabled <= this.#context.random.float()) return 'continue';
    counters(this.#context.stats).enabled.inc();
    const key = this.#keyOf(head);
    if (key === undefined) return this.#judged(true, head);
    this.#head = head;
    const bucket = (this.#bucket = limit.bucket(key));
    const now = this.#context.clock.now();
    const verdict = bucket.take(now);
    if (verdict !== 'wait') return this.#judged(verdict === 'yes', head);
    this.#waits = true;
    bucket.join(this.#told, now);
    return 'stop';
  }

  responseHead(head: ResponseHead): FilterStatus {
    const { settings, limit } = this.#rule;
    const { clock } = this.#context;
    if (this.#refused) markRefused(this.#callbacks, settings, this.#head, head, clock);
    if (settings.limitHeaders && this.#bucket !== undefined)
      setLimitHeaders(head, limit.limit.max, this.#bucket, clock);
    return 'continue';
  }

  destroy(): void {
    if (this.#waits) this.#bucket?.forget(this.#told);
  }

  readonly #told = (admitted: boolean): void => {
    this.#waits = false;
    if (this.#judged(admitted, this.#head as RequestHead) === 'continue') this.#callbacks.continueRequest();
  };

  #judged(admitted: boolean, head: RequestHead): FilterStatus {
    const { settings, counters } = this.#rule;
    const counted = counters(this.#context.stats);
    if (!isEnforced(admitted, this.#callbacks, settings, counted, head, this.#context)) return 'continue';
    this.#refused = true;
    refuse(this.#callbacks, settings);
    return 'stop';
  }

  /** Undefined: the rule does not count this request. */
  #keyOf(head: RequestHead): string | undefined {
    const { connection, record } = this.#callbacks;
    const cluster = (this.#callbacks.route as RouteChoice | undefined)?.cluster ?? '';
    for (const limit of this.#rule.settings.limits) {
      const entries = describe(limit, { head, connection, record }, cluster);
      if (entries !== undefined) return keyOf(entries);
    }
    return undefined;
  }
}

export const sharedRateLimitExtension: HttpFilterExtension = {
  name: 'topsail.filters.http.shared_rate_limit',
  typeUrl: TYPE,
  build: (config, context, filterName) => {
    const { local, limit: id, denyWhenUnavailable } = decodeMessage<SharedRateLimit>(TYPE, config, filterName);
    if (local === undefined) throw new ConfigError('proxy.field-required', `${filterName}.local`);
    if (id === '') throw new ConfigError('proxy.field-required', `${filterName}.limit`);
    const settings = readSettings(local, `${filterName}.local`);
    const bucket = settings.descriptors[0]?.bucket;
    if (bucket === undefined || settings.descriptors.length > 1)
      throw new ConfigError('proxy.field-invalid', `${filterName}.local.descriptors`, 'must be one');
    if (context.leases === undefined)
      throw new ConfigError('proxy.unsupported', filterName, 'nobody counts for this proxy: it runs without an agent');
    const isOpen = settings.descriptors[0]?.entries.some(([, value]) => value === '') === true;
    const limit = context.leases.limit({
      id,
      ...bucket,
      bucketsMax: isOpen ? settings.valuesMax : 1,
      deny: denyWhenUnavailable,
    });
    let counters: RateLimitCounters | undefined;
    const rule: Rule = {
      settings,
      limit,
      counters: (stats) => (counters ??= countersOf(stats, settings.statPrefix)),
    };
    return { name: filterName, create: (callbacks) => new SharedRateLimitFilter(callbacks, rule, context) };
  },
};
