// What one class of proxies may see: services, VirtualServices and DestinationRules, cut by exportTo and by its Sidecar (inventory §1.5).

import { sortedEntries } from '#base';
import type { ConfigObject } from '#config';
import type { Snapshot } from '#push';
import {
  addressesFor,
  bySpecificity,
  type Families,
  findDestinationRule,
  findService,
  hostCovers,
  hostsOverlap,
  isVisible,
  isWildcard,
  type MergedRule,
  messageLimitsOf,
  resolveHost,
  type ResolvedVirtualService,
  type Service,
  type Sidecar,
  sidecarOf,
  telemetriesOf,
  wasmPluginsOf,
} from '#registry';
import type { TranslationCache } from './cache.ts';
import { type ScopeLimits, scopeLimits } from './filters/message-limits.ts';
import type { ProxyView } from './proxy-view.ts';
import { type PluginSlots, pluginSlots } from './wasm/plugin-slots.ts';
import { namesItself, type ProxyTelemetry, proxyTelemetry } from './telemetry/proxy-telemetry.ts';

export interface Scope {
  /** Without what an endpoint change replaces: a scope outlives that. */
  readonly snapshot: Omit<Snapshot, 'number' | 'configNumber' | 'epoch' | 'config' | 'endpoints'>;
  readonly namespace: string;
  /** Stock Envoy: its listeners hold no filter of ours. */
  readonly envoy: boolean;
  /** Services are as such a proxy can reach them. */
  readonly families: Families;
  /** Empty unless some rule asks for clients' labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Some failoverPriority compares endpoints' labels with the client's. */
  readonly readsClientLabels: boolean;
  /** One service per host, as the namespace sees it, sorted by host; without those that are another's name. */
  readonly services: readonly Service[];
  readonly sidecar: Sidecar | undefined;
  readonly allowAny: boolean;
  /** Where the listeners of these workloads hold a place for a WasmPlugin. */
  readonly plugins: PluginSlots;
  /** Of the workloads that share it. */
  readonly limits: ScopeLimits;
  /** Of the workloads that share it: Telemetry objects may choose by labels. */
  readonly telemetry: ProxyTelemetry;
  service(host: string): Service | undefined;
  /** Other names of a service: hosts of ExternalNames. */
  aliases(service: Service): readonly string[];
  rule(service: Service): MergedRule | undefined;
  /** The one in force for a host in the mesh. */
  virtualService(host: string): ResolvedVirtualService | undefined;
  /** Hosts of mesh VirtualServices, with their owner, that name no service. */
  readonly unknownHosts: ReadonlyMap<string, ResolvedVirtualService>;
  /** All visible VirtualServices, for gateways. */
  readonly virtualServices: readonly ResolvedVirtualService[];
  /** Of another name of a service it is the service's. */
  resolve(host: string, namespace: string): string;
  /** May the client use this port of the service (an egress listener with a port limits it). */
  allowsPort(host: string, port: number): boolean;
}

/** Scopes are equal, and shared, for proxies of one namespace, Sidecar, Telemetry, MessageLimits and data plane; labels count only where some rule asks for them. */
export function scopeOf(snapshot: Snapshot, proxy: ProxyView, cache: TranslationCache): Scope {
  const sidecar = proxy.kind === 'router' ? undefined : sidecarOf(snapshot.config, proxy, snapshot.mesh.rootNamespace);
  const labels = usesLabels(snapshot) ? proxy.labels : {};
  const labelText = JSON.stringify(sortedEntries(labels));
  const telemetries = telemetriesOf(snapshot.config, proxy, snapshot.mesh.rootNamespace);
  const plugins = pluginSlots(wasmPluginsOf(snapshot.config, proxy, snapshot.mesh.rootNamespace), cache);
  const limits = scopeLimits(messageLimitsOf(snapshot.config, proxy, snapshot.mesh.rootNamespace), cache);
  const serviceName = proxy.envoy && namesItself(telemetries, snapshot) ? serviceNameOf(proxy) : '';
  const key = [
    'scope',
    snapshot.mesh,
    proxy.namespace,
    proxy.envoy,
    proxy.families,
    sidecar as ConfigObject | undefined,
    labelText,
    telemetries,
    plugins,
    limits,
    serviceName,
  ];
  return cache.owned(snapshot.virtualServices, key, () => {
    const scope = buildScope(snapshot, proxy, sidecar, labels, cache);
    const service = (host: string): Service | undefined =>
      scope.service(host) ?? scope.service(scope.resolve(host, snapshot.mesh.rootNamespace));
    const places = { mesh: snapshot.mesh, service };
    return {
      ...scope,
      plugins,
      limits,
      telemetry: proxyTelemetry(telemetries, places, serviceName, proxy.envoy, cache),
    };
  });
}

