// All outbound clusters and load assignments of a scope: one per service port, and one per subset, defined or retained.

import { sortedEntries, type ObjectRef, type XdsResource } from '#base';
import { Cluster_DiscoveryType, ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { type RetainedSubset, type Snapshot, subsetKey } from '#push';
import {
  type MergedRule,
  type MtlsMode,
  modeOfEndpoint,
  type Service,
  type ServiceEndpoints,
  type ServicePort,
  serviceKey,
  type Subset,
  type TrafficPolicy,
} from '#registry';
import type { KeyPart, TranslationCache } from '../cache.ts';
import { resource } from '../encode.ts';
import { loadAssignment } from '../endpoints/load-assignment.ts';
import { localityPlan } from '../endpoints/locality-plan.ts';
import { endpointIdentities, endpointsOfPort, namespacePrefixes } from '../identities.ts';
import type { ProxyView } from '../proxy-view.ts';
import type { Scope } from '../scope.ts';
import { outboundCluster } from '../names.ts';
import {
  clusterOrigins,
  discoveryType,
  type OutboundClusterInput,
  outboundClusterName,
  outboundClusterOf,
} from './outbound-cluster.ts';
import { effectivePolicy, withFailoverHealth } from './traffic-policy.ts';

/** A cluster before it is generated: which part of which service. */
export interface ClusterPart {
  readonly service: Service;
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly hostPolicy: TrafficPolicy | undefined;
  readonly ruleOrigins: readonly ObjectRef[];
}

const NO_ORIGINS: readonly ObjectRef[] = [];

export function clusterParts(scope: Scope): readonly ClusterPart[] {
  const retained = retainedByHost(scope.snapshot);
  const parts: ClusterPart[] = [];
  for (const service of scope.services) {
    const rule = scope.rule(service);
    for (const port of service.ports) {
      if (port.protocol === 'UDP' || !scope.allowsPort(service.hostname, port.number)) continue;
      const common = { service, port, hostPolicy: rule?.trafficPolicy, ruleOrigins: rule?.origins ?? NO_ORIGINS };
      parts.push({ ...common, subset: undefined });
      for (const subset of rule?.subsets ?? []) parts.push({ ...common, subset });
      for (const kept of retained.get(service.hostname) ?? []) parts.push(...retainedPart(kept, rule, service, port));
    }
  }
  return parts;
}

function retainedPart(
  kept: RetainedSubset,
  rule: MergedRule | undefined,
  service: Service,
  port: ServicePort,
): readonly ClusterPart[] {
  if (rule?.subsets.some((subset) => subset.name === kept.subset.name)) return [];
  return [
    {
      service,
      port,
      subset: kept.subset,
      hostPolicy: rule?.trafficPolicy ?? kept.trafficPolicy,
      ruleOrigins: rule?.origins ?? kept.origins,
    },
  ];
}

function retainedByHost(snapshot: Scope['snapshot']): ReadonlyMap<string, readonly RetainedSubset[]> {
  const found = new Map<string, RetainedSubset[]>();
  for (const kept of snapshot.retained.subsets.values()) found.set(kept.host, [...(found.get(kept.host) ?? []), kept]);
  return found;
}

/** The subset's definition as clients of this scope get it. */
export function findSubset(scope: Scope, service: Service, name: string): Subset | undefined {
  return (
    scope.rule(service)?.subsets.find((subset) => subset.name === name) ??
    scope.snapshot.retained.subsets.get(subsetKey(service.hostname, name))?.subset
  );
}

function partKey(part: ClusterPart, cache: TranslationCache): string {
  const { service, port, subset, hostPolicy, ruleOrigins } = part;
  return `${cache.idOf(service)} ${port.number} ${subset === undefined ? '' : cache.idOf(subset)} ${hostPolicy === undefined ? '' : cache.idOf(hostPolicy)} ${cache.idOf(ruleOrigins)}`;
}

/** Within one epoch only endpoints change, and those of clusters do not. */
export function outboundClusters(
  scope: Scope,
  proxy: ProxyView,
  snapshot: Snapshot,
  cache: TranslationCache,
): ReadonlyMap<string, XdsResource> {
  const parts = partsOf(scope, cache);
  const limits = limitsOf(scope, proxy);
  const newest = cache.owned(parts, ['clusters', limits, proxy.kind, proxy.captured, proxy.direct], newMade);
  if (newest.epoch !== snapshot.epoch)
    renew(newest, snapshot, parts, cache, (part) =>
      clusterResource(clusterInput(part, limits, proxy, snapshot, cache), cache),
    );
  return newest.byName;
}

/** One list for all scopes in which it comes out alike: most of a mesh, which then shares all that is made of it. */
export function partsOf(scope: Scope, cache: TranslationCache): readonly ClusterPart[] {
  const { destinationRules, retained, mesh } = scope.snapshot;
  // Lists by their identity: in a key they would stand with all that they hold.
  const reads = [cache.idOf(scope.services), mesh, retained.subsets, scope.namespace, JSON.stringify(scope.labels)];
  return cache.owned(destinationRules, ['parts-of-scope', ...reads], () => {
    const parts = clusterParts(scope);
    return cache.owned(destinationRules, ['parts', parts.map((part) => partKey(part, cache)).join()], () => parts);
  });
}

function clusterResource(input: OutboundClusterInput, cache: TranslationCache): XdsResource {
  const name = outboundClusterName(input);
  const {
    service,
    port,
    subset,
    hostPolicy,
    ruleOrigins,
    mesh,
    mode,
    identities,
    identityPrefixes,
    gateway,
    captured,
    direct,
    inline,
    limits,
  } = input;
  const key = [
    'cds',
    service,
    port,
    subset,
    hostPolicy,
    ruleOrigins,
    mesh,
    mode,
    identities.join(' '),
    identityPrefixes.join(' '),
    gateway,
    captured,
    direct,
    inline,
    limits,
  ];
  return cache.resource(key, () => resource(ClusterSchema, name, outboundClusterOf(input), clusterOrigins(input)));
}

/** Sidecars bound what their own application answers, gateways what everybody does. */
function limitsOf({ limits }: Scope, { kind }: ProxyView): Scope['limits'] | undefined {
  return kind === 'router' ? limits : undefined;
}

function clusterInput(
  part: ClusterPart,
  limits: Scope['limits'] | undefined,
  proxy: ProxyView,
  snapshot: Snapshot,
  cache: TranslationCache,
): OutboundClusterInput {
  const { service, port } = part;
  const endpoints = snapshot.endpoints.get(serviceKey(service));
  const dns = service.resolution === 'dns' || service.resolution === 'dns-round-robin';
  const verified = !service.meshExternal && !dns;
  return {
    ...part,
    mesh: snapshot.mesh,
    mode: serviceMode(snapshot, service, port, endpoints),
    identities: verified ? identitiesOf(snapshot, service, port, endpoints, cache) : service.subjectAltNames,
    identityPrefixes: verified ? namespacePrefixes(snapshot.mesh, service.namespace) : [],
    gateway: proxy.kind === 'router',
    captured: proxy.captured,
    direct: proxy.direct,
    inline: dns ? endpointsOfPort(endpoints, port.number) : [],
    limits,
  };
}

function identitiesOf(
  snapshot: Snapshot,
  service: Service,
  port: ServicePort,
  endpoints: ServiceEndpoints | undefined,
  cache: TranslationCache,
): readonly string[] {
  const list = endpoints?.byPort.get(port.number);
  if (list === undefined) return service.subjectAltNames;
  return cache.owned(list, ['identities', snapshot.mesh, service], () =>
    endpointIdentities(snapshot.mesh, service, list),
  );
}

/** STRICT only when every endpoint is: then the client may rule out plaintext as a whole. DISABLE likewise. */
function serviceMode(
  snapshot: Snapshot,
  service: Service,
  port: ServicePort,
  endpoints: ServiceEndpoints | undefined,
): MtlsMode {
  const whole = snapshot.peerAuthentications.modeOfNamespace(service.namespace);
  const list = endpointsOfPort(endpoints, port.number);
  if (list.length === 0) return whole;
  const first = list[0] as (typeof list)[number];
  const mode = modeOfEndpoint(snapshot.peerAuthentications, first);
  return list.every((e) => modeOfEndpoint(snapshot.peerAuthentications, e) === mode) ? mode : 'PERMISSIVE';
}

/** Load assignments of the clusters that ask for them. */
export function loadAssignments(
  scope: Scope,
  proxy: ProxyView,
  snapshot: Snapshot,
  cache: TranslationCache,
): ReadonlyMap<string, XdsResource> {
  const parts = partsOf(scope, cache);
  // There are few places, but as many sets of labels as pods ever had.
  const owner = scope.readsClientLabels ? snapshot.endpoints : parts;
  const key = ['assignments', cache.idOf(parts), placeOf(scope, proxy), proxy.kind, proxy.captured, proxy.direct];
  const newest = cache.owned(owner, key, newMade);
  renew(newest, snapshot, parts, cache, (part) =>
    asksForEndpoints(part, proxy) ? assignmentResource(part, scope, proxy, snapshot, cache) : undefined,
  );
  return newest.byName;
}

/** What was made of parts for one class of clients last, and of what it was made. */
interface Made {
  epoch: object | undefined;
  endpoints: Snapshot['endpoints'];
  peerAuthentications: Snapshot['peerAuthentications'] | undefined;
  byName: ReadonlyMap<string, XdsResource>;
}

function newMade(): Made {
  return { epoch: undefined, endpoints: new Map(), peerAuthentications: undefined, byName: new Map() };
}

/** Only what the services with other endpoints than before give is made anew; the map stays where that is nothing new. */
function renew(
  made: Made,
  { epoch, endpoints, peerAuthentications }: Snapshot,
  parts: readonly ClusterPart[],
  cache: TranslationCache,
  make: (part: ClusterPart) => XdsResource | undefined,
): void {
  const known = made.peerAuthentications === peerAuthentications;
  const changed: XdsResource[] = [];
  const look = (part: ClusterPart): void => {
    const one = make(part);
    if (one !== undefined && made.byName.get(one.name) !== one) changed.push(one);
  };
  if (!known) parts.forEach(look);
  else if (made.endpoints !== endpoints) {
    const ofService = cache.owned(parts, ['by-service'], () => partsByService(parts));
    for (const service of differentServices(made.endpoints, endpoints)) ofService.get(service)?.forEach(look);
  }
  if (changed.length > 0) {
    const byName = new Map(made.byName);
    for (const one of changed) byName.set(one.name, one);
    made.byName = byName;
  }
  Object.assign(made, { epoch, endpoints, peerAuthentications });
}

function partsByService(parts: readonly ClusterPart[]): ReadonlyMap<string, readonly ClusterPart[]> {
  const found = new Map<string, ClusterPart[]>();
  for (const part of parts) {
    const key = serviceKey(part.service);
    const list = found.get(key);
    if (list === undefined) found.set(key, [part]);
    else list.push(part);
  }
  return found;
}

function* differentServices(before: Snapshot['endpoints'], after: Snapshot['endpoints']): Iterable<string> {
  for (const [service, endpoints] of after) if (before.get(service) !== endpoints) yield service;
  for (const service of before.keys()) if (!after.has(service)) yield service;
}

/** What of a client decides its assignments: its locality, and its labels only where some rule reads them. */
export function placeOf(scope: Scope, proxy: ProxyView): string {
  const { region, zone, subZone } = proxy.locality;
  return `${region}/${zone}/${subZone}${scope.readsClientLabels ? JSON.stringify(sortedEntries(proxy.labels)) : ''}`;
}

function asksForEndpoints({ service, port, subset, hostPolicy }: ClusterPart, proxy: ProxyView): boolean {
  const policy = effectivePolicy(hostPolicy, subset?.trafficPolicy, port.number);
  return (
    discoveryType(
      { service, gateway: proxy.kind === 'router', captured: proxy.captured, direct: proxy.direct },
      policy,
    ) === Cluster_DiscoveryType.EDS
  );
}

function assignmentResource(
  { service, port, subset, hostPolicy }: ClusterPart,
  scope: Scope,
  proxy: ProxyView,
  snapshot: Snapshot,
  cache: TranslationCache,
): XdsResource {
  const cluster = outboundCluster(port.number, subset?.name ?? '', service.hostname);
  const ofMesh = snapshot.mesh.spec.localityLbSetting;
  const policy = withFailoverHealth(effectivePolicy(hostPolicy, subset?.trafficPolicy, port.number), ofMesh);
  const setting = policy.loadBalancer?.localityLbSetting ?? ofMesh;
  const plan = localityPlan({
    setting,
    outlier: policy.outlierDetection !== undefined,
    near: proxy.locality,
    labels: proxy.labels,
  });
  const endpoints = endpointsOfPort(snapshot.endpoints.get(serviceKey(service)), port.number);
  const { peerAuthentications } = snapshot;
  const place: KeyPart = plan === undefined ? '' : [placeOf(scope, proxy), setting];
  const key: KeyPart[] = [
    'eds',
    cluster,
    subset?.labels,
    peerAuthentications.inputsOf(service.namespace),
    service.meshExternal,
    proxy.families,
    place,
  ];
  const init = () =>
    loadAssignment({
      cluster,
      endpoints,
      subsetLabels: subset?.labels,
      peerAuthentications,
      meshExternal: service.meshExternal,
      families: proxy.families,
      plan,
    });
  const make = (): XdsResource => resource(ClusterLoadAssignmentSchema, cluster, init(), [service.origin]);
  // Endpoints come and go all the time: what was made of them goes with them.
  return endpoints.length === 0 ? cache.resource(key, make) : cache.owned(endpoints, key, make);
}
