// A sidecar's outbound route tables: one per HTTP port, one per sniffed service, and `http_proxy` (inventory §3.2, §3.6).

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { TYPE_URL, type XdsResource } from '#base';
import { type RouteSchema, VirtualHostSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { isHttp, isSniffed, type ResolvedVirtualService, type Service } from '#registry';
import type { KeyPart, TranslationCache } from '../cache.ts';
import { ADS, duration, resourceFromBytes } from '../encode.ts';
import { connectCluster, DYNAMIC_DNS, outboundCluster, PASSTHROUGH } from '../names.ts';
import type { ProxyView } from '../proxy-view.ts';
import type { Scope } from '../scope.ts';
import { hostDomains, serviceDomains } from './domains.ts';
import { encoded, type EncodedHost, type HostOptions, routeTable, virtualHost } from './virtual-host.ts';
import { tellsAttempts } from '../filters/proxy-headers.ts';

export interface TableName {
  readonly name: string;
  readonly port: number;
  /** The one service of a table of its own; undefined = all HTTP services of the port. */
  readonly service: Service | undefined;
  /** Of a listener with an address of its own, which is no place to pass unknown hosts on to. */
  readonly closed?: boolean;
}

export const HTTP_PROXY_TABLE = 'http_proxy';

/** Hosts that only a VirtualService names are reached on this port alone. */
const PORT_OF_UNKNOWN_HOSTS = 80;

export function serviceTable(service: Service, port: number): string {
  return `${service.hostname}:${port}`;
}

/** A route table, and its virtual hosts where the proxy takes them by themselves. */
export interface OutboundTable {
  readonly table: XdsResource;
  readonly hosts: readonly XdsResource[];
}

export function outboundTable(
  table: TableName,
  scope: Scope,
  proxy: ProxyView,
  cache: TranslationCache,
): OutboundTable {
  const options: HostOptions = { scope, envoy: proxy.envoy, cache };
  if (table.service !== undefined)
    return { table: serviceRoutes(table.name, table.service, table.port, options), hosts: [] };
  const settings = { name: table.name, validateClusters: false, ignorePortInHostMatching: true };
  const hosts = sharedHosts(table, scope, options);
  if (!proxy.vhds)
    return { table: cache.resource(['rds', table.name, ...hosts], () => routeTable(settings, hosts)), hosts: [] };
  return {
    table: cache.resource(['rds-vhds', table.name], () => routeTable({ ...settings, vhds: { configSource: ADS } }, [])),
    hosts: hostResources(table.name, hosts, scope, cache),
  };
}

function hostResources(
  table: string,
  hosts: readonly EncodedHost[],
  scope: Scope,
  cache: TranslationCache,
): readonly XdsResource[] {
  const known = cache.owned(
    scope.snapshot.services,
    ['vhds-memo', table],
    () => new WeakMap<EncodedHost, XdsResource>(),
  );
  return hosts.map((host) => {
    let made = known.get(host);
    if (made === undefined) {
      made = cache.resource(['vhds', table, host], () =>
        resourceFromBytes(TYPE_URL.virtualHost, `${table}/${host.name}`, host.bytes, host.origins),
      );
      known.set(host, made);
    }
    return made;
  });
}

/** What a service without a VirtualService gives to a table: most services, unchanged by most changes. */
interface PlainHost {
  readonly domains: readonly string[];
  host: EncodedHost | undefined;
}

function plainHosts(
  table: TableName,
  { snapshot, namespace, labels }: Scope,
  { envoy, cache }: HostOptions,
): Map<Service, PlainHost> {
  const key: KeyPart[] = [
    'plain-hosts',
    snapshot.services,
    snapshot.mesh,
    namespace,
    JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))),
    envoy,
    table.port,
  ];
  return cache.owned(snapshot.destinationRules, key, () => new Map<Service, PlainHost>());
}

