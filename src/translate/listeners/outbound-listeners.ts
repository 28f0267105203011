// All outbound listeners of a sidecar, with the route tables that they name: captured (REDIRECT) or bound to loopback (mode NONE).

import { type ObjectRef, serviceLoopback, type XdsResource } from '#base';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { TrafficDirection } from '#proto/envoy/config/core/v3/base_pb.ts';
import { isHttp, isIpv6, isSniffed, type Service, type ServicePort } from '#registry';
import type { KeyPart, TranslationCache } from '../cache.ts';
import { address, resource } from '../encode.ts';
import { dynamicForwardProxy } from '../filters/dynamic-forward-proxy.ts';
import { httpManager } from '../filters/http-manager.ts';
import type { ProxyView } from '../proxy-view.ts';
import { allPlugins } from '../wasm/plugin-slots.ts';
import { HTTP_PROXY_TABLE, resolvesUnknownHosts, serviceTable, type TableName } from '../routes/outbound-routes.ts';
import type { Scope } from '../scope.ts';
import { boundEgress } from './bound-egress.ts';
import type { HeadlessPods } from './headless-pods.ts';
import { type Listener, listenerName } from './listener-parts.ts';
import { wildcards } from './listening-addresses.ts';
import { nameOf, serviceListener, sharedHttpListener, virtualOutbound } from './outbound-listener.ts';
import { addressesInRanges, wildcardListener, type WildcardParts } from './wildcard-listener.ts';

export interface OutboundListeners {
  readonly listeners: ReadonlyMap<string, XdsResource>;
  readonly tables: readonly TableName[];
}

const RESERVED_PORTS = new Set([15_001, 15_006, 15_021, 15_090]);

/** `pods` where connections to them come with their address; else headless services share their ports. */
export function capturedListeners(
  scope: Scope,
  cache: TranslationCache,
  pods: HeadlessPods | undefined,
): OutboundListeners {
  const listeners = new Map<string, XdsResource>();
  const tables = new Map<string, TableName>();
  const { mesh } = scope.snapshot;
  const all = wildcards(scope.families);
  const add = (key: readonly KeyPart[], name: string, origins: readonly ObjectRef[], make: () => Listener): void => {
    if (!listeners.has(name))
      listeners.set(
        name,
        cache.resource(
          ['lds', mesh, scope.telemetry, scope.plugins, scope.allowAny, scope.envoy, scope.families, ...key],
          () => resource(ListenerSchema, name, make(), origins),
        ),
      );
  };
  const wildcard = new Map<number, WildcardParts>();
  const partsOf = (port: number): WildcardParts => {
    const parts = wildcard.get(port) ?? { http: undefined, httpServices: [], ranges: [], tcp: undefined };
    wildcard.set(port, parts);
    return parts;
  };
  for (const [service, port] of ports(scope)) {
    const shared = isHttp(port.protocol) || (isSniffed(port) && service.addresses.length === 0);
    const own = service.headless ? pods?.of(service) : undefined;
    if (shared) {
      const table = String(port.number);
      tables.set(table, { name: table, port: port.number, service: undefined });
      partsOf(port.number).http = table;
      partsOf(port.number).httpServices.push(service);
      if (isHttp(port.protocol) || own === undefined) continue;
    }
    const table = serviceTable(service, port.number);
    if (isSniffed(port)) tables.set(table, { name: table, port: port.number, service });
    if (service.addresses.length === 0 && own === undefined) partsOf(port.number).tcp ??= { service, port, table };
    if (service.addresses.some((one) => one.includes('/'))) partsOf(port.number).ranges.push({ service, port, table });
    for (const addresses of own?.map((address) => [address]) ?? placesOf(service)) {
      const place = { addresses, port: port.number, bound: false };
      add(serviceKeyParts(service, port, addresses.join(), scope), nameOf(place), [service.origin], () =>
        serviceListener(place, service, port, scope, table),
      );
    }
  }
  for (const [port, parts] of wildcard) {
    const { http, ranges, tcp } = parts;
    const place = { addresses: all, port, bound: false };
    const named = [...ranges, ...(tcp === undefined ? [] : [tcp])];
    const origins = named.map(({ service }) => service.origin);
    const keys = named.flatMap((one) => serviceKeyParts(one.service, one.port, all.join(), scope));
    const make = (): Listener =>
      named.length === 0 && http !== undefined
        ? sharedHttpListener(place, scope, http)
        : tcp !== undefined && ranges.length === 0 && http === undefined
          ? serviceListener(place, tcp.service, tcp.port, scope, tcp.table)
          : wildcardListener(place, parts, scope);
    const exact = http === undefined ? '' : addressesInRanges(parts).join(';');
    add(['wildcard', port, http, exact, ranges.length, ...keys], nameOf(place), origins, make);
  }
  for (const { place, table, origin, make } of boundEgress(scope)) {
    if (table !== undefined) tables.set(table.name, table);
    add(['egress', scope, nameOf(place)], nameOf(place), [origin], make);
  }
  add(['virtualOutbound'], 'virtualOutbound', [], () => virtualOutbound(scope));
  return { listeners, tables: [...tables.values()] };
}

