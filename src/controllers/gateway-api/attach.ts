// Which routes attach to which listeners, or to which Services of the mesh (GAMMA), and why others do not.
import {
  GATEWAY_GROUP,
  type GatewayApiInput,
  type KubernetesGateway,
  type Listener,
  type ParentRef,
  type Route,
} from './resources.ts';

export interface Attached {
  readonly gateway: KubernetesGateway;
  readonly listener: Listener;
  /** Hosts that route and listener share; '*' for all. */
  readonly hosts: readonly string[];
}

export type Attachment =
  | { readonly kind: 'listeners'; readonly attached: readonly Attached[] }
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string; readonly port: number | undefined }
  /** Not ours to speak about. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

const KINDS_OF: Readonly<Record<string, readonly string[]>> = {
  HTTP: ['HTTPRoute', 'GRPCRoute'],
  HTTPS: ['HTTPRoute', 'GRPCRoute'],
  TLS: ['TLSRoute'],
  TCP: ['TCPRoute'],
};

export function kindsOf(listener: Listener): readonly string[] {
  const known = KINDS_OF[listener.protocol] ?? [];
  const asked = listener.allowedRoutes?.kinds;
  if (asked === undefined || asked.length === 0) return known;
  return asked
    .filter(({ group, kind }) => (group ?? GATEWAY_GROUP) === GATEWAY_GROUP && known.includes(kind))
    .map(({ kind }) => kind);
}

export function attach(route: Route, parent: ParentRef, input: GatewayApiInput): Attachment {
  const group = parent.group ?? GATEWAY_GROUP;
  const kind = parent.kind ?? 'Gateway';
  const namespace = parent.namespace ?? route.metadata.namespace ?? '';
  if (group === '' && kind === 'Service') {
    const ports = input.servicePorts(namespace, parent.name);
    if (ports === undefined)
      return {
        kind: 'refused',
        reason: 'NoMatchingParent',
        message: `there is no Service ${namespace}/${parent.name}`,
      };
    return { kind: 'service', namespace, name: parent.name, port: parent.port };
  }
  if (group !== GATEWAY_GROUP || kind !== 'Gateway') return { kind: 'foreign' };
  const gateway = input.gateways.find(
    ({ metadata }) => metadata.namespace === namespace && metadata.name === parent.name,
  );
  if (gateway === undefined || !input.classes.has(gateway.spec.gatewayClassName)) return { kind: 'foreign' };
  const named = gateway.spec.listeners.filter(
    (one) =>
      (parent.sectionName === undefined || one.name === parent.sectionName) &&
      (parent.port === undefined || one.port === parent.port),
  );
  if (named.length === 0)
    return {
      kind: 'refused',
      reason: 'NoMatchingParent',
      message: `the Gateway has no listener ${parent.sectionName ?? ''} ${parent.port ?? ''}`.trim(),
    };
  const allowed = named.filter(
    (listener) => kindsOf(listener).includes(route.kind) && namespaceAllowed(listener, gateway, route, input),
  );
  if (allowed.length === 0)
    return {
      kind: 'refused',
      reason: 'NotAllowedByListeners',
      message: 'allowedRoutes of the listeners lets neither this kind nor this namespace in',
    };
  const attached = allowed.flatMap((listener) => {
    const hosts = sharedHosts(listener.hostname, route.spec.hostnames);
    return hosts.length === 0 ? [] : [{ gateway, listener, hosts }];
  });
  if (attached.length === 0)
    return {
      kind: 'refused',
      reason: 'NoMatchingListenerHostname',
      message: 'no hostname of the route fits a hostname of the listeners',
    };
  return { kind: 'listeners', attached };
}

function namespaceAllowed(
  listener: Listener,
  gateway: KubernetesGateway,
  route: Route,
  input: GatewayApiInput,
): boolean {
  const { from = 'Same', selector } = listener.allowedRoutes?.namespaces ?? {};
  const namespace = route.metadata.namespace ?? '';
  if (from === 'All') return true;
  if (from === 'Same') return namespace === gateway.metadata.namespace;
  if (from !== 'Selector') return false;
  const labels = input.namespaceLabels(namespace);
  // Expressions are not read here: a selector that has them lets nobody in.
  if (Object.keys(selector ?? {}).some((field) => field !== 'matchLabels')) return false;
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

function sharedHosts(listener: string | undefined, route: readonly string[] | undefined): readonly string[] {
  if (route === undefined || route.length === 0) return [listener === undefined || listener === '' ? '*' : listener];
  if (listener === undefined || listener === '') return route;
  return [...new Set(route.flatMap((host) => narrower(listener, host) ?? []))];
}

/** `*.a.b` covers every name below `a.b`, also several levels; the narrower of the two is what both mean. */
function narrower(a: string, b: string): string | undefined {
  if (a === b) return a;
  const covers = (wide: string, host: string): boolean =>
    wide.startsWith('*.') && host.length > wide.length - 1 && host.endsWith(wide.slice(1));
  if (covers(a, b.startsWith('*.') ? b.slice(1) : b)) return b;
  if (covers(b, a.startsWith('*.') ? a.slice(1) : a)) return a;
  return undefined;
}
