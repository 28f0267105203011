// From a snapshot and a proxy to everything that the proxy may ask for: a pure function, sharing what other proxies got (design 9).

import { LayeredResources, type ProxyNode, type ResourceSet, serviceLoopback, TYPE_URL, type XdsResource } from '#base';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { Snapshot } from '#push';
import { TranslationCache } from './cache.ts';
import { blackHole, connectClusterOf, dynamicDns, inboundPassthrough, passthrough } from './clusters/fixed-clusters.ts';
import { loadAssignments, outboundClusters } from './clusters/outbound-clusters.ts';
import { type Init, resource } from './encode.ts';
import { autoPassthroughAssignments } from './gateways/auto-passthrough.ts';
import { gatewayResources } from './gateways/gateway-listeners.ts';
import { proxylessEndpoints, proxylessSet } from './grpc/proxyless.ts';
import { headlessPods } from './listeners/headless-pods.ts';
import { inbound } from './listeners/inbound-listeners.ts';
import { capturedListeners, loopbackListeners } from './listeners/outbound-listeners.ts';
import { nameTable } from './name-table.ts';
import { INBOUND_PASSTHROUGH } from './names.ts';
import { forPod } from './own-settings.ts';
import { type ProxyView, proxyView } from './proxy-view.ts';
import {
  HTTP_PROXY_TABLE,
  httpProxyTable,
  outboundTable,
  resolvesUnknownHosts,
  type TableName,
} from './routes/outbound-routes.ts';
import { type Scope, scopeOf } from './scope.ts';
import { clientSecretNames } from './secrets/client-secrets.ts';
import { pluginResources } from './wasm/plugin-resources.ts';
import { gatewaySecrets } from './secrets/gateway-secrets.ts';

type Resources = ReadonlyMap<string, XdsResource>;

/** The cache may be shared by all calls of one process; without one, the result is the same. */
export function translate(
  ofMesh: Snapshot,
  node: ProxyNode,
  cache: TranslationCache = new TranslationCache(),
): ResourceSet {
  const proxy = proxyView(node);
  const snapshot = forPod(ofMesh, node, cache);
  const scope = scopeOf(snapshot, proxy, cache);
  if (proxy.proxyless) return proxylessSet(snapshot, proxy, scope, cache);
  return proxy.kind === 'router' ? routerSet(snapshot, proxy, scope, cache) : sidecarSet(snapshot, proxy, scope, cache);
}

/** Only endpoints: enough when a snapshot differs in nothing else (`SnapshotDiff.configuration` is false). */
export function translateEndpoints(
  ofMesh: Snapshot,
  node: ProxyNode,
  cache: TranslationCache = new TranslationCache(),
): Resources {
  const proxy = proxyView(node);
  const snapshot = forPod(ofMesh, node, cache);
  const scope = scopeOf(snapshot, proxy, cache);
  if (proxy.proxyless) return proxylessEndpoints(snapshot, proxy, scope, cache);
  return proxy.kind === 'router'
    ? routerEndpoints(snapshot, proxy, scope, cache)
    : loadAssignments(scope, proxy, snapshot, cache);
}

function routerEndpoints(snapshot: Snapshot, proxy: ProxyView, scope: Scope, cache: TranslationCache): Resources {
  const bySni = autoPassthroughAssignments(snapshot, proxy, scope, cache);
  const all = loadAssignments(scope, proxy, snapshot, cache);
  return bySni.size === 0 ? all : new LayeredResources([all, bySni]);
}

function sidecarSet(snapshot: Snapshot, proxy: ProxyView, scope: Scope, cache: TranslationCache): ResourceSet {
  const outbound = outboundClusters(scope, proxy, snapshot, cache);
  const own = inbound(snapshot, proxy, scope, cache);
  const pods = proxy.captured && proxy.direct ? headlessPods(scope, snapshot, cache) : undefined;
  const out = proxy.captured
    ? cache.owned(scope, ['captured', pods?.text], () => capturedListeners(scope, cache, pods))
    : loopbackListeners(scope, proxy, cache);
  const tables = cache.owned(
    scope,
    ['tables', proxy.envoy, proxy.vhds, out.tables.map(({ name }) => name).join(' ')],
    () => tablesOf(out.tables, scope, proxy, cache),
  );
  const proxied: readonly (readonly [string, XdsResource])[] =
    proxy.captured || proxy.httpProxyPort === undefined
      ? []
      : [[HTTP_PROXY_TABLE, httpProxyTable(scope, proxy, cache)]];
  const table = nameTable(scope, snapshot, cache);
  return new Map<string, Resources>([
    [TYPE_URL.cluster, new LayeredResources([outbound, fixedClusters(scope, proxy, cache), own.clusters])],
    [TYPE_URL.endpoint, loadAssignments(scope, proxy, snapshot, cache)],
    [TYPE_URL.listener, new LayeredResources([out.listeners, own.listeners])],
    [TYPE_URL.route, proxied.length === 0 ? tables.routes : new LayeredResources([tables.routes, new Map(proxied)])],
    ...(proxy.vhds ? [[TYPE_URL.virtualHost, tables.hosts] as const] : []),
    [TYPE_URL.secret, new Map()],
    [TYPE_URL.extensionConfig, withPlugins(own.extensions, snapshot, proxy, cache)],
    [TYPE_URL.nameTable, new Map([[table.name, table]])],
  ]);
}

