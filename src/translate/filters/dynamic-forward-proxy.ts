// Resolves hosts that no service stands for, in the forward proxy of interception mode NONE.

import { Cluster_DnsLookupFamily } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { DnsCacheConfigSchema } from '#proto/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
import { FilterConfigSchema } from '#proto/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import { type Init, typed } from '../encode.ts';

/** Filter and cluster must name the very same cache. */
export const DNS_CACHE: Init<typeof DnsCacheConfigSchema> = {
  name: 'allow_any_dynamic_dns',
  dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
};

export function dynamicForwardProxy() {
  return typed('envoy.filters.http.dynamic_forward_proxy', FilterConfigSchema, {
    implementationSpecifier: { case: 'dnsCacheConfig', value: DNS_CACHE },
  });
}
