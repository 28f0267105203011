// Which objects are about a service: those that name its host, and policies of its namespace that select it or everything.
import type { ObjectJson } from '../../src/api/api-json.ts';

const HOST_KINDS: ReadonlySet<string> = new Set(['VirtualService', 'DestinationRule', 'ServiceEntry']);
const POLICY_KINDS: ReadonlySet<string> = new Set([
  'AuthorizationPolicy',
  'PeerAuthentication',
  'RequestAuthentication',
  'Telemetry',
  'Sidecar',
  'EnvoyFilter',
]);
const ROOT_NAMESPACE = 'istio-system';

interface Spec {
  readonly hosts?: readonly string[];
  readonly host?: string;
  readonly selector?: {
    readonly matchLabels?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> };
}

export function objectsAbout(
  objects: readonly ObjectJson[],
  namespace: string,
  service: string,
): readonly ObjectJson[] {
  return objects.filter((one) => {
    const spec = (one.spec ?? {}) as Spec;
    if (one.kind === 'Service') return one.namespace === namespace && one.name === service;
    if (HOST_KINDS.has(one.kind))
      return [...(spec.hosts ?? []), spec.host ?? ''].some((host) => isHost(host, one.namespace, namespace, service));
    if (!POLICY_KINDS.has(one.kind) || (one.namespace !== namespace && one.namespace !== ROOT_NAMESPACE)) return false;
    const labels = { ...spec.selector?.matchLabels, ...spec.selector?.labels, ...spec.workloadSelector?.labels };
    return Object.keys(labels).length === 0 || Object.values(labels).includes(service);
  });
}

/** Short names are of the object's own namespace. */
function isHost(host: string, from: string, namespace: string, service: string): boolean {
  const [name, hostNamespace = from] = host.split('.');
  return host === '*' || (name === service && hostNamespace === namespace);
}
