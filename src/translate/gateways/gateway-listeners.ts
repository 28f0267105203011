// Listeners of a gateway proxy: one per bound port, chains by server name where TLS is spoken (inventory §3.8).

import type { XdsResource } from '#base';
import { refOf } from '#config';
import { TrafficDirection } from '#proto/envoy/config/core/v3/base_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { authorizationPoliciesOf, gatewayName, rateLimitsOf, requestAuthenticationsOf } from '#registry';
import type { Snapshot } from '#push';
import { audited } from '../authz/audit-logs.ts';
import type { AuthorizationInput } from '../authz/authorization-filters.ts';
import { discoveredPolicies, httpPolicies, slotsKey, tcpPolicies } from '../authz/discovered-policies.ts';
import { providersKey, resolveProviders } from '../authz/extension-providers.ts';
import type { KeyPart, TranslationCache } from '../cache.ts';
import { duration, resource } from '../encode.ts';
import { httpManager } from '../filters/http-manager.ts';
import { tcpProxy, type TcpTarget } from '../filters/tcp-proxy.ts';
import { type Chain, type Listener, listenerName, proxyHeader, tlsInspector } from '../listeners/listener-parts.ts';
import { listeningAt } from '../listeners/listening-addresses.ts';
import { BLACK_HOLE } from '../names.ts';
import type { ProxyView } from '../proxy-view.ts';
import { tcpRouteTargets } from '../routes/tcp-route-targets.ts';
import type { Scope } from '../scope.ts';
import { serverNamesWithin } from '../server-names.ts';
import { type PluginFilters, pluginFilters } from '../wasm/plugin-slots.ts';
import { autoPassthroughChains, autoPassthroughClusters } from './auto-passthrough.ts';
import { gatewayTable, hostsElsewhere, httpsTableName, httpTableName } from './gateway-routes.ts';
import { boundHosts, type ServerGroup, serverGroups, type ServerInForce, type ServerKind } from './gateway-servers.ts';
import { secretNames, serverTls } from './server-tls.ts';

export interface GatewayResources {
  readonly listeners: ReadonlyMap<string, XdsResource>;
  readonly routes: ReadonlyMap<string, XdsResource>;
  /** Only those that listeners need beside the clusters of all services. */
  readonly clusters: ReadonlyMap<string, XdsResource>;
  /** Filters that the listeners only name. */
  readonly extensions: ReadonlyMap<string, XdsResource>;
  /** SDS names that the listeners refer to. */
  readonly secrets: ReadonlySet<string>;
}

const HANDSHAKE_TIMEOUT_MS = 15_000;
const TLS_KINDS: ReadonlySet<ServerKind> = new Set(['https', 'passthrough', 'auto-passthrough', 'tls-terminated']);

export function gatewayResources(
  snapshot: Snapshot,
  proxy: ProxyView,
  scope: Scope,
  cache: TranslationCache,
): GatewayResources {
  const listeners = new Map<string, XdsResource>();
  const routes = new Map<string, XdsResource>();
  const secrets = new Set<string>();
  const clusters = new Map<string, XdsResource>();
  const policies = authorizationPoliciesOf(snapshot.config, proxy, snapshot.mesh.rootNamespace);
  const requestAuthentications = requestAuthenticationsOf(snapshot.config, proxy, snapshot.mesh.rootNamespace);
  const rateLimits = rateLimitsOf(snapshot.config, proxy, snapshot.mesh.rootNamespace);
  const providers = resolveProviders(policies, { mesh: snapshot.mesh, service: scope.service, envoy: proxy.envoy });
  const authorization: AuthorizationInput = {
    policies,
    requestAuthentications,
    rateLimits,
    gateway: true,
    keySets: snapshot.keySets,
    providers,
    mesh: snapshot.mesh,
    boundPort: (declared) => proxy.gatewayPorts[String(declared)] ?? declared,
    envoy: proxy.envoy,
    split: scope.plugins.client.some(({ phase }) => phase === 'AUTHZ'),
  };
  const judged: KeyPart[] = [
    snapshot.mesh,
    proxy.envoy,
    policies,
    rateLimits,
    requestAuthentications,
    requestAuthentications.length === 0 ? undefined : snapshot.keySets,
    providersKey(providers),
    authorization.split,
    JSON.stringify(proxy.gatewayPorts),
  ];
  for (const group of serverGroups(snapshot, proxy)) {
    const name = listenerName(group.bind, group.port);
    const plain = group.servers.filter(({ kind }) => kind === 'http');
    if (plain.length > 0) {
      const table = httpTableName(group.port, group.bind);
      routes.set(table, gatewayTable(table, plain, scope, proxy, cache));
    }
    for (const server of group.servers) {
      for (const secret of secretNames(server.server.tls)) secrets.add(secret);
      if (server.kind === 'auto-passthrough')
        for (const [each, cluster] of autoPassthroughClusters(server, scope, proxy, cache)) clusters.set(each, cluster);
      if (server.kind !== 'https') continue;
      const table = httpsTableName(server, group.bind);
      const elsewhere = hostsElsewhere(server, group.servers);
      routes.set(table, gatewayTable(table, [server], scope, proxy, cache, elsewhere));
    }
    const tcp = group.servers.some(({ kind }) => kind !== 'http' && kind !== 'https');
    const key: KeyPart[] = [
      'gateway-lds',
      name,
      group.hosts.join(),
      group.listen,
      scope.telemetry,
      scope.plugins,
      scope.limits,
      ...(proxy.envoy ? [snapshot.mesh, true, slotsKey(authorization)] : judged),
      tcp ? scope : undefined,
      ...group.servers.flatMap((s) => [s.gateway, s.server]),
    ];
    const origins = [
      ...scope.telemetry.origins,
      ...scope.limits.origins,
      ...group.servers.map((server) => refOf(server.gateway)),
      ...(proxy.envoy ? [] : [...policies, ...requestAuthentications, ...rateLimits].map((policy) => refOf(policy))),
    ];
    listeners.set(
      name,
      cache.resource(key, () =>
        resource(
          ListenerSchema,
          name,
          listener(name, group, scope, authorization, (server) => autoPassthroughChains(server, scope, proxy, cache)),
          origins,
        ),
      ),
    );
  }
  return {
    listeners,
    routes,
    clusters,
    secrets,
    extensions: discoveredPolicies(authorization, ['gateway', ...judged], cache),
  };
}

