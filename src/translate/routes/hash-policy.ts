// What a request is hashed by when its cluster balances by consistent hash (inventory §1.2).

import { durationMs } from '#config';
import type { RouteAction_HashPolicySchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { LoadBalancer } from '../clusters/traffic-policy.ts';
import { duration, type Init } from '../encode.ts';

export function hashPolicies(balancer: LoadBalancer | undefined): readonly Init<typeof RouteAction_HashPolicySchema>[] {
  const hash = balancer?.consistentHash;
  if (hash === undefined) return [];
  if (hash.httpHeaderName !== undefined)
    return [{ policySpecifier: { case: 'header', value: { headerName: hash.httpHeaderName } } }];
  if (hash.httpCookie !== undefined) {
    const { name, path, ttl, attributes } = hash.httpCookie;
    return [
      {
        policySpecifier: {
          case: 'cookie',
          value: {
            name: name ?? '',
            ...(path === undefined ? {} : { path }),
            ...(ttl === undefined ? {} : { ttl: duration(durationMs(ttl, 0)) }),
            ...(attributes === undefined
              ? {}
              : { attributes: attributes.map((a) => ({ name: a.name, value: a.value ?? '' })) }),
          },
        },
      },
    ];
  }
  if (hash.useSourceIp === true)
    return [{ policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } } }];
  if (hash.httpQueryParameterName !== undefined)
    return [{ policySpecifier: { case: 'queryParameter', value: { name: hash.httpQueryParameterName } } }];
  return [];
}
