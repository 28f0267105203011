// The RateLimits that count requests at one proxy: all that apply, the mesh's first, the workload's own last; and which limits all proxies share.

import type { ConfigView } from '#config';
import type { RateLimit, RateLimitRule } from './kinds.ts';
import { isForWorkload, placesOf, type ProxyIdentity, selectsWorkloads } from './policies.ts';

const BUCKETS_DEFAULT = 1000;
const UNIT_MS = { SECOND: 1000, MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000 } as const;

/** Of one level the older comes first. */
export function rateLimitsOf(view: ConfigView, proxy: ProxyIdentity, rootNamespace: string): readonly RateLimit[] {
  return placesOf(proxy, rootNamespace).flatMap((place) => {
    const found = view
      .list('RateLimit', place)
      .filter(({ spec, metadata }) => isForWorkload(spec, metadata.namespace, proxy, rootNamespace));
    return [
      ...found.filter(({ spec }) => !selectsWorkloads(spec)),
      ...found.filter(({ spec }) => selectsWorkloads(spec)),
    ];
  });
}

/** The buckets of a rule. */
export interface RuleBuckets {
  /** Tokens in a full one. */
  readonly max: number;
  readonly perFill: number;
  readonly intervalMs: number;
  /** Kept at a time. */
  readonly bucketsMax: number;
}

export function bucketsOf({ by = [], limit, maxBuckets }: RateLimitRule): RuleBuckets {
  return {
    max: limit.burst ?? limit.requests,
    perFill: limit.requests,
    intervalMs: UNIT_MS[limit.per],
    bucketsMax: by.length === 0 ? 1 : (maxBuckets ?? BUCKETS_DEFAULT),
  };
}

/** NAMESPACE/NAME/RULE. */
export function ruleId({ metadata: { namespace, name } }: RateLimit, rule: RateLimitRule): string {
  return `${namespace}/${name}/${rule.name}`;
}

export interface SharedRule extends RuleBuckets {
  readonly id: string;
}

/** Rules whose buckets all proxies share. */
export function sharedLimits(view: ConfigView): readonly SharedRule[] {
  return view.list('RateLimit').flatMap(sharedRules);
}

/** Those of them that one proxy counts by. */
export function sharedLimitsOf(view: ConfigView, proxy: ProxyIdentity, rootNamespace: string): readonly SharedRule[] {
  return rateLimitsOf(view, proxy, rootNamespace).flatMap(sharedRules);
}

export function isShared({ limit }: RateLimitRule): boolean {
  return limit.scope === 'ALL_PROXIES';
}

function sharedRules(object: RateLimit): readonly SharedRule[] {
  return object.spec.rules.filter(isShared).map((rule) => ({ id: ruleId(object, rule), ...bucketsOf(rule) }));
}
