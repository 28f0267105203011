// One outbound listener: the chains for a service port or for all HTTP services of a port (inventory §3.3).

import { TrafficDirection } from '#proto/envoy/config/core/v3/base_pb.ts';
import { isHttp, isSniffed, isTls, type Service, type ServicePort } from '#registry';
import { policyOf } from '../clusters/traffic-policy.ts';
import { httpManager } from '../filters/http-manager.ts';
import { tcpProxy } from '../filters/tcp-proxy.ts';
import { upstreamAlpn } from '../filters/upstream-alpn.ts';
import { BLACK_HOLE, outboundCluster, PASSTHROUGH } from '../names.ts';
import { tcpRouteTargets } from '../routes/tcp-route-targets.ts';
import type { Scope } from '../scope.ts';
import { serverNamesWithin } from '../server-names.ts';
import { allPlugins } from '../wasm/plugin-slots.ts';
import {
  type Chain,
  type ChainMatch,
  detection,
  httpInspector,
  type Listener,
  listenerName,
  PLAIN_HTTP,
  tlsInspector,
} from './listener-parts.ts';
import { listeningAt, wildcards } from './listening-addresses.ts';

export interface ListenerPlace {
  /** The first is in its name. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** False where the redirected connection is handed over by virtualOutbound. */
  readonly bound: boolean;
}

/** All HTTP services of one port share a table; what is not HTTP passes through. */
export function sharedHttpListener(place: ListenerPlace, scope: Scope, table: string): Listener {
  return {
    ...base(place, scope),
    ...inspectors({ tls: true, http: true }, scope),
    filterChains: [sharedHttpChain(place, scope, table)],
    defaultFilterChain: passthroughChain(scope),
  };
}

export function sharedHttpChain(place: ListenerPlace, scope: Scope, table: string): Chain {
  return {
    filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: PLAIN_HTTP },
    filters: [tableManager(place, scope, table)],
  };
}

/** Bound to an address of its own: what comes is for a service of the table, whatever it looks like. */
export function boundHttpListener(place: ListenerPlace, scope: Scope, table: string): Listener {
  return { ...base(place, scope), filterChains: [{ filters: [tableManager(place, scope, table)] }] };
}

type ManagerInput = Parameters<typeof httpManager>[0];

/** `own` stands in the place of what holds for the whole port. */
function tableManager(
  place: ListenerPlace,
  scope: Scope,
  table: string,
  own: Partial<Pick<ManagerInput, 'authorization' | 'grpcWeb' | 'last'>> = {},
): ReturnType<typeof httpManager> {
  return httpManager({
    mesh: scope.snapshot.mesh,
    telemetry: scope.telemetry.client,
    envoy: scope.envoy,
    statPrefix: `outbound_${nameOf(place)}`,
    direction: 'outbound',
    routes: { name: table },
    authorization: allPlugins(scope.plugins.client, place.port),
    ...own,
  });
}

/** One service port on its own address: HTTP, sniffed, TLS by server name, or TCP. */
export function serviceListener(
  place: ListenerPlace,
  service: Service,
  port: ServicePort,
  scope: Scope,
  table: string,
): Listener {
  if (isHttp(port.protocol)) {
    const filters = [serviceManager(place, port, scope, table)];
    return { ...base(place, scope), filterChains: [{ filters }] };
  }
  const { chains, tls, http } = serviceChains(place, service, port, scope, table);
  return { ...base(place, scope), ...inspectors({ tls, http }, scope), ...withDefault(chains) };
}

/** What is not declared to be HTTP: TCP and TLS as they come, what is not declared by its first bytes. */
export function serviceChains(
  place: ListenerPlace,
  service: Service,
  port: ServicePort,
  scope: Scope,
  table: string,
): { readonly chains: readonly Chain[]; readonly tls: boolean; readonly http: boolean } {
  const chains = tcpChains(service, port, scope);
  const named = chains.some(({ filterChainMatch }) => (filterChainMatch?.serverNames ?? []).length > 0);
  if (!isSniffed(port)) return { chains, tls: named || isTls(port.protocol), http: false };
  const plain = (protocols: readonly string[], alpn: 'http1' | 'http2'): Chain => ({
    filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: [...protocols] },
    filters: [serviceManager(place, port, scope, table, [upstreamAlpn(alpn)])],
  });
  const sniffed = [plain(['http/1.0', 'http/1.1'], 'http1'), plain(['h2c'], 'http2')];
  const fallback = chains.filter(({ filterChainMatch }) => filterChainMatch === undefined);
  const matched = chains.filter(({ filterChainMatch }) => filterChainMatch !== undefined);
  return { chains: [...matched, ...sniffed, ...fallback], tls: true, http: true };
}

