// What a Cluster says of load balancing, its deprecated fields and its policy extensions alike, with defaults filled in.

import type { Any } from '@bufbuild/protobuf/wkt';
import type { Cluster, Cluster_SlowStartConfig } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { LeastRequest } from '#proto/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts';
import type { Maglev } from '#proto/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts';
import type { RingHash } from '#proto/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts';
import type { RoundRobin } from '#proto/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts';
import type { WrrLocality } from '#proto/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';
import type { LeastRequestSettings } from './lb/least-request.ts';
import type { MaglevSettings } from './lb/maglev.ts';
import type { RingHashSettings } from './lb/ring-hash.ts';
import type { SlowStartSettings } from './lb/slow-start.ts';
import { MAX_MAGLEV_SIZE } from './limits.ts';

export type LbPolicy =
  | { readonly kind: 'round-robin' }
  | ({ readonly kind: 'least-request' } & LeastRequestSettings)
  | { readonly kind: 'random' }
  | { readonly kind: 'peak-ewma' }
  | { readonly kind: 'original-dst' }
  | ({ readonly kind: 'ring-hash' } & RingHashSettings)
  | ({ readonly kind: 'maglev' } & MaglevSettings);

export interface LbSettings {
  readonly policy: LbPolicy;
  /** Per cent; 0 turns panic off. */
  readonly panicThreshold: number;
  readonly localityWeighted: boolean;
  readonly failOnPanic: boolean;
  readonly slowStart: SlowStartSettings | undefined;
  /** Undefined: no subsets. Otherwise what happens to a request whose subset has no host. */
  readonly subsetFallback: 'none' | 'any' | undefined;
  /** 0 = loads are not bounded. */
  readonly hashBalanceFactor: number;
}

export interface LbOptions {
  /** Decodes a policy's typed config; undefined = type not known. */
  decode(any: Any): unknown;
  warn(field: string, reason: string): void;
}

/** Metadata by which a cluster asks for our own policy: filter_metadata["topsail.lb"].policy = "PEAK_EWMA". */
const OWN_METADATA = 'topsail.lb';

export function readLbSettings(cluster: Cluster, options: LbOptions): LbSettings {
  const field = `cluster "${cluster.name}"`;
  const common = cluster.commonLbConfig;
  const zone =
    common?.localityConfigSpecifier.case === 'zoneAwareLbConfig' ? common.localityConfigSpecifier.value : undefined;
  if (zone?.routingEnabled !== undefined)
    options.warn(`${field}.common_lb_config.zone_aware_lb_config`, 'zone aware routing has no effect');
  const fallback = cluster.lbSubsetConfig?.fallbackPolicy;
  if (fallback === 2)
    options.warn(
      `${field}.lb_subset_config.default_subset`,
      'is not read: requests without a subset may take any host',
    );
  const base: LbSettings = {
    ...readDeprecated(cluster, field),
    panicThreshold: common?.healthyPanicThreshold?.value ?? 50,
    localityWeighted: common?.localityConfigSpecifier.case === 'localityWeightedLbConfig',
    subsetFallback: fallback === undefined ? undefined : fallback === 0 ? 'none' : 'any',
    failOnPanic: zone?.failTrafficOnPanic ?? false,
    hashBalanceFactor: common?.consistentHashingLbConfig?.hashBalanceFactor ?? 0,
  };
  if (cluster.metadata?.filterMetadata[OWN_METADATA]?.['policy'] === 'PEAK_EWMA')
    return { ...base, policy: { kind: 'peak-ewma' } };
  const chain = cluster.loadBalancingPolicy;
  if (chain === undefined) return base;
  for (const { typedExtensionConfig: extension } of chain.policies) {
    const chosen =
      extension?.typedConfig === undefined ? undefined : readExtension(extension.typedConfig, base, options);
    if (chosen !== undefined) return chosen;
  }
  throw new ConfigError(
    'proxy.unknown-extension',
    `${field}.load_balancing_policy`,
    chain.policies.map((p) => p.typedExtensionConfig?.typedConfig?.typeUrl).join(', '),
  );
}

function readDeprecated(cluster: Cluster, field: string): Pick<LbSettings, 'policy' | 'slowStart'> {
  const config = cluster.lbConfig;
  const useHostname = cluster.commonLbConfig?.consistentHashingLbConfig?.useHostnameForHashing ?? false;
  switch (cluster.lbPolicy) {
    case 1: {
      const least = config.case === 'leastRequestLbConfig' ? config.value : undefined;
      return {
        policy: {
          kind: 'least-request',
          choices: least?.choiceCount ?? 2,
          bias: least?.activeRequestBias?.defaultValue ?? 1,
          fullScan: false,
        },
        slowStart: readSlowStart(least?.slowStartConfig),
      };
    }
    case 2: {
      const ring = config.case === 'ringHashLbConfig' ? config.value : undefined;
      return {
        policy: ringPolicy(ring?.minimumRingSize, ring?.maximumRingSize, useHostname, field),
        slowStart: undefined,
      };
    }
    case 3:
      return { policy: { kind: 'random' }, slowStart: undefined };
    case 5:
      return {
        policy: maglevPolicy(config.case === 'maglevLbConfig' ? config.value.tableSize : undefined, useHostname, field),
        slowStart: undefined,
      };
    case 6:
      return { policy: { kind: 'original-dst' }, slowStart: undefined };
    default:
      return {
        policy: { kind: 'round-robin' },
        slowStart: readSlowStart(config.case === 'roundRobinLbConfig' ? config.value.slowStartConfig : undefined),
      };
  }
}

