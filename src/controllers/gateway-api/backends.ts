// Backend references become destinations; what cannot be resolved keeps its share and answers 500, as the Gateway API demands.
import { mayRefer } from './reference-grants.ts';
import type { BackendRef, GatewayApiInput, Route } from './resources.ts';

export interface Unresolved {
  readonly reason: 'InvalidKind' | 'BackendNotFound' | 'RefNotPermitted' | 'UnsupportedValue';
  readonly message: string;
}

export interface Destination {
  readonly destination: { readonly host: string; readonly port: { readonly number: number } };
  readonly weight: number;
  readonly ref: BackendRef;
}

/** Where requests come from decides what they may reach. */
export interface BackendInput extends GatewayApiInput {
  readonly from: 'gateway' | 'mesh';
  /** A policy for the port cannot be kept: requests fail, rather than to leave without it. */
  readonly refuses: (namespace: string, service: string, port: number) => boolean;
}

export interface Backends {
  readonly destinations: readonly Destination[];
  /** Share of requests, in percent, whose backend does not exist. */
  readonly lostPercent: number;
}

export function resolveBackends(
  refs: readonly BackendRef[],
  route: Route,
  input: BackendInput,
  complain: (problem: Unresolved) => void,
): Backends {
  const destinations: Destination[] = [];
  let total = 0;
  let lost = 0;
  for (const ref of refs) {
    const weight = ref.weight ?? 1;
    total += weight;
    const found = resolveBackend(ref, route, input);
    if ('reason' in found) {
      complain(found);
      lost += weight;
    } else if (isRefused(ref, route, input)) lost += weight;
    else if (weight > 0) destinations.push({ ...found, weight, ref });
  }
  return { destinations, lostPercent: total === 0 ? 100 : (lost * 100) / total };
}

/** Only gateways keep BackendTLSPolicies. */
export function isRefused(ref: BackendRef, route: Route, input: BackendInput): boolean {
  if (input.from === 'mesh' || (ref.kind ?? 'Service') !== 'Service') return false;
  return input.refuses(ref.namespace ?? route.metadata.namespace ?? '', ref.name, ref.port ?? 0);
}

export function resolveBackend(
  ref: BackendRef,
  route: Route,
  { grants, servicePorts, domain, from: side }: BackendInput,
): Unresolved | { readonly destination: Destination['destination'] } {
  const group = ref.group ?? '';
  const kind = ref.kind ?? 'Service';
  const from = { kind: route.kind, namespace: route.metadata.namespace ?? '' };
  const namespace = ref.namespace ?? from.namespace;
  if (group === 'networking.istio.io' && kind === 'Hostname')
    return ref.port === undefined ? noPort(ref) : { destination: { host: ref.name, port: { number: ref.port } } };
  if (group !== '' || kind !== 'Service')
    return {
      reason: 'InvalidKind',
      message: `backends of kind ${group === '' ? kind : `${group}/${kind}`} are not taken: use a Service`,
    };
  // What a workload may call anyhow, its own route may name.
  if (side === 'gateway' && !mayRefer(grants, from, { group, kind, namespace, name: ref.name }))
    return {
      reason: 'RefNotPermitted',
      message: `no ReferenceGrant of namespace ${namespace} lets a ${route.kind} of ${from.namespace} refer to Service ${ref.name}`,
    };
  const ports = servicePorts(namespace, ref.name);
  if (ports === undefined)
    return { reason: 'BackendNotFound', message: `there is no Service ${namespace}/${ref.name}` };
  if (ref.port === undefined) return noPort(ref);
  if (!ports.includes(ref.port))
    return { reason: 'BackendNotFound', message: `Service ${namespace}/${ref.name} has no port ${ref.port}` };
  return { destination: { host: `${ref.name}.${namespace}.svc.${domain}`, port: { number: ref.port } } };
}

function noPort(ref: BackendRef): Unresolved {
  return { reason: 'UnsupportedValue', message: `the backend ${ref.name} names no port` };
}
