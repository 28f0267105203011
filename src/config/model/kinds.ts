// The table of kinds: group, served versions, schema, and what `get`, CRDs and the reference pages need to know.

import type { TSchema } from 'typebox';
import { AuthorizationPolicySchema } from './authorization-policy.ts';
import {
  ConfigMapSchema,
  EndpointsSchema,
  EndpointSliceSchema,
  NamespaceSchema,
  SecretSchema,
  ServiceAccountSchema,
  ServiceSchema,
} from './core.ts';
import { DestinationRuleSchema } from './destination-rule.ts';
import {
  EnvoyFilterSchema,
  ProxyConfigResourceSchema,
  TrafficExtensionSchema,
  WasmPluginSchema,
} from './extensions.ts';
import { GatewaySchema } from './gateway.ts';
import { MeshConfigSchema, MeshNetworksSchema } from './mesh-config.ts';
import { MessageLimitsSchema } from './message-limits.ts';
import { PeerAuthenticationSchema } from './peer-authentication.ts';
import { RateLimitSchema } from './rate-limit.ts';
import { RequestAuthenticationSchema } from './request-authentication.ts';
import type { Spec } from './schema.ts';
import { ServiceEntrySchema } from './service-entry.ts';
import { SidecarSchema } from './sidecar.ts';
import { TelemetrySchema } from './telemetry.ts';
import { VirtualServiceSchema } from './virtual-service.ts';
import { WorkloadEntrySchema } from './workload-entry.ts';
import { WorkloadGroupSchema } from './workload-group.ts';

export interface PrinterColumn {
  readonly name: string;
  readonly path: string;
  readonly type: 'string' | 'date';
}

export interface KindInfo {
  /** The manifest's `kind`. */
  readonly manifest: string;
  readonly group: string;
  /** Served versions, the stored one first. */
  readonly versions: readonly string[];
  readonly plural: string;
  readonly short: readonly string[];
  readonly namespaced: boolean;
  /** Where the fields are: under `spec`, or at the top of the manifest (EndpointSlice, Secret, MeshConfig). */
  readonly body: 'spec' | 'top';
  /** crd: Istio's own; core: Kubernetes has it; file: only a document of ours (MeshConfig). */
  readonly origin: 'crd' | 'core' | 'file';
  /** Must the manifest have a spec. */
  readonly specRequired: boolean;
  /** A field not in force refuses the object (design 8). */
  readonly security: boolean;
  readonly columns: readonly PrinterColumn[];
}

const AGE: PrinterColumn = { name: 'Age', path: '.metadata.creationTimestamp', type: 'date' };
const column = (name: string, path: string): PrinterColumn => ({ name, path, type: 'string' });

function crd(
  manifest: string,
  group: string,
  versions: readonly string[],
  plural: string,
  short: readonly string[],
  columns: readonly PrinterColumn[],
  extra: Partial<KindInfo> = {},
): KindInfo {
  return {
    manifest,
    group,
    versions,
    plural,
    short,
    namespaced: true,
    body: 'spec',
    origin: 'crd',
    specRequired: false,
    security: false,
    columns,
    ...extra,
  };
}

function core(
  manifest: string,
  group: string,
  versions: readonly string[],
  plural: string,
  short: readonly string[],
  extra: Partial<KindInfo> = {},
): KindInfo {
  return {
    manifest,
    group,
    versions,
    plural,
    short,
    namespaced: true,
    body: 'top',
    origin: 'core',
    specRequired: false,
    security: false,
    columns: [AGE],
    ...extra,
  };
}

const NETWORKING = 'networking.istio.io';
const SECURITY = 'security.istio.io';
/** Kinds of our own, for what Istio's API has no object for. */
const OWN = 'topsail.io';
const ALL_NETWORKING = ['v1', 'v1beta1', 'v1alpha3'] as const;
const ALL_SECURITY = ['v1', 'v1beta1'] as const;