function sharedHosts(table: TableName, scope: Scope, options: HostOptions): readonly EncodedHost[] {
  const hosts: EncodedHost[] = [];
  const fresh = unrepeated();
  const plain = plainHosts(table, scope, options);
  for (const service of scope.services) {
    const port = service.ports.find((p) => p.number === table.port);
    if (port === undefined || !scope.allowsPort(service.hostname, port.number)) continue;
    if (!isHttp(port.protocol) && !(isSniffed(port) && service.addresses.length === 0)) continue;
    let known = plain.get(service);
    if (known === undefined)
      plain.set(
        service,
        (known = { domains: serviceDomains(service, scope.namespace, scope.snapshot.domain), host: undefined }),
      );
    const aliases = aliasDomains(service, scope);
    const domains = fresh([...known.domains, ...aliases.shared]);
    for (const { alias, names } of aliases.own) {
      const free = fresh(names);
      if (free.length > 0) hosts.push(hostOf(service, port.number, free, options, alias));
    }
    if (domains.length === 0) continue;
    if (
      domains.length !== known.domains.length ||
      aliases.shared.length > 0 ||
      scope.virtualService(service.hostname) !== undefined
    )
      hosts.push(hostOf(service, port.number, domains, options));
    else hosts.push((known.host ??= hostOf(service, port.number, domains, options)));
  }
  if (table.port === PORT_OF_UNKNOWN_HOSTS)
    for (const [host, vs] of scope.unknownHosts)
      if (fresh([host]).length > 0) hosts.push(unknownHost(host, [host], vs, options));
  hosts.push(fallback(scope.allowAny && table.closed !== true ? PASSTHROUGH : undefined, scope));
  return hosts;
}

interface AliasDomains {
  readonly shared: readonly string[];
  /** Those for which a VirtualService says something else than for the service. */
  readonly own: readonly { readonly alias: string; readonly names: readonly string[] }[];
}

const NO_ALIASES: AliasDomains = { shared: [], own: [] };

function aliasDomains(service: Service, scope: Scope): AliasDomains {
  const aliases = scope.aliases(service);
  if (aliases.length === 0) return NO_ALIASES;
  const all = aliases.map((alias) => ({ alias, names: hostDomains(alias, scope.namespace, scope.snapshot.domain) }));
  const rules = scope.virtualService(service.hostname);
  const own = all.filter(({ alias }) => ![undefined, rules].includes(scope.virtualService(alias)));
  return { own, shared: all.filter((one) => !own.includes(one)).flatMap(({ names }) => names) };
}

/** A table of one service alone, for whatever authority. */
export function serviceRoutes(name: string, service: Service, port: number, options: HostOptions): XdsResource {
  const host = hostOf(service, port, ['*'], options);
  return options.cache.resource(['rds', name, host], () =>
    routeTable({ name, validateClusters: false, ignorePortInHostMatching: true }, [host]),
  );
}

/** `host` is the service's, or another name of it that has a VirtualService of its own. */
function hostOf(
  service: Service,
  port: number,
  domains: readonly string[],
  options: HostOptions,
  host: string = service.hostname,
): EncodedHost {
  return virtualHost(
    {
      name: `${host}:${port}`,
      domains,
      service,
      port,
      virtualService: options.scope.virtualService(host),
    },
    options,
  );
}

function unknownHost(
  host: string,
  domains: readonly string[],
  vs: ResolvedVirtualService,
  options: HostOptions,
): EncodedHost {
  return virtualHost(
    {
      name: `${host}:${PORT_OF_UNKNOWN_HOSTS}`,
      domains,
      service: undefined,
      port: PORT_OF_UNKNOWN_HOSTS,
      virtualService: vs,
    },
    options,
  );
}

const ANY_PATH = { case: 'prefix', value: '/' } as const;
const CONNECT = { case: 'connectMatcher', value: {} } as const;

const fallbacks = {
  allow: (cluster: string, name: string, attempts: boolean): EncodedHost =>
    encoded(
      create(VirtualHostSchema, {
        name,
        domains: ['*'],
        routes: [
          ...(cluster === DYNAMIC_DNS ? [connectRoute(name, cluster)] : []),
          {
            name,
            match: { pathSpecifier: ANY_PATH },
            action: {
              case: 'route',
              value: {
                clusterSpecifier: { case: 'cluster', value: cluster },
                timeout: duration(0),
                maxGrpcTimeout: duration(0),
              },
            },
          },
        ],
        includeRequestAttemptCount: attempts,
      }),
      [],
    ),
  block: (matches: readonly (typeof ANY_PATH | typeof CONNECT)[]): EncodedHost =>
    encoded(
      create(VirtualHostSchema, {
        name: 'block_all',
        domains: ['*'],
        routes: matches.map((pathSpecifier) => ({
          name: 'block_all',
          match: { pathSpecifier },
          action: { case: 'directResponse' as const, value: { status: 502 } },
        })),
        includeRequestAttemptCount: true,
      }),
      [],
    ),
};

