// The RateLimits that count requests at one proxy: all that apply, the mesh's first, the workload's own last.

import type { ConfigView } from '#config';
import type { RateLimit } from './kinds.ts';
import { isForWorkload, placesOf, type ProxyIdentity, selectsWorkloads } from './policies.ts';

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
