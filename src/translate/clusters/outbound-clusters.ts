// All outbound clusters and load assignments of a scope: one per service port, and one per subset, defined or retained.

import { sortedEntries, type ObjectRef, type XdsResource } from '#base';
import { Cluster_DiscoveryType, ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { type RetainedSubset, type Snapshot, subsetKey } from '#push';
import {
  type MergedRule,
  type MtlsMode,
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
import { effectivePolicy } from './traffic-policy.ts';

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

/** What all scopes share within one snapshot: the part decides, so most scopes find their clusters by its few fields. */
type PartMemo = Map<string, XdsResource>;

function partKey(part: ClusterPart, cache: TranslationCache): string {
  const { service, port, subset, hostPolicy, ruleOrigins } = part;
  return `${cache.idOf(service)} ${port.number} ${subset === undefined ? '' : cache.idOf(subset)} ${hostPolicy === undefined ? '' : cache.idOf(hostPolicy)} ${cache.idOf(ruleOrigins)}`;
}

export function outboundClusters(
  scope: Scope,
  proxy: ProxyView,
  snapshot: Snapshot,
  cache: TranslationCache,
): ReadonlyMap<string, XdsResource> {
  const memo = cache.owned(
    snapshot.epoch,
    ['cds-memo', proxy.kind, proxy.captured, proxy.direct],
    (): PartMemo => new Map(),
  );
  const found = new Map<string, XdsResource>();
  for (const part of partsOf(scope, cache)) {
    const key = partKey(part, cache);
    let made = memo.get(key);
    if (made === undefined) {
      made = clusterResource(clusterInput(part, proxy, snapshot, cache), cache);
      memo.set(key, made);
    }
    found.set(made.name, made);
  }
  return found;
}

function partsOf(scope: Scope, cache: TranslationCache): readonly ClusterPart[] {
  return cache.owned(scope, ['parts'], () => clusterParts(scope));
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
  ];
  return cache.resource(key, () => resource(ClusterSchema, name, outboundClusterOf(input), clusterOrigins(input)));
}

function clusterInput(
  part: ClusterPart,
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
  return cache.value(['identities', list, snapshot.mesh, service], () =>
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
  const mode = snapshot.peerAuthentications.modeOf(first, first.declaredPort);
  return list.every((e) => snapshot.peerAuthentications.modeOf(e, e.declaredPort) === mode) ? mode : 'PERMISSIVE';
}

/** Load assignments of the clusters that ask for them. */
export function loadAssignments(
  scope: Scope,
  proxy: ProxyView,
  snapshot: Snapshot,
  cache: TranslationCache,
): ReadonlyMap<string, XdsResource> {
  const place = placeOf(scope, proxy);
  const memo = cache.owned(
    snapshot.endpoints,
    ['eds-memo', snapshot.peerAuthentications, snapshot.mesh, place],
    (): PartMemo => new Map(),
  );
  const found = new Map<string, XdsResource>();
  for (const part of partsOf(scope, cache)) {
    if (!asksForEndpoints(part, proxy)) continue;
    const key = partKey(part, cache);
    let made = memo.get(key);
    if (made === undefined) {
      made = assignmentResource(part, scope, proxy, snapshot, cache);
      memo.set(key, made);
    }
    found.set(made.name, made);
  }
  return found;
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
  const policy = effectivePolicy(hostPolicy, subset?.trafficPolicy, port.number);
  const setting = policy.loadBalancer?.localityLbSetting ?? snapshot.mesh.spec.localityLbSetting;
  const plan = localityPlan({
    setting,
    outlier: policy.outlierDetection !== undefined,
    near: proxy.locality,
    labels: proxy.labels,
  });
  const endpoints = endpointsOfPort(snapshot.endpoints.get(serviceKey(service)), port.number);
  const { peerAuthentications } = snapshot;
  const place: KeyPart = plan === undefined ? '' : [placeOf(scope, proxy), setting];
  const list: KeyPart = endpoints.length === 0 ? 'none' : cache.idOf(endpoints);
  const key: KeyPart[] = [
    'eds',
    cluster,
    list,
    subset?.labels,
    peerAuthentications.inputsOf(service.namespace),
    service.meshExternal,
    place,
  ];
  const init = () =>
    loadAssignment({
      cluster,
      endpoints,
      subsetLabels: subset?.labels,
      peerAuthentications,
      meshExternal: service.meshExternal,
      plan,
    });
  return cache.resource(key, () => resource(ClusterLoadAssignmentSchema, cluster, init(), [service.origin]));
}
