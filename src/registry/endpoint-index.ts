// Builds the endpoints of one service from workloads, Endpoints and EndpointSlices, and keeps what did not change.

import { isIpv6 } from './address-family.ts';
import type { CoreEndpoints, CoreEndpointSlice } from './kinds.ts';
import {
  type Endpoint,
  NO_LOCALITY,
  type Service,
  type ServiceEndpoints,
  type ServicePort,
  type Workload,
} from './model.ts';
import { labelsMatch } from './visibility.ts';

export const NO_ENDPOINTS: ServiceEndpoints = Object.freeze({ byPort: new Map() });

export interface EndpointSources {
  /** Workloads of the service's namespace. */
  readonly workloads: Iterable<Workload>;
  /** Listed in the ServiceEntry itself. */
  readonly inline: readonly Workload[];
  readonly endpoints: CoreEndpoints | undefined;
  readonly slices: readonly CoreEndpointSlice[];
  readonly workloadAt: (address: string) => Workload | undefined;
  /** The pod that an EndpointSlice refers to: several may share their node's address. */
  readonly pod: (namespace: string, name: string) => Workload | undefined;
}

/** `former` itself when nothing differs, so that everything cached for it stays valid. */
export function buildEndpoints(
  service: Service,
  sources: EndpointSources,
  former: ServiceEndpoints | undefined,
): ServiceEndpoints {
  const byPort = new Map<number, readonly Endpoint[]>();
  const seen = new Map<string, Endpoint>();
  for (const list of former?.byPort.values() ?? []) for (const e of list) seen.set(identity(e), e);
  const selected = selectedBy(service, sources.workloads);
  for (const port of service.ports) {
    if (port.protocol === 'UDP') continue;
    const found = endpointsOfPort(service, port, selected, sources);
    if (found.length === 0) continue;
    found.sort(byAddress);
    const kept = found.map((e) => keep(seen.get(identity(e)), e));
    const before = former?.byPort.get(port.number);
    byPort.set(port.number, before !== undefined && sameList(before, kept) ? before : kept);
  }
  if (former !== undefined && sameMap(former.byPort, byPort)) return former;
  return byPort.size === 0 ? NO_ENDPOINTS : Object.freeze({ byPort });
}

/** Read once: it may be an iterator, and a service has several ports. */
function selectedBy({ selector }: Service, workloads: Iterable<Workload>): readonly Workload[] {
  if (selector === undefined) return [];
  const found: Workload[] = [];
  for (const workload of workloads)
    if (workload.address !== '' && labelsMatch(selector, workload.labels)) found.push(workload);
  return found;
}

function endpointsOfPort(
  service: Service,
  port: ServicePort,
  selected: readonly Workload[],
  sources: EndpointSources,
): Endpoint[] {
  const found: Endpoint[] = [];
  for (const workload of [...selected, ...sources.inline]) {
    const endpoint = endpointOf(workload, service, port);
    if (endpoint !== undefined) found.push(endpoint);
  }
  const covered = new Set(found.map((e) => e.address));
  const listed = sources.slices.length > 0 ? fromSlices(service, port, sources) : fromEndpoints(service, port, sources);
  for (const endpoint of listed) if (!covered.has(endpoint.address)) found.push(endpoint);
  return found;
}

/** The bound port in interception mode NONE, else WorkloadEntry.ports by the port's name, else the target port. */
function endpointOf(workload: Workload, service: Service, port: ServicePort): Endpoint | undefined {
  if (workload.address.startsWith('unix://')) return make(workload.address, 0, port.number, workload);
  const declared = declaredPort(workload, port, service.registry);
  if (declared === undefined) return undefined;
  return make(workload.address, workload.boundPorts.get(declared) ?? declared, declared, workload);
}

function declaredPort(workload: Workload, port: ServicePort, registry: Service['registry']): number | undefined {
  const named =
    workload.ports[port.name] ?? (typeof port.targetPort === 'string' ? workload.ports[port.targetPort] : undefined);
  if (named !== undefined) return named;
  if (typeof port.targetPort === 'number') return port.targetPort;
  return registry === 'External' ? port.number : undefined;
}

function make(address: string, port: number, declared: number, workload: Workload): Endpoint {
  return {
    address,
    secondAddress: '',
    port,
    declaredPort: declared,
    labels: workload.labels,
    namespace: workload.namespace,
    serviceAccount: workload.serviceAccount,
    network: workload.network,
    locality: workload.locality,
    weight: workload.weight,
    tlsMode: workload.tlsMode,
    outside: workload.outside,
    health: workload.healthy ? 'healthy' : 'unhealthy',
    workloadName: workload.name,
    cluster: workload.cluster,
  };
}

