// A route as gRPC's clients take it: matches, clusters and weights, retries, the whole call's time, hashing and faults. What they
// do not do with a call (redirect, answer themselves, rewrite, mirror) is left as it is where it makes the call fail, and out where not.

import type { Any } from '@bufbuild/protobuf/wkt';
import type {
  Route,
  RouteAction,
  RouteActionSchema,
  RouteSchema,
} from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { Init } from '../encode.ts';
import { FAULT_FILTER } from '../routes/route-filters.ts';

export function grpcRoute(route: Route): Init<typeof RouteSchema> {
  const { name, match, action, typedPerFilterConfig } = route;
  return {
    name,
    ...(match === undefined ? {} : { match }),
    action: action.case === 'route' ? { case: 'route', value: forwarded(action.value) } : action,
    typedPerFilterConfig: faultOf(typedPerFilterConfig),
  };
}

function forwarded(action: RouteAction): Init<typeof RouteActionSchema> {
  const { clusterSpecifier, retryPolicy, hashPolicy, timeout } = action;
  const limited = timeout !== undefined && (timeout.seconds > 0n || timeout.nanos > 0);
  if (clusterSpecifier.case === 'weightedClusters')
    for (const cluster of clusterSpecifier.value.clusters)
      cluster.typedPerFilterConfig = faultOf(cluster.typedPerFilterConfig);
  return {
    clusterSpecifier,
    hashPolicy,
    ...(retryPolicy === undefined ? {} : { retryPolicy }),
    ...(limited ? { maxStreamDuration: { maxStreamDuration: timeout } } : {}),
  };
}

/** The only filter beside the router; others' settings would have the whole table refused. */
function faultOf(configs: Readonly<Record<string, Any>>): Record<string, Any> {
  const fault = configs[FAULT_FILTER];
  return fault === undefined ? {} : { [FAULT_FILTER]: fault };
}