function serviceManager(
  place: ListenerPlace,
  port: ServicePort,
  scope: Scope,
  table: string,
  last?: ManagerInput['last'],
): ReturnType<typeof httpManager> {
  return tableManager(place, scope, table, {
    authorization: allPlugins(scope.plugins.client, port.number),
    grpcWeb: port.protocol === 'GRPC-Web',
    ...(last === undefined ? {} : { last }),
  });
}

/** What must be known of the first bytes before a chain is chosen. */
export function inspectors(
  { tls, http }: { readonly tls: boolean; readonly http: boolean },
  scope: Scope,
): Pick<Listener, 'listenerFilters' | 'listenerFiltersTimeout' | 'continueOnListenerFiltersTimeout'> {
  if (http)
    return {
      listenerFilters: [tlsInspector(), httpInspector()],
      ...detection(scope.snapshot.mesh.protocolDetectionTimeoutMs),
    };
  return tls ? { listenerFilters: [tlsInspector()] } : {};
}

/** A chain for everything is the default one where there are others beside it. */
function withDefault(chains: readonly Chain[]): Pick<Listener, 'filterChains' | 'defaultFilterChain'> {
  const fallback = chains.find(({ filterChainMatch }) => filterChainMatch === undefined);
  const matched = chains.filter((chain) => chain !== fallback);
  if (fallback === undefined) return { filterChains: matched };
  return matched.length === 0 ? { filterChains: [fallback] } : { filterChains: matched, defaultFilterChain: fallback };
}

export function nameOf({ addresses, port }: ListenerPlace): string {
  return listenerName(addresses[0] as string, port);
}

export function base(place: ListenerPlace, scope: Scope): Listener {
  return {
    name: nameOf(place),
    ...listeningAt(place.addresses, place.port),
    trafficDirection: TrafficDirection.OUTBOUND,
    accessLog: [...scope.telemetry.client.listenerLogs],
    ...(place.bound ? {} : { bindToPort: false }),
  };
}

/** VirtualService tls and tcp rules that are for this client, then the service itself. */
function tcpChains(service: Service, port: ServicePort, scope: Scope): readonly Chain[] {
  const vs = scope.virtualService(service.hostname);
  const chains: Chain[] = [];
  const taken = new Set<string>();
  let open = false;
  if (vs !== undefined) {
    const proxyTo = (route: Parameters<typeof tcpRouteTargets>[0]) => {
      const targets = tcpRouteTargets(route, vs.namespace, port.number, scope);
      return [...tcpProxy(scope.telemetry.client, targets[0].cluster, targets)];
    };
    for (const rule of isTls(port.protocol) || isSniffed(port) ? (vs.object.spec.tls ?? []) : []) {
      for (const match of rule.match ?? []) {
        if (!forUs(match, port.number, scope)) continue;
        const names = serverNamesWithin(match.sniHosts ?? [], vs.hosts, vs, scope);
        const where = freshNames(names, match, taken);
        if (where !== undefined) chains.push({ filterChainMatch: where, filters: proxyTo(rule.route) });
      }
    }
    for (const rule of vs.object.spec.tcp ?? []) {
      const matches = rule.match ?? [];
      if (matches.length === 0) {
        chains.push({ filters: proxyTo(rule.route) });
        open = true;
        break;
      }
      for (const match of matches) {
        if (!forUs(match, port.number, scope)) continue;
        const where = freshSubnets(match, taken);
        if (where === undefined) continue;
        if (Object.keys(where).length === 0) open = true;
        chains.push({
          ...(Object.keys(where).length === 0 ? {} : { filterChainMatch: where }),
          filters: proxyTo(rule.route),
        });
        if (open) break;
      }
      if (open) break;
    }
  }
  if (!open) {
    const cluster = outboundCluster(port.number, '', service.hostname);
    const rule = scope.rule(service);
    const policy = policyOf(rule, undefined, port.number);
    const target = { cluster, weight: 1, policy, tunnel: rule?.trafficPolicy?.tunnel };
    chains.push({ filters: [...tcpProxy(scope.telemetry.client, cluster, [target])] });
  }
  return chains;
}