/** Interception mode NONE: a loopback address per service and the forward proxy (design §3c.3). */
export function loopbackListeners(scope: Scope, proxy: ProxyView, cache: TranslationCache): OutboundListeners {
  const listeners = new Map<string, XdsResource>();
  const tables: TableName[] = [];
  const block = proxy.loopbackBlock;
  const mesh = scope.snapshot.mesh;
  // It comes before the listeners that its tunnels lead to. An Envoy takes listeners up one after another: a caller that
  // is told to leave one of those comes back by a new tunnel, which must not be one that is on its way out already.
  if (proxy.httpProxyPort !== undefined) {
    const at = proxy.httpProxyPort;
    const name = listenerName('127.0.0.1', at);
    // Nor may it change alone, since a tunnel cannot be told to end: what unknown hosts get is left to its routes.
    const resolves = scope.envoy || resolvesUnknownHosts(scope);
    listeners.set(
      name,
      cache.resource(['lds', 'http_proxy', mesh, scope.telemetry, scope.plugins, scope.envoy, resolves, at], () =>
        resource(ListenerSchema, name, forwardProxy(scope, name, at, resolves), []),
      ),
    );
  }
  for (const { place, table, origin, make } of boundEgress(scope)) {
    if (table !== undefined) tables.push(table);
    const name = nameOf(place);
    listeners.set(
      name,
      cache.resource(['lds', 'egress', scope, name], () => resource(ListenerSchema, name, make(), [origin])),
    );
  }
  if (block !== undefined) {
    for (const [service, port] of ports(scope)) {
      if (service.hostname.startsWith('*')) continue;
      const host = serviceLoopback(block, service.hostname);
      const name = listenerName(host, port.number);
      if (listeners.has(name)) continue;
      const table = serviceTable(service, port.number);
      if (isHttp(port.protocol) || isSniffed(port)) tables.push({ name: table, port: port.number, service });
      const place = { addresses: [host], port: port.number, bound: true };
      const key: KeyPart[] = [
        'lds',
        mesh,
        scope.telemetry,
        scope.plugins,
        scope.allowAny,
        scope.envoy,
        ...serviceKeyParts(service, port, host, scope),
        'bound',
      ];
      listeners.set(
        name,
        cache.resource(key, () =>
          resource(ListenerSchema, name, serviceListener(place, service, port, scope, table), [service.origin]),
        ),
      );
    }
  }
  return { listeners, tables };
}

function forwardProxy(scope: Scope, name: string, port: number, resolves: boolean): Listener {
  const { mesh } = scope.snapshot;
  const manager = httpManager({
    mesh,
    telemetry: scope.telemetry.client,
    envoy: scope.envoy,
    statPrefix: 'outbound_http_proxy',
    direction: 'outbound',
    routes: { name: HTTP_PROXY_TABLE },
    authorization: allPlugins(scope.plugins.client, undefined),
    connect: true,
    ...(resolves ? { last: [dynamicForwardProxy()] } : {}),
  });
  return {
    name,
    address: address('127.0.0.1', port),
    trafficDirection: TrafficDirection.OUTBOUND,
    accessLog: [...scope.telemetry.client.listenerLogs],
    filterChains: [{ filters: [manager] }],
  };
}

/** A listener for each address; the first one stands at the first of the other family, too. */
function placesOf({ addresses }: Service): readonly (readonly string[])[] {
  const [first, ...more] = addresses.filter((one) => !one.includes('/'));
  if (first === undefined) return [];
  const other = more.find((one) => isIpv6(one) !== isIpv6(first));
  return [other === undefined ? [first] : [first, other], ...more.filter((one) => one !== other).map((one) => [one])];
}

function* ports(scope: Scope): Iterable<readonly [Service, ServicePort]> {
  for (const service of scope.services) {
    for (const port of service.ports) {
      if (
        port.protocol === 'UDP' ||
        RESERVED_PORTS.has(port.number) ||
        !scope.allowsPort(service.hostname, port.number)
      )
        continue;
      yield [service, port];
    }
  }
}

/** TCP and TLS chains read the service's VirtualService and whatever that refers to; the scope stands for the latter. */
function serviceKeyParts(service: Service, port: ServicePort, host: string, scope: Scope): readonly KeyPart[] {
  const vs = scope.virtualService(service.hostname);
  const routed =
    !isHttp(port.protocol) &&
    vs !== undefined &&
    ((vs.object.spec.tcp ?? []).length > 0 || (vs.object.spec.tls ?? []).length > 0);
  return [
    'service',
    service,
    port,
    host,
    isHttp(port.protocol) ? undefined : scope.rule(service),
    routed ? vs : undefined,
    routed ? scope : undefined,
  ];
}