type ChainsOf = (server: ServerInForce) => readonly Chain[];

function listener(
  name: string,
  group: ServerGroup,
  scope: Scope,
  authorization: AuthorizationInput,
  bySni: ChainsOf,
): Listener {
  const plain = group.servers.filter(({ kind }) => kind === 'http');
  const chains =
    plain.length > 0
      ? [
          {
            filters: [
              manager(
                httpTableName(group.port, group.bind),
                name,
                authorization,
                scope,
                pluginFilters(scope.plugins.client, group.port),
                plain.some(({ protocol }) => protocol === 'GRPC-Web'),
              ),
            ],
          },
        ]
      : withoutRepeats(group.servers.flatMap((server) => chainsOf(server, group, name, scope, authorization, bySni)));
  const tls = group.servers.some(({ kind }) => TLS_KINDS.has(kind));
  const proxied = authorization.mesh.spec.defaultConfig?.gatewayTopology?.proxyProtocol !== undefined;
  const inspectors = [...(proxied ? [proxyHeader()] : []), ...(tls ? [tlsInspector()] : [])];
  return {
    name,
    ...listeningAt(group.hosts, group.listen),
    trafficDirection: TrafficDirection.OUTBOUND,
    accessLog: [...scope.telemetry.client.listenerLogs],
    ...(inspectors.length > 0
      ? { listenerFilters: inspectors, listenerFiltersTimeout: duration(HANDSHAKE_TIMEOUT_MS) }
      : {}),
    filterChains: [...chains],
  };
}

function manager(
  table: string,
  name: string,
  authorization: AuthorizationInput,
  scope: Scope,
  plugins: PluginFilters,
  grpcWeb: boolean,
) {
  const { mesh } = authorization;
  const topology = mesh.spec.defaultConfig?.gatewayTopology;
  return httpManager({
    mesh,
    telemetry: audited(scope.telemetry.client, authorization, 'http'),
    envoy: scope.envoy,
    statPrefix: `outbound_${name}`,
    direction: 'gateway',
    routes: { name: table },
    authorization: httpPolicies(authorization, plugins),
    grpcWeb,
    limits: { inForce: scope.limits, hop: `the gateway at ${name}` },
    trustedHops: topology?.numTrustedProxies ?? 0,
  });
}