function fallback(cluster: string | undefined, { snapshot }: Scope): EncodedHost {
  if (cluster === undefined) return BLOCK_ALL;
  const [told, untold] = cluster === PASSTHROUGH ? ALLOW_ANY : ALLOW_ANY_DNS;
  return tellsAttempts(snapshot.mesh) ? told : untold;
}
/** With x-envoy-attempt-count, and without. */
const twice = (cluster: string, name: string) =>
  [fallbacks.allow(cluster, name, true), fallbacks.allow(cluster, name, false)] as const;
const BLOCK_ALL = fallbacks.block([ANY_PATH]);
/** Of the forward proxy, which is asked for tunnels too. */
const BLOCK_TUNNELS = fallbacks.block([CONNECT, ANY_PATH]);
const ALLOW_ANY = twice(PASSTHROUGH, 'allow_any');
const ALLOW_ANY_DNS = twice(DYNAMIC_DNS, 'allow_any_dynamic_dns');

/** Envoy refuses a table in which a domain stands twice: the first host keeps it. */
function unrepeated(): (domains: readonly string[]) => readonly string[] {
  const seen = new Set<string>();
  return (domains) => domains.filter((domain) => !seen.has(domain) && seen.add(domain));
}

/**
 * The forward proxy of interception mode NONE: absolute-form requests by host and port, and CONNECT,
 * whose bytes enter the loopback listener of that service port, so that its routes apply to them.
 */
export function httpProxyTable(scope: Scope, proxy: ProxyView, cache: TranslationCache): XdsResource {
  const options: HostOptions = { scope, envoy: proxy.envoy, cache };
  const hosts: EncodedHost[] = [];
  const fresh = unrepeated();
  for (const service of scope.services) {
    for (const port of service.ports) {
      if (port.protocol === 'UDP' || !scope.allowsPort(service.hostname, port.number)) continue;
      const aliases = aliasDomains(service, scope);
      const own = [...serviceDomains(service, scope.namespace, scope.snapshot.domain), ...aliases.shared];
      for (const { alias, names } of [{ alias: undefined, names: own }, ...aliases.own]) {
        const domains = fresh(
          names.flatMap((name) => (port.number === 80 ? [name, `${name}:80`] : [`${name}:${port.number}`])),
        );
        const http = isHttp(port.protocol) || isSniffed(port);
        const how = { http, domains, block: proxy.loopbackBlock, host: alias };
        if (domains.length > 0) hosts.push(proxiedHost(service, port.number, how, options));
      }
    }
  }
  for (const [host, vs] of scope.unknownHosts) {
    const domains = fresh([host, `${host}:${PORT_OF_UNKNOWN_HOSTS}`]);
    if (domains.length > 0) hosts.push(unknownHost(host, domains, vs, options));
  }
  hosts.push(resolvesUnknownHosts(scope) ? fallback(DYNAMIC_DNS, scope) : BLOCK_TUNNELS);
  return cache.resource(['rds', HTTP_PROXY_TABLE, ...hosts], () =>
    routeTable({ name: HTTP_PROXY_TABLE, validateClusters: false }, hosts),
  );
}

/** The forward proxy looks up hosts that no service stands for. */
export function resolvesUnknownHosts(scope: Scope): boolean {
  return scope.allowAny;
}

/** CONNECT whose bytes go to the cluster. */
function connectRoute(name: string, cluster: string): MessageInitShape<typeof RouteSchema> {
  return {
    name,
    match: { pathSpecifier: CONNECT },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: cluster },
        timeout: duration(0),
        upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
      },
    },
  };
}

function proxiedHost(
  service: Service,
  port: number,
  how: {
    readonly http: boolean;
    readonly domains: readonly string[];
    readonly block: string | undefined;
    /** Another name of the service, with a VirtualService of its own. */
    readonly host: string | undefined;
  },
  options: HostOptions,
): EncodedHost {
  const plain = how.http ? hostOf(service, port, how.domains, options, how.host) : undefined;
  const name = `${how.host ?? service.hostname}:${port}`;
  const cluster =
    how.block === undefined ? outboundCluster(port, '', service.hostname) : connectCluster(port, service.hostname);
  return options.cache.value(['proxied-host', plain, name, how.domains.join(' '), cluster], () => {
    const connect = create(VirtualHostSchema, {
      name,
      domains: plain === undefined ? [...how.domains] : [],
      routes: [connectRoute('connect', cluster)],
    });
    if (plain === undefined) return encoded(connect, [service.origin]);
    // Merging by concatenation: routes of the first part come first, scalar fields of the last win (protobuf encoding).
    const { bytes } = encoded(create(VirtualHostSchema, { routes: connect.routes }), []);
    return { name, bytes: new Uint8Array(Buffer.concat([bytes, plain.bytes])), origins: plain.origins };
  });
}