/** `app.namespace`, as Istio names workloads in traces. */
function serviceNameOf({ labels, workload, namespace }: ProxyView): string {
  return `${labels['service.istio.io/canonical-name'] ?? labels['app'] ?? workload}.${namespace}`;
}

function usesLabels(snapshot: Snapshot): boolean {
  return snapshot.destinationRules.usesLabels || snapshot.virtualServices.all.some((vs) => vs.usesLabels);
}

function readsClientLabels({ config, mesh }: Snapshot): boolean {
  const asks = (
    policy:
      | { readonly loadBalancer?: { readonly localityLbSetting?: { readonly failoverPriority?: readonly string[] } } }
      | undefined,
  ): boolean => (policy?.loadBalancer?.localityLbSetting?.failoverPriority ?? []).length > 0;
  if ((mesh.spec.localityLbSetting?.failoverPriority ?? []).length > 0) return true;
  return config
    .list('DestinationRule')
    .some(({ spec }) =>
      [
        spec.trafficPolicy,
        ...(spec.trafficPolicy?.portLevelSettings ?? []),
        ...(spec.subsets ?? []).flatMap((subset) => [
          subset.trafficPolicy,
          ...(subset.trafficPolicy?.portLevelSettings ?? []),
        ]),
      ].some(asks),
    );
}

function buildScope(
  snapshot: Snapshot,
  { namespace, envoy, families }: ProxyView,
  sidecar: Sidecar | undefined,
  labels: Readonly<Record<string, string>>,
  cache: TranslationCache,
): Omit<Scope, 'telemetry' | 'plugins' | 'limits'> {
  const { mesh, services: index } = snapshot;
  const egress = egressHosts(sidecar);
  const { byHost, services, aliases, byAlias } = cache.owned(
    index,
    ['visible', mesh, namespace, families, sidecar as ConfigObject | undefined],
    () => visibleServices(snapshot, { namespace, families }, egress, cache),
  );
  const virtualServices = snapshot.virtualServices.all.filter((vs) =>
    isVisible(vs.exportTo, {
      own: vs.namespace,
      from: namespace,
      meshDefault: mesh.spec.defaultVirtualServiceExportTo,
    }),
  );
  const inMesh = meshHosts(virtualServices, egress, namespace);
  const rules = new Map<Service, MergedRule | undefined>();
  const chosen = new Map<string, ResolvedVirtualService | undefined>();
  const client = {
    namespace,
    labels,
    rootNamespace: mesh.rootNamespace,
    meshDefault: mesh.spec.defaultDestinationRuleExportTo,
  };
  const exists = (host: string): boolean => index.byHost.has(host);

  return {
    snapshot,
    namespace,
    envoy,
    families,
    labels,
    readsClientLabels: readsClientLabels(snapshot),
    services,
    sidecar,
    allowAny:
      (sidecar?.spec.outboundTrafficPolicy?.mode ?? (mesh.allowAnyOutbound ? 'ALLOW_ANY' : 'REGISTRY_ONLY')) !==
      'REGISTRY_ONLY',
    service: (host) => byHost.get(byAlias.get(host) ?? host),
    aliases: (service) => aliases.get(service.hostname) ?? [],
    rule: (service) => {
      if (!rules.has(service)) rules.set(service, findDestinationRule(snapshot.destinationRules, service, client));
      return rules.get(service);
    },
    virtualService: (host) => {
      if (!chosen.has(host))
        chosen.set(host, inMesh.exact.get(host) ?? inMesh.wildcard.find(([pattern]) => hostCovers(pattern, host))?.[1]);
      return chosen.get(host);
    },
    unknownHosts: new Map(
      [...inMesh.exact, ...inMesh.wildcard].filter(([host]) => !byHost.has(host) && !byAlias.has(host)),
    ),
    virtualServices,
    resolve: (host, ns) => {
      const found = resolveHost(host, ns, { domain: snapshot.domain, exists });
      return byAlias.get(found) ?? found;
    },
    allowsPort: (host, port) => portAllowed(egress, byHost.get(host), port, namespace),
  };
}

interface Visible {
  readonly byHost: ReadonlyMap<string, Service>;
  /** Host -> its other names, sorted. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  readonly byAlias: ReadonlyMap<string, string>;
  /** Sorted by host. */
  readonly services: readonly Service[];
}

