// The names by which kinds may be called on the command line: kubectl's singular, plural and short ones.

export interface KindNames {
  readonly kind: string;
  readonly group: string;
  readonly plural: string;
  readonly short: readonly string[];
}

const NETWORKING = 'networking.istio.io';
const SECURITY = 'security.istio.io';

export const KINDS: readonly KindNames[] = [
  { kind: 'VirtualService', group: NETWORKING, plural: 'virtualservices', short: ['vs'] },
  { kind: 'DestinationRule', group: NETWORKING, plural: 'destinationrules', short: ['dr'] },
  { kind: 'Gateway', group: NETWORKING, plural: 'gateways', short: ['gw'] },
  { kind: 'ServiceEntry', group: NETWORKING, plural: 'serviceentries', short: ['se'] },
  { kind: 'WorkloadEntry', group: NETWORKING, plural: 'workloadentries', short: ['we'] },
  { kind: 'WorkloadGroup', group: NETWORKING, plural: 'workloadgroups', short: ['wg'] },
  { kind: 'Sidecar', group: NETWORKING, plural: 'sidecars', short: [] },
  { kind: 'EnvoyFilter', group: NETWORKING, plural: 'envoyfilters', short: [] },
  { kind: 'ProxyConfig', group: NETWORKING, plural: 'proxyconfigs', short: [] },
  { kind: 'PeerAuthentication', group: SECURITY, plural: 'peerauthentications', short: ['pa'] },
  { kind: 'AuthorizationPolicy', group: SECURITY, plural: 'authorizationpolicies', short: ['ap'] },
  { kind: 'RequestAuthentication', group: SECURITY, plural: 'requestauthentications', short: ['ra'] },
  { kind: 'Telemetry', group: 'telemetry.istio.io', plural: 'telemetries', short: ['telemetry'] },
  { kind: 'WasmPlugin', group: 'extensions.istio.io', plural: 'wasmplugins', short: [] },
  { kind: 'TrafficExtension', group: 'extensions.istio.io', plural: 'trafficextensions', short: [] },
  { kind: 'MessageLimits', group: 'topsail.io', plural: 'messagelimits', short: ['ml'] },
  { kind: 'RateLimit', group: 'topsail.io', plural: 'ratelimits', short: ['rl'] },
  { kind: 'Service', group: '', plural: 'services', short: ['svc'] },
  { kind: 'Endpoints', group: '', plural: 'endpoints', short: ['ep'] },
  { kind: 'EndpointSlice', group: 'discovery.k8s.io', plural: 'endpointslices', short: [] },
  { kind: 'Namespace', group: '', plural: 'namespaces', short: ['ns'] },
  { kind: 'Secret', group: '', plural: 'secrets', short: [] },
  { kind: 'ConfigMap', group: '', plural: 'configmaps', short: ['cm'] },
  { kind: 'ServiceAccount', group: '', plural: 'serviceaccounts', short: ['sa'] },
  { kind: 'MeshConfig', group: 'mesh.istio.io', plural: 'meshconfigs', short: [] },
  { kind: 'MeshNetworks', group: 'mesh.istio.io', plural: 'meshnetworks', short: [] },
];

/** Undefined when the word names no kind. `vs`, `virtualservice`, `virtualservices.networking.istio.io` all do. */
export function findKind(word: string): KindNames | undefined {
  const lower = word.toLowerCase();
  const dot = lower.indexOf('.');
  const name = dot < 0 ? lower : lower.slice(0, dot);
  const group = dot < 0 ? undefined : lower.slice(dot + 1);
  return KINDS.find(
    (k) =>
      (k.kind.toLowerCase() === name || k.plural === name || k.short.includes(name)) &&
      (group === undefined || group === k.group || group.endsWith(`.${k.group}`)),
  );
}

/** kubectl's way to print one object: `virtualservice.networking.istio.io/reviews`. */
export function objectName(object: { readonly kind: string; readonly group: string; readonly name: string }): string {
  return `${object.kind.toLowerCase()}${object.group === '' ? '' : `.${object.group}`}/${object.name}`;
}
