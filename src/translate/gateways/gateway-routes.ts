// Route tables of gateways: VirtualServices bound to them, merged by host; nothing bound answers 404 (inventory §3.8).

import { create } from '@bufbuild/protobuf';
import { sortedEntries, type ObjectRef, type XdsResource } from '#base';
import { refOf } from '#config';
import { VirtualHost_TlsRequirementType, VirtualHostSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { RouteSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { hostCovers } from '#registry';
import type { KeyPart, TranslationCache } from '../cache.ts';
import type { Init } from '../encode.ts';
import type { ProxyView } from '../proxy-view.ts';
import { virtualServiceRoutes } from '../routes/http-route.ts';
import { destinationInputs, encoded, type EncodedHost, routeContext, routeTable } from '../routes/virtual-host.ts';
import type { Scope } from '../scope.ts';
import { boundHosts, type ServerInForce } from './gateway-servers.ts';
import { tellsAttempts } from '../filters/proxy-headers.ts';

export function httpTableName(port: number, bind: string): string {
  return bind === '0.0.0.0' ? `http.${port}` : `http.${port}.${bind}`;
}

export function httpsTableName(server: ServerInForce, bind: string): string {
  const { namespace, name } = server.gateway.metadata;
  const base = `https.${server.server.port.number}.${server.server.port.name}.${name}.${namespace}`;
  return bind === '0.0.0.0' ? base : `${base}.${bind}`;
}

interface HostUnderWork {
  readonly routes: Init<typeof RouteSchema>[];
  readonly origins: ObjectRef[];
  tlsOnly: boolean;
  readonly port: number;
}

export function gatewayTable(
  name: string,
  servers: readonly ServerInForce[],
  scope: Scope,
  proxy: ProxyView,
  cache: TranslationCache,
  /** Hosts that other TLS servers of the port answer. */
  elsewhere: readonly string[] = [],
): XdsResource {
  const key: KeyPart[] = [
    'gateway-rds',
    name,
    proxy.envoy,
    JSON.stringify(sortedEntries(scope.labels)),
    scope.namespace,
    scope.snapshot.mesh,
    elsewhere.join(),
  ];
  const bound = servers.map((server) => ({ server, hosts: boundHosts(server, scope) }));
  for (const { server, hosts } of bound) {
    key.push(server.gateway, server.server);
    for (const { host, virtualService } of hosts)
      key.push(host, virtualService, destinationInputs(virtualService, scope));
  }
  return cache.resource(key, () =>
    routeTable({ name, validateClusters: false, ignorePortInHostMatching: true }, [
      ...encodeHosts(bound, scope, proxy, new Set(elsewhere)),
    ]),
  );
}

/** Hosts that a client which reuses a connection for another name may ask this server for, and has to ask another. */
export function hostsElsewhere(server: ServerInForce, group: readonly ServerInForce[]): readonly string[] {
  const others = group.filter((one) => one !== server && one.kind !== 'refused').flatMap((one) => one.hosts);
  const own = new Set(server.hosts.map(({ host }) => host));
  return [...new Set(others.map(({ host }) => host))].filter((host) => !own.has(host)).sort();
}

/** RFC 9113 §9.1.2: browsers put two names of one certificate on one connection, and open another when told 421. */
function misdirected(port: number, domains: readonly string[], origins: readonly ObjectRef[]): EncodedHost {
  return encoded(
    create(VirtualHostSchema, {
      name: `misdirected:${port}`,
      domains: [...domains],
      routes: [
        {
          name: 'misdirected',
          match: { pathSpecifier: { case: 'prefix', value: '/' } },
          action: { case: 'directResponse', value: { status: 421 } },
        },
      ],
    }),
    origins,
  );
}

/** The server's own hosts that no route is for are not found here, and not to be asked for elsewhere. */
function unrouted(
  port: number,
  bound: readonly { readonly server: ServerInForce }[],
  routed: readonly (readonly [host: string, HostUnderWork])[],
): readonly EncodedHost[] {
  const taken = new Set(routed.map(([host]) => host));
  const own = new Set(bound.flatMap(({ server }) => server.hosts.map(({ host }) => host)));
  const domains = [...own].filter((host) => !taken.has(host));
  if (domains.length === 0) return [];
  return [
    encoded(
      create(VirtualHostSchema, { name: `unrouted:${port}`, domains }),
      bound.map(({ server }) => refOf(server.gateway)),
    ),
  ];
}

function encodeHosts(
  bound: readonly { server: ServerInForce; hosts: ReturnType<typeof boundHosts> }[],
  scope: Scope,
  proxy: ProxyView,
  elsewhere: ReadonlySet<string>,
): readonly EncodedHost[] {
  const byHost = new Map<string, HostUnderWork>();
  const at = (host: string, port: number): HostUnderWork => {
    const known = byHost.get(host);
    if (known !== undefined) return known;
    const fresh: HostUnderWork = { routes: [], origins: [], tlsOnly: false, port };
    byHost.set(host, fresh);
    return fresh;
  };
  for (const { server, hosts } of bound) {
    const port = server.server.port.number;
    for (const { host, virtualService } of hosts) {
      const entry = at(host, port);
      const context = {
        ...routeContext(scope, port, proxy.envoy),
        gateway: server.gatewayName,
        tls: server.kind === 'https',
      };
      entry.routes.push(...virtualServiceRoutes(virtualService, context));
      entry.origins.push(
        { kind: 'VirtualService', namespace: virtualService.namespace, name: virtualService.name },
        refOf(server.gateway),
      );
    }
    if (server.server.tls?.httpsRedirect !== true) continue;
    for (const { host } of server.hosts) at(host, port).tlsOnly = true;
    for (const [host, entry] of byHost)
      if (server.hosts.some((pattern) => hostCovers(pattern.host, host))) entry.tlsOnly = true;
  }
  const first = bound[0]?.server.server.port.number ?? 0;
  const hosts = [...byHost].filter(([, entry]) => entry.routes.length > 0 || entry.tlsOnly);
  const gateways = bound.map(({ server }) => refOf(server.gateway));
  const others = [...elsewhere].filter((host) => hosts.every(([own]) => own !== host));
  const away = others.length === 0 ? [] : [misdirected(first, others, gateways), ...unrouted(first, bound, hosts)];
  if (hosts.length === 0 && others.length === 0) {
    const blackhole = { name: `blackhole:${first}`, domains: ['*'] };
    return [encoded(create(VirtualHostSchema, blackhole), gateways)];
  }
  return [
    ...hosts.map(([host, entry]) =>
      encoded(
        create(VirtualHostSchema, {
          name: `${host}:${entry.port}`,
          domains: [host],
          routes: entry.routes,
          includeRequestAttemptCount: tellsAttempts(scope.snapshot.mesh),
          ...(entry.tlsOnly ? { requireTls: VirtualHost_TlsRequirementType.ALL } : {}),
        }),
        entry.origins,
      ),
    ),
    ...away,
  ];
}