function tablesOf(
  names: readonly TableName[],
  scope: Scope,
  proxy: ProxyView,
  cache: TranslationCache,
): { readonly routes: Resources; readonly hosts: Resources } {
  const made = names.map((table) => outboundTable(table, scope, proxy, cache));
  const byName = (list: readonly XdsResource[]): Resources => new Map(list.map((one) => [one.name, one]));
  return { routes: byName(made.map(({ table }) => table)), hosts: byName(made.flatMap(({ hosts }) => hosts)) };
}

function routerSet(snapshot: Snapshot, proxy: ProxyView, scope: Scope, cache: TranslationCache): ResourceSet {
  const outbound = outboundClusters(scope, proxy, snapshot, cache);
  const gateway = gatewayResources(snapshot, proxy, scope, cache);
  const rules = snapshot.config.list('DestinationRule');
  const asClient = cache.owned(rules, ['client-secrets'], () => clientSecretNames(rules));
  return new Map<string, Resources>([
    [TYPE_URL.cluster, new LayeredResources([outbound, fixedClusters(scope, proxy, cache), gateway.clusters])],
    [TYPE_URL.endpoint, routerEndpoints(snapshot, proxy, scope, cache)],
    [TYPE_URL.listener, gateway.listeners],
    [TYPE_URL.route, gateway.routes],
    [TYPE_URL.secret, gatewaySecrets(new Set([...gateway.secrets, ...asClient]), snapshot, proxy, cache)],
    [TYPE_URL.extensionConfig, withPlugins(gateway.extensions, snapshot, proxy, cache)],
    [TYPE_URL.nameTable, new Map()],
  ]);
}

/** Filters that listeners only name: policies, where they stand there by name, and plugins. */
function withPlugins(policies: Resources, snapshot: Snapshot, proxy: ProxyView, cache: TranslationCache): Resources {
  const plugins = pluginResources(snapshot, proxy, cache);
  return plugins.size === 0 ? policies : policies.size === 0 ? plugins : new LayeredResources([policies, plugins]);
}

function fixedClusters(scope: Scope, proxy: ProxyView, cache: TranslationCache): Resources {
  const { mesh } = scope.snapshot;
  const inits: Init<typeof ClusterSchema>[] = [blackHole(mesh)];
  if (proxy.kind === 'sidecar' && proxy.captured)
    inits.push(passthrough(mesh), inboundPassthrough(mesh, proxy.families, scope.limits.response));
  const forward = proxy.kind === 'sidecar' && !proxy.captured && proxy.httpProxyPort !== undefined;
  if (forward && resolvesUnknownHosts(scope)) inits.push(dynamicDns(mesh));
  const block = proxy.loopbackBlock;
  const key = [
    'fixed',
    mesh,
    proxy.kind,
    proxy.captured,
    proxy.families,
    proxy.envoy,
    forward,
    resolvesUnknownHosts(scope),
    block,
    scope.limits,
  ];
  return cache.owned(scope.services, key, () => {
    if (forward && block !== undefined) {
      for (const service of scope.services) {
        if (service.hostname.startsWith('*')) continue;
        for (const port of service.ports) {
          if (port.protocol !== 'UDP' && scope.allowsPort(service.hostname, port.number))
            inits.push(connectClusterOf(mesh, port.number, service.hostname, serviceLoopback(block, service.hostname)));
        }
      }
    }
    const { origins } = scope.limits;
    return new Map(
      inits.map((init) => {
        const name = init.name ?? '';
        return [name, resource(ClusterSchema, name, init, name === INBOUND_PASSTHROUGH ? origins : [])];
      }),
    );
  });
}
