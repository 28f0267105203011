// MeshConfig with every default filled in that the control plane reads (inventory §1.10).

import { type ConfigObject, type ConfigView, durationMs } from '#config';
import type { MeshSpec } from './kinds.ts';

export interface MeshSettings {
  readonly spec: MeshSpec;
  readonly rootNamespace: string;
  /** The one that identities are of: the authority's, where there is one. */
  readonly trustDomain: string;
  /** As MeshConfig says it. */
  readonly configuredTrustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly autoMtls: boolean;
  readonly allowAnyOutbound: boolean;
  readonly inboundLocalhost: boolean;
  readonly connectTimeoutMs: number;
  readonly protocolDetectionTimeoutMs: number;
  readonly dnsRefreshMs: number;
  readonly outboundPort: number;
  readonly inboundPort: number;
  readonly accessLog: { readonly file: string; readonly format: string; readonly json: boolean };
  readonly h2Upgrade: boolean;
  readonly origin: ConfigObject | undefined;
}

const EMPTY: MeshSpec = Object.freeze({});

/** `inForce`: the trust domain that the authority issues for; without it, MeshConfig's. */
export function meshSettings(view: ConfigView, inForce?: string): MeshSettings {
  const origin = view.list('MeshConfig')[0];
  const spec = origin?.spec ?? EMPTY;
  const configuredTrustDomain = spec.trustDomain ?? 'cluster.local';
  const trustDomain = inForce ?? configuredTrustDomain;
  return Object.freeze<MeshSettings>({
    spec,
    rootNamespace: spec.rootNamespace ?? 'istio-system',
    trustDomain,
    configuredTrustDomain,
    trustDomainAliases: aliases(spec, trustDomain),
    autoMtls: spec.enableAutoMtls ?? true,
    allowAnyOutbound: (spec.outboundTrafficPolicy?.mode ?? 'ALLOW_ANY') !== 'REGISTRY_ONLY',
    inboundLocalhost: spec.inboundTrafficPolicy?.mode === 'LOCALHOST',
    connectTimeoutMs: durationMs(spec.connectTimeout, 10_000),
    protocolDetectionTimeoutMs: durationMs(spec.protocolDetectionTimeout, 0),
    dnsRefreshMs: durationMs(spec.dnsRefreshRate, 60_000),
    outboundPort: spec.proxyListenPort ?? 15_001,
    inboundPort: spec.proxyInboundListenPort ?? 15_006,
    accessLog: {
      file: spec.accessLogFile ?? '',
      format: spec.accessLogFormat ?? '',
      json: spec.accessLogEncoding === 'JSON',
    },
    h2Upgrade: spec.h2UpgradePolicy === 'UPGRADE',
    origin,
  });
}

/** A trust domain that waits for the next start counts already: replicas of the control plane start one after another. */
function aliases({ trustDomain, trustDomainAliases }: MeshSpec, inForce: string): readonly string[] {
  const waiting = trustDomain === undefined ? [] : [trustDomain];
  return [...new Set([...(trustDomainAliases ?? []), ...waiting])].filter((one) => one !== inForce);
}