/** One object for all namespaces that see the same: most of a mesh. */
function visibleServices(
  { mesh, services: index }: Pick<Snapshot, 'mesh' | 'services'>,
  { namespace, families }: Pick<ProxyView, 'namespace' | 'families'>,
  egress: readonly EgressHost[] | undefined,
  cache: TranslationCache,
): Visible {
  const visible = (service: Service): boolean =>
    isVisible(service.exportTo, {
      own: service.namespace,
      from: namespace,
      meshDefault: mesh.spec.defaultServiceExportTo,
    }) && imported(egress, service.namespace, service.hostname, namespace);
  const byHost = new Map<string, Service>();
  for (const [host, candidates] of index.byHost) {
    const found = findService(candidates, namespace, visible);
    if (found !== undefined) byHost.set(host, reachable(found, families, cache));
  }
  const byAlias = takeAliases(byHost, index.aliases);
  const services = [...byHost.values()].sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
  const names = services.map((service) => cache.idOf(service)).join();
  const others = [...byAlias.keys()].join();
  return cache.owned(index, ['seen', names, others, egress === undefined ? '' : namespace, egress], () => {
    const aliases = new Map<string, string[]>();
    for (const [alias, host] of byAlias) aliases.set(host, [...(aliases.get(host) ?? []), alias].sort());
    return { byHost, services, aliases, byAlias };
  });
}

/** Who sees both has one service with two names, with its policies and identities under each; else it is a host like others. */
function takeAliases(byHost: Map<string, Service>, all: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const taken = new Map<string, string>();
  for (const [alias, host] of all)
    if (byHost.get(alias)?.externalName !== undefined && byHost.has(host)) taken.set(alias, host);
  for (const alias of taken.keys()) byHost.delete(alias);
  return taken;
}

/** The service itself where it has no address of another family. */
function reachable(service: Service, families: Families, cache: TranslationCache): Service {
  const addresses = addressesFor(service, families);
  return addresses === service.addresses
    ? service
    : cache.owned(service, ['families', families], () => Object.freeze({ ...service, addresses }));
}

function meshHosts(
  all: readonly ResolvedVirtualService[],
  egress: readonly EgressHost[] | undefined,
  namespace: string,
) {
  const exact = new Map<string, ResolvedVirtualService>();
  const wildcard = new Map<string, ResolvedVirtualService>();
  for (const vs of all) {
    if (!vs.gateways.includes('mesh')) continue;
    for (const host of vs.hosts) {
      const overlaps =
        egress === undefined ||
        egress.some(
          (entry) => placeMatches(entry.namespace, vs.namespace, namespace) && hostsOverlap(entry.host, host),
        );
      const table = isWildcard(host) ? wildcard : exact;
      if (overlaps && !table.has(host)) table.set(host, vs);
    }
  }
  return { exact, wildcard: [...wildcard].sort(([a], [b]) => bySpecificity(a, b)) };
}

interface EgressHost {
  readonly namespace: string;
  readonly host: string;
  readonly port: number | undefined;
}

/** Undefined = everything. */
function egressHosts(sidecar: Sidecar | undefined): readonly EgressHost[] | undefined {
  const listeners = sidecar?.spec.egress;
  if (listeners === undefined || listeners.length === 0) return undefined;
  return listeners.flatMap((listener) =>
    (listener.hosts ?? []).map((text) => {
      const slash = text.indexOf('/');
      return {
        namespace: slash < 0 ? '*' : text.slice(0, slash),
        host: text.slice(slash + 1),
        port: listener.port?.number,
      };
    }),
  );
}

function imported(egress: readonly EgressHost[] | undefined, place: string, host: string, own: string): boolean {
  return (
    egress === undefined ||
    egress.some((entry) => placeMatches(entry.namespace, place, own) && hostCovers(entry.host, host))
  );
}

function portAllowed(
  egress: readonly EgressHost[] | undefined,
  service: Service | undefined,
  port: number,
  own: string,
): boolean {
  if (egress === undefined || service === undefined) return true;
  return egress.some(
    (entry) =>
      (entry.port === undefined || entry.port === port) &&
      placeMatches(entry.namespace, service.namespace, own) &&
      hostCovers(entry.host, service.hostname),
  );
}

function placeMatches(pattern: string, place: string, own: string): boolean {
  return pattern === '*' || pattern === place || (pattern === '.' && place === own);
}