/** Undefined for a type that is not known: the next of the list is tried. */
function readExtension(any: Any, base: LbSettings, options: LbOptions): LbSettings | undefined {
  const message = options.decode(any);
  if (message === undefined) return undefined;
  switch (any.typeUrl.slice(any.typeUrl.lastIndexOf('.') + 1)) {
    case 'RoundRobin': {
      const config = message as RoundRobin;
      return {
        ...base,
        policy: { kind: 'round-robin' },
        slowStart: readSlowStart(config.slowStartConfig),
        localityWeighted: isLocalityWeighted(config),
      };
    }
    case 'LeastRequest': {
      const config = message as LeastRequest;
      const fullScan = config.selectionMethod === 1 || config.enableFullScan === true;
      return {
        ...base,
        policy: {
          kind: 'least-request',
          choices: config.choiceCount ?? 2,
          bias: config.activeRequestBias?.defaultValue ?? 1,
          fullScan,
        },
        slowStart: readSlowStart(config.slowStartConfig),
        localityWeighted: isLocalityWeighted(config),
      };
    }
    case 'Random':
      return {
        ...base,
        policy: { kind: 'random' },
        slowStart: undefined,
        localityWeighted: isLocalityWeighted(message as RoundRobin),
      };
    case 'RingHash': {
      const config = message as RingHash;
      const hashing = config.consistentHashingLbConfig;
      return {
        ...base,
        slowStart: undefined,
        localityWeighted: config.localityWeightedLbConfig !== undefined,
        hashBalanceFactor: hashing?.hashBalanceFactor ?? config.hashBalanceFactor ?? 0,
        policy: ringPolicy(
          config.minimumRingSize,
          config.maximumRingSize,
          hashing?.useHostnameForHashing ?? config.useHostnameForHashing,
          'load_balancing_policy',
        ),
      };
    }
    case 'Maglev': {
      const config = message as Maglev;
      const hashing = config.consistentHashingLbConfig;
      return {
        ...base,
        slowStart: undefined,
        localityWeighted: config.localityWeightedLbConfig !== undefined,
        hashBalanceFactor: hashing?.hashBalanceFactor ?? 0,
        policy: maglevPolicy(config.tableSize, hashing?.useHostnameForHashing ?? false, 'load_balancing_policy'),
      };
    }
    case 'WrrLocality':
      for (const { typedExtensionConfig: inner } of (message as WrrLocality).endpointPickingPolicy?.policies ?? []) {
        const chosen = inner?.typedConfig === undefined ? undefined : readExtension(inner.typedConfig, base, options);
        if (chosen !== undefined) return { ...chosen, localityWeighted: true };
      }
      return undefined;
    default:
      return undefined;
  }
}

function isLocalityWeighted(config: Pick<RoundRobin, 'localityLbConfig'>): boolean {
  return config.localityLbConfig?.localityConfigSpecifier.case === 'localityWeightedLbConfig';
}

function ringPolicy(min: bigint | undefined, max: bigint | undefined, useHostname: boolean, field: string): LbPolicy {
  const minSize = Number(min ?? 1024n);
  const maxSize = Number(max ?? 8_388_608n);
  if (minSize < 1 || minSize > maxSize)
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.ring_hash`,
      'minimum_ring_size must be at least 1 and at most maximum_ring_size',
    );
  return { kind: 'ring-hash', minSize, maxSize, useHostname };
}

function maglevPolicy(size: bigint | undefined, useHostname: boolean, field: string): LbPolicy {
  const tableSize = Number(size ?? 65_537n);
  if (tableSize > MAX_MAGLEV_SIZE || !isPrime(tableSize))
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.maglev.table_size`,
      `must be a prime of at most ${MAX_MAGLEV_SIZE}`,
    );
  return { kind: 'maglev', tableSize, useHostname };
}

function isPrime(n: number): boolean {
  if (n < 2) return false;
  for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
  return true;
}

function readSlowStart(
  config: Pick<Cluster_SlowStartConfig, 'slowStartWindow' | 'aggression' | 'minWeightPercent'> | undefined,
): SlowStartSettings | undefined {
  const windowMs = millisOf(config?.slowStartWindow) ?? 0;
  if (windowMs <= 0) return undefined;
  return {
    windowMs,
    aggression: Math.max(0.01, config?.aggression?.defaultValue ?? 1),
    minWeight: (config?.minWeightPercent?.value ?? 10) / 100,
  };
}