function bare(service: Service, address: string, port: number, health: Endpoint['health'], outside: boolean): Endpoint {
  return {
    address,
    secondAddress: '',
    port,
    declaredPort: port,
    labels: {},
    namespace: service.namespace,
    serviceAccount: '',
    network: '',
    locality: NO_LOCALITY,
    weight: 0,
    tlsMode: 'disabled',
    outside,
    health,
    workloadName: address,
    cluster: '',
  };
}

function fromEndpoints(service: Service, port: ServicePort, sources: EndpointSources): Endpoint[] {
  const found: Endpoint[] = [];
  for (const subset of sources.endpoints?.spec.subsets ?? []) {
    const target = portOf(service, port, subset.ports);
    if (target === undefined) continue;
    for (const [list, health] of [
      [subset.addresses ?? [], 'healthy'],
      [subset.notReadyAddresses ?? [], 'unhealthy'],
    ] as const) {
      for (const { ip } of list)
        found.push(known(service, sources.workloadAt(ip), ip, target.port, { health, outside: true }));
    }
  }
  return found;
}

function fromSlices(service: Service, port: ServicePort, sources: EndpointSources): Endpoint[] {
  const found: Endpoint[] = [];
  const pods = new Map<string, number>();
  for (const { spec } of sources.slices) {
    const target = portOf(service, port, spec.ports);
    if (target?.port === undefined) continue;
    for (const endpoint of spec.endpoints ?? []) {
      const health = healthOf(endpoint.conditions ?? {});
      const { targetRef } = endpoint;
      const pod =
        targetRef?.kind === 'Pod'
          ? sources.pod(targetRef.namespace ?? service.namespace, targetRef.name ?? '')
          : undefined;
      for (const ip of endpoint.addresses ?? []) {
        // A pod that is not known yet may have a proxy.
        const facts = { health, outside: targetRef?.kind !== 'Pod' };
        const made = known(service, pod ?? sources.workloadAt(ip), ip, target.port, facts);
        // A pod of both families stands in a slice of each: it is one endpoint.
        const place: string | undefined = targetRef?.kind === 'Pod' ? `${targetRef.name}:${target.port}` : undefined;
        const at = place === undefined ? undefined : pods.get(place);
        const other = at === undefined ? undefined : found[at];
        if (at !== undefined && other?.secondAddress === '' && isIpv6(other.address) !== isIpv6(ip)) {
          found[at] = bothOf(service, other, made);
          continue;
        }
        if (place !== undefined && at === undefined) pods.set(place, found.length);
        found.push(made);
      }
    }
  }
  return found;
}

/** A list of pods without the container port that a service port names lacks that one: others must not stand in for it. */
function portOf<T extends { readonly name?: string }>(
  service: Service,
  { name }: ServicePort,
  listed: readonly T[] = [],
): T | undefined {
  const alone = service.ports.length === 1 && listed.length === 1;
  return alone ? listed[0] : listed.find((one) => (one.name ?? '') === name);
}

/** The service's own first family comes first. */
function bothOf({ addresses }: Service, a: Endpoint, b: Endpoint): Endpoint {
  const v6First = isIpv6(addresses[0] ?? '');
  const [first, second] = isIpv6(a.address) === v6First ? [a, b] : [b, a];
  return { ...first, secondAddress: second.address };
}

/** One that is ending is never ready, but may serve; where publishNotReadyAddresses is set, all are called ready. */
function healthOf({
  ready,
  serving,
  terminating,
}: {
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
}): Endpoint['health'] {
  if (ready === true) return 'healthy';
  if (terminating === true) return serving === false ? 'unhealthy' : 'draining';
  return ready === false ? 'unhealthy' : 'healthy';
}

function known(
  service: Service,
  workload: Workload | undefined,
  ip: string,
  port: number,
  { health, outside }: Pick<Endpoint, 'health' | 'outside'>,
): Endpoint {
  if (workload === undefined) return bare(service, ip, port, health, outside);
  const endpoint = make(ip, port, port, workload);
  return health === 'healthy' ? endpoint : { ...endpoint, health };
}

function identity(e: Endpoint): string {
  return `${e.address}:${e.port}`;
}

function byAddress(a: Endpoint, b: Endpoint): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.port - b.port;
}

function keep(former: Endpoint | undefined, next: Endpoint): Endpoint {
  if (former === undefined) return Object.freeze(next);
  for (const key in next) {
    const name = key as keyof Endpoint;
    if (former[name] !== next[name] && !equalRecord(former[name], next[name])) return Object.freeze(next);
  }
  return former;
}

function equalRecord(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

function sameMap(a: ReadonlyMap<number, unknown>, b: ReadonlyMap<number, unknown>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}
