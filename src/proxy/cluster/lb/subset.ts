// Subsets without tables: of a cluster with lb_subset_config only hosts whose metadata hold all that the route asks for.

import type { JsonObject } from '@bufbuild/protobuf';
import type { Host } from '../host.ts';

/** The filter name whose metadata count, on both sides. */
const LB_METADATA = 'envoy.lb';

/** Undefined: the route asks for nothing. */
export function subsetOf(
  metadataMatch: Readonly<Record<string, JsonObject>> | undefined,
): ((host: Host) => boolean) | undefined {
  const wanted = Object.entries(metadataMatch?.[LB_METADATA] ?? {});
  if (wanted.length === 0) return undefined;
  return (host) => {
    const have = host.spec.metadata[LB_METADATA];
    return have !== undefined && wanted.every(([key, value]) => JSON.stringify(have[key]) === JSON.stringify(value));
  };
}