function chainsOf(
  server: ServerInForce,
  group: ServerGroup,
  name: string,
  scope: Scope,
  authorization: AuthorizationInput,
  bySni: ChainsOf,
): readonly Chain[] {
  const { mesh } = authorization;
  const tls = server.server.tls;
  const names = serverNames(server.hosts.map(({ host }) => host));
  const where = names.length === 0 ? {} : { filterChainMatch: { serverNames: [...names] } };
  const rbac = tcpPolicies(authorization);
  switch (server.kind) {
    case 'https':
      return tls === undefined
        ? []
        : [
            {
              ...where,
              filters: [
                manager(
                  httpsTableName(server, group.bind),
                  name,
                  authorization,
                  scope,
                  pluginFilters(scope.plugins.client, group.port),
                  false,
                ),
              ],
              transportSocket: serverTls(tls, mesh, 'http'),
              transportSocketConnectTimeout: duration(HANDSHAKE_TIMEOUT_MS),
            },
          ];
    case 'tls-terminated':
      return tls === undefined
        ? []
        : [
            {
              ...where,
              filters: [
                ...rbac,
                ...tcpProxy(audited(scope.telemetry.client, authorization, 'tcp'), name, tcpTargets(server, scope)),
              ],
              transportSocket: serverTls(tls, mesh, 'tcp'),
              transportSocketConnectTimeout: duration(HANDSHAKE_TIMEOUT_MS),
            },
          ];
    case 'tcp':
      return [
        {
          filters: [
            ...rbac,
            ...tcpProxy(audited(scope.telemetry.client, authorization, 'tcp'), name, tcpTargets(server, scope)),
          ],
        },
      ];
    case 'passthrough':
    case 'auto-passthrough':
      return (server.kind === 'passthrough' ? passthroughChains(server, scope) : bySni(server)).map((chain) => ({
        ...chain,
        filters: [...rbac, ...(chain.filters ?? [])],
      }));
    default:
      return [
        {
          ...where,
          filters: [...tcpProxy(scope.telemetry.client, BLACK_HOLE, [{ cluster: BLACK_HOLE, weight: 1 }])],
        },
      ];
  }
}

function tcpTargets(server: ServerInForce, scope: Scope): readonly TcpTarget[] {
  const port = server.server.port.number;
  for (const { virtualService } of boundHosts(server, scope)) {
    for (const rule of virtualService.object.spec.tcp ?? []) {
      const matches = rule.match ?? [];
      if (matches.length > 0 && !matches.some((match) => heldAt(match, server, virtualService.namespace))) continue;
      return tcpRouteTargets(rule.route, virtualService.namespace, port, scope);
    }
  }
  return [{ cluster: BLACK_HOLE, weight: 1 }];
}

function passthroughChains(server: ServerInForce, scope: Scope): readonly Chain[] {
  const port = server.server.port.number;
  const chains: Chain[] = [];
  const bound = boundHosts(server, scope);
  for (const virtualService of new Set(bound.map((one) => one.virtualService))) {
    const hosts = bound.filter((one) => one.virtualService === virtualService).map(({ host }) => host);
    for (const rule of virtualService.object.spec.tls ?? []) {
      for (const match of rule.match ?? []) {
        if (!heldAt(match, server, virtualService.namespace)) continue;
        const own = serverNamesWithin(match.sniHosts ?? [], hosts, virtualService, scope);
        if (own.length === 0) continue;
        const names = serverNames(own);
        const targets = tcpRouteTargets(rule.route, virtualService.namespace, port, scope);
        chains.push({
          ...(names.length === 0 ? {} : { filterChainMatch: { serverNames: [...names] } }),
          filters: [...tcpProxy(scope.telemetry.client, targets[0].cluster, targets)],
        });
      }
    }
  }
  return chains.length > 0
    ? chains
    : [{ filters: [...tcpProxy(scope.telemetry.client, BLACK_HOLE, [{ cluster: BLACK_HOLE, weight: 1 }])] }];
}

/** Whether a condition is about this gateway and its port. */
function heldAt(
  match: { readonly port?: number; readonly gateways?: readonly string[] },
  { gatewayName: at, server }: ServerInForce,
  namespace: string,
): boolean {
  if (match.port !== undefined && match.port !== server.port.number) return false;
  const gateways = match.gateways ?? [];
  return gateways.length === 0 || gateways.some((name) => gatewayName(name, namespace) === at);
}

/** `*` is every name: no condition. */
function serverNames(hosts: readonly string[]): readonly string[] {
  return hosts.includes('*') ? [] : [...new Set(hosts)];
}

/** Envoy refuses two chains with one match: the older server's stays. */
function withoutRepeats(chains: readonly Chain[]): readonly Chain[] {
  const taken = new Set<string>();
  const kept: Chain[] = [];
  for (const chain of chains) {
    const names = chain.filterChainMatch?.serverNames ?? [];
    const fresh = names.filter((name) => !taken.has(name));
    if (names.length > 0 && fresh.length === 0) continue;
    if (names.length === 0 && taken.has('')) continue;
    for (const name of names.length === 0 ? [''] : fresh) taken.add(name);
    kept.push(
      names.length === 0 ? chain : { ...chain, filterChainMatch: { ...chain.filterChainMatch, serverNames: fresh } },
    );
  }
  return kept;
}
