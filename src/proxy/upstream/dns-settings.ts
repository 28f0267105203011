// How often and for what the names of a DNS cluster are looked up: said by the fields of a STRICT_DNS or LOGICAL_DNS cluster, or by the
// DnsCluster of the cluster type envoy.clusters.dns, with Envoy's defaults.

import type { Duration } from '@bufbuild/protobuf/wkt';
import type { Cluster as ClusterMessage } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { DnsCluster } from '#proto/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { snake, tellUnread } from '../apply/unread-fields.ts';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';

export interface DnsSettings {
  readonly refreshMs: number;
  /** Ask again when the answer says, rather than by `refreshMs`. */
  readonly respectTtl: boolean;
  /** However short an answer may be kept. */
  readonly ttlLeastMs: number;
  /** Up to so much is added to the wait after an answer. */
  readonly jitterMs: number;
  /** After a failure: first and longest wait, doubling; undefined = `refreshMs`. */
  readonly failure: { readonly baseMs: number; readonly maxMs: number } | undefined;
  /** Number of Cluster.DnsLookupFamily. */
  readonly family: number;
}

/** What both messages say in the same words. */
interface Said {
  readonly dnsRefreshRate?: Duration | undefined;
  readonly respectDnsTtl: boolean;
  readonly dnsJitter?: Duration | undefined;
  readonly dnsFailureRefreshRate?:
    | { readonly baseInterval?: Duration | undefined; readonly maxInterval?: Duration | undefined }
    | undefined;
}

type Warn = (field: string, reason: string) => void;

const REFRESH_DEFAULT_MS = 5000;
const TTL_LEAST_MS = 1_000;
/** Fields of Cluster that a DnsCluster stands in the place of. */
const REPLACED = ['dnsRefreshRate', 'dnsFailureRefreshRate', 'respectDnsTtl', 'dnsJitter', 'dnsLookupFamily'] as const;

export function readDnsSettings(cluster: ClusterMessage, logical: boolean, field: string): DnsSettings {
  if (logical) expectOneEndpoint(cluster, field);
  return { ...read(cluster, field), ttlLeastMs: TTL_LEAST_MS, family: cluster.dnsLookupFamily };
}

/** `config`: at `field` in the cluster. */
export function readDnsCluster(
  cluster: ClusterMessage,
  config: DnsCluster,
  field: string,
  warn: Warn,
): { readonly logical: boolean; readonly dns: DnsSettings } {
  const at = `${field}.cluster_type`;
  tellUnread('DnsCluster', config, at, warn);
  for (const name of REPLACED)
    if (cluster[name] !== undefined && cluster[name] !== false && cluster[name] !== 0)
      warn(`${field}.${snake(name)}`, `give it in ${at}`);
  const logical = config.allAddressesInSingleEndpoint;
  if (logical) expectOneEndpoint(cluster, field);
  const dns = {
    ...read(config, at),
    ttlLeastMs: millisOf(config.dnsMinRefreshRate) ?? TTL_LEAST_MS,
    // The same choices, with "unspecified" before them.
    family: Math.max(0, config.dnsLookupFamily - 1),
  };
  return { logical, dns };
}

function read(said: Said, field: string): Omit<DnsSettings, 'family' | 'ttlLeastMs'> {
  const { baseInterval, maxInterval } = said.dnsFailureRefreshRate ?? {};
  const baseMs = millisOf(baseInterval);
  const maxMs = millisOf(maxInterval);
  if (baseMs !== undefined && maxMs !== undefined && maxMs < baseMs)
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.dns_failure_refresh_rate.max_interval`,
      'must not be less than base_interval',
    );
  return {
    refreshMs: millisOf(said.dnsRefreshRate) ?? REFRESH_DEFAULT_MS,
    respectTtl: said.respectDnsTtl,
    jitterMs: millisOf(said.dnsJitter) ?? 0,
    failure: baseMs === undefined ? undefined : { baseMs, maxMs: maxMs ?? baseMs * 10 },
  };
}

function expectOneEndpoint({ loadAssignment }: ClusterMessage, field: string): void {
  const count = (loadAssignment?.endpoints ?? []).reduce((n, { lbEndpoints }) => n + lbEndpoints.length, 0);
  if (count !== 1)
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.load_assignment`,
      `a logical name is one endpoint, not ${count}: give one, or a strict DNS cluster`,
    );
}