interface SubnetMatch {
  readonly destinationSubnets?: readonly string[] | undefined;
}

interface ClientMatch {
  readonly port?: number | undefined;
  readonly sourceLabels?: Readonly<Record<string, string>> | undefined;
  readonly sourceNamespace?: string | undefined;
  readonly gateways?: readonly string[] | undefined;
}

function forUs(match: ClientMatch, port: number, scope: Scope): boolean {
  if (match.port !== undefined && match.port !== 0 && match.port !== port) return false;
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== '' && match.sourceNamespace !== scope.namespace)
    return false;
  if (match.gateways !== undefined && match.gateways.length > 0 && !match.gateways.includes('mesh')) return false;
  return Object.entries(match.sourceLabels ?? {}).every(([key, value]) => scope.labels[key] === value);
}

/** Of rules for the same the first one holds; an Envoy would take neither. */
function freshNames(
  names: readonly string[],
  { destinationSubnets = [] }: SubnetMatch,
  taken: Set<string>,
): ChainMatch | undefined {
  const places = [...destinationSubnets].sort().join();
  const serverNames = unrepeated(names, (name) => `${name} ${places}`, taken);
  return serverNames.length === 0 ? undefined : { serverNames, ...subnets(destinationSubnets) };
}

function freshSubnets({ destinationSubnets = [] }: SubnetMatch, taken: Set<string>): ChainMatch | undefined {
  if (destinationSubnets.length === 0) return {};
  const fresh = unrepeated(destinationSubnets, (subnet) => subnet, taken);
  return fresh.length === 0 ? undefined : subnets(fresh);
}

function unrepeated(list: readonly string[], keyOf: (one: string) => string, taken: Set<string>): string[] {
  return list.filter((one) => {
    const key = keyOf(one);
    const fresh = !taken.has(key);
    taken.add(key);
    return fresh;
  });
}

function subnets(list: readonly string[] | undefined): ChainMatch {
  if (list === undefined || list.length === 0) return {};
  return {
    prefixRanges: list.map((text) => {
      const [addressPrefix = '', length] = text.split('/');
      return {
        addressPrefix,
        prefixLen: length === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(length),
      };
    }),
  };
}

export function passthroughChain(scope: Scope): Chain {
  const cluster = scope.allowAny ? PASSTHROUGH : BLACK_HOLE;
  return {
    name: 'PassthroughFilterChain',
    filters: [...tcpProxy(scope.telemetry.client, cluster, [{ cluster, weight: 1 }])],
  };
}

/** Takes every redirected connection and hands it to the listener of its original destination. */
export function virtualOutbound(scope: Scope): Listener {
  const { mesh } = scope.snapshot;
  const cluster = scope.allowAny ? PASSTHROUGH : BLACK_HOLE;
  return {
    name: 'virtualOutbound',
    ...listeningAt(wildcards(scope.families), mesh.outboundPort),
    trafficDirection: TrafficDirection.OUTBOUND,
    useOriginalDst: true,
    accessLog: [...scope.telemetry.client.listenerLogs],
    filterChains: [
      {
        name: 'virtualOutbound-blackhole',
        filterChainMatch: { destinationPort: mesh.outboundPort },
        filters: [...tcpProxy(scope.telemetry.client, BLACK_HOLE, [{ cluster: BLACK_HOLE, weight: 1 }])],
      },
      {
        name: 'virtualOutbound-catchall-tcp',
        filters: [...tcpProxy(scope.telemetry.client, cluster, [{ cluster, weight: 1 }])],
      },
    ],
  };
}