export const KINDS = {
  VirtualService: crd(
    'VirtualService',
    NETWORKING,
    ALL_NETWORKING,
    'virtualservices',
    ['vs'],
    [column('Gateways', '.spec.gateways'), column('Hosts', '.spec.hosts'), AGE],
  ),
  DestinationRule: crd(
    'DestinationRule',
    NETWORKING,
    ALL_NETWORKING,
    'destinationrules',
    ['dr'],
    [column('Host', '.spec.host'), AGE],
  ),
  Gateway: crd('Gateway', NETWORKING, ALL_NETWORKING, 'gateways', ['gw'], []),
  ServiceEntry: crd(
    'ServiceEntry',
    NETWORKING,
    ALL_NETWORKING,
    'serviceentries',
    ['se'],
    [
      column('Hosts', '.spec.hosts'),
      column('Location', '.spec.location'),
      column('Resolution', '.spec.resolution'),
      AGE,
    ],
    { specRequired: true },
  ),
  WorkloadEntry: crd(
    'WorkloadEntry',
    NETWORKING,
    ALL_NETWORKING,
    'workloadentries',
    ['we'],
    [AGE, column('Address', '.spec.address')],
    { specRequired: true },
  ),
  WorkloadGroup: crd('WorkloadGroup', NETWORKING, ALL_NETWORKING, 'workloadgroups', ['wg'], [AGE], {
    specRequired: true,
  }),
  Sidecar: crd('Sidecar', NETWORKING, ALL_NETWORKING, 'sidecars', [], []),
  EnvoyFilter: crd('EnvoyFilter', NETWORKING, ['v1alpha3'], 'envoyfilters', [], []),
  ProxyConfig: crd('ProxyConfig', NETWORKING, ['v1beta1'], 'proxyconfigs', [], []),
  AuthorizationPolicy: crd(
    'AuthorizationPolicy',
    SECURITY,
    ALL_SECURITY,
    'authorizationpolicies',
    ['ap'],
    [column('Action', '.spec.action'), AGE],
    { security: true },
  ),
  PeerAuthentication: crd(
    'PeerAuthentication',
    SECURITY,
    ALL_SECURITY,
    'peerauthentications',
    ['pa'],
    [column('Mode', '.spec.mtls.mode'), AGE],
    { security: true },
  ),
  RequestAuthentication: crd('RequestAuthentication', SECURITY, ALL_SECURITY, 'requestauthentications', ['ra'], [], {
    security: true,
  }),
  Telemetry: crd('Telemetry', 'telemetry.istio.io', ['v1alpha1', 'v1'], 'telemetries', ['telemetry'], []),
  WasmPlugin: crd('WasmPlugin', 'extensions.istio.io', ['v1alpha1'], 'wasmplugins', [], [AGE], { specRequired: true }),
  TrafficExtension: crd('TrafficExtension', 'extensions.istio.io', ['v1alpha1'], 'trafficextensions', [], [], {
    specRequired: true,
  }),
  MessageLimits: crd(
    'MessageLimits',
    OWN,
    ['v1alpha1'],
    'messagelimits',
    ['ml'],
    [
      column('Request-KiB', '.spec.request.headers.maxKiB'),
      column('Request-Body', '.spec.request.body.maxBytes'),
      column('Response-KiB', '.spec.response.headers.maxKiB'),
      AGE,
    ],
    { specRequired: true },
  ),
  RateLimit: crd(
    'RateLimit',
    OWN,
    ['v1alpha1'],
    'ratelimits',
    ['rl'],
    [column('Rules', '.spec.rules[*].name'), column('Mode', '.spec.rules[*].mode'), AGE],
    { specRequired: true },
  ),
  Service: core('Service', '', ['v1'], 'services', ['svc'], { body: 'spec' }),
  Endpoints: core('Endpoints', '', ['v1'], 'endpoints', ['ep']),
  EndpointSlice: core('EndpointSlice', 'discovery.k8s.io', ['v1'], 'endpointslices', []),
  Namespace: core('Namespace', '', ['v1'], 'namespaces', ['ns'], { namespaced: false, body: 'spec' }),
  Secret: core('Secret', '', ['v1'], 'secrets', []),
  ConfigMap: core('ConfigMap', '', ['v1'], 'configmaps', ['cm']),
  ServiceAccount: core('ServiceAccount', '', ['v1'], 'serviceaccounts', ['sa']),
  MeshConfig: core('MeshConfig', 'mesh.istio.io', ['v1alpha1'], 'meshconfigs', [], { origin: 'file', columns: [] }),
  MeshNetworks: core('MeshNetworks', 'mesh.istio.io', ['v1alpha1'], 'meshnetworks', [], {
    origin: 'file',
    columns: [],
  }),
} as const satisfies Record<string, KindInfo>;

export type KindName = keyof typeof KINDS;

export const SCHEMAS = {
  VirtualService: VirtualServiceSchema,
  DestinationRule: DestinationRuleSchema,
  Gateway: GatewaySchema,
  ServiceEntry: ServiceEntrySchema,
  WorkloadEntry: WorkloadEntrySchema,
  WorkloadGroup: WorkloadGroupSchema,
  Sidecar: SidecarSchema,
  EnvoyFilter: EnvoyFilterSchema,
  ProxyConfig: ProxyConfigResourceSchema,
  AuthorizationPolicy: AuthorizationPolicySchema,
  PeerAuthentication: PeerAuthenticationSchema,
  RequestAuthentication: RequestAuthenticationSchema,
  Telemetry: TelemetrySchema,
  WasmPlugin: WasmPluginSchema,
  TrafficExtension: TrafficExtensionSchema,
  MessageLimits: MessageLimitsSchema,
  RateLimit: RateLimitSchema,
  Service: ServiceSchema,
  Endpoints: EndpointsSchema,
  EndpointSlice: EndpointSliceSchema,
  Namespace: NamespaceSchema,
  Secret: SecretSchema,
  ConfigMap: ConfigMapSchema,
  ServiceAccount: ServiceAccountSchema,
  MeshConfig: MeshConfigSchema,
  MeshNetworks: MeshNetworksSchema,
} as const satisfies Record<KindName, TSchema>;

export type SpecOf<K extends KindName> = Spec<(typeof SCHEMAS)[K]>;

export const KIND_NAMES = Object.keys(KINDS) as readonly KindName[];

export function isKind(name: string): name is KindName {
  return Object.hasOwn(KINDS, name);
}

export function kindInfo(kind: KindName): KindInfo {
  return KINDS[kind];
}

/** The kind that a command line names: `vs`, `virtualservices`, `VirtualService`, `virtualservice.networking.istio.io`. */
export function findKind(word: string): KindName | undefined {
  const wanted = word.toLowerCase();
  return KIND_NAMES.find((name) => {
    const info: KindInfo = KINDS[name];
    const names = [info.manifest.toLowerCase(), info.plural, ...info.short];
    return names.some((known) => wanted === known || wanted === `${known}.${info.group}`);
  });
}
