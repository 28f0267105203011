// The servers that a gateway proxy has to run, grouped by the port that it really listens on (inventory §3.8).

import type { Snapshot } from '#push';
import {
  type Gateway,
  gatewaysOf,
  type GatewayServer,
  labelsMatch,
  narrowerHost,
  protocolFromName,
  type PortProtocol,
  type ResolvedVirtualService,
  sameHost,
} from '#registry';
import type { ProxyView } from '../proxy-view.ts';
import type { Scope } from '../scope.ts';

export type ServerKind = 'http' | 'https' | 'tls-terminated' | 'passthrough' | 'auto-passthrough' | 'tcp' | 'refused';

export interface ServerInForce {
  readonly gateway: Gateway;
  /** `namespace/name`. */
  readonly gatewayName: string;
  readonly server: GatewayServer;
  readonly protocol: PortProtocol;
  readonly kind: ServerKind;
  /** Host patterns with their namespace restriction. */
  readonly hosts: readonly { readonly namespace: string; readonly host: string }[];
}

export interface ServerGroup {
  /** The container's port: in listener and route names. */
  readonly port: number;
  /** Where it is really bound (moved by the agent when privileged or taken). */
  readonly listen: number;
  readonly bind: string;
  /** The addresses that are really bound: `bind`, unless that is every address: then those that the proxy has, or keeps to. */
  readonly hosts: readonly string[];
  readonly servers: readonly ServerInForce[];
}

export function serverGroups(snapshot: Snapshot, proxy: ProxyView): readonly ServerGroup[] {
  const groups = new Map<string, { group: Omit<ServerGroup, 'servers'>; servers: ServerInForce[] }>();
  for (const gateway of gatewaysOf(snapshot.config, proxy)) {
    for (const server of gateway.spec.servers ?? []) {
      const port = targetPort(snapshot, proxy, server.port.number);
      const bind = server.bind === undefined || server.bind === '' ? '0.0.0.0' : server.bind;
      const key = `${bind} ${port}`;
      const entry = groups.get(key) ?? {
        group: {
          port,
          bind,
          hosts: bind === '0.0.0.0' ? proxy.gatewayBinds : [bind],
          listen: proxy.gatewayPorts[String(port)] ?? port,
        },
        servers: [],
      };
      groups.set(key, entry);
      const inForce = serverInForce(gateway, server);
      const first = entry.servers[0];
      // Plain HTTP and TLS cannot share a port: the older server keeps it.
      if (first === undefined || isPlain(first) === isPlain(inForce)) entry.servers.push(inForce);
    }
  }
  return [...groups.values()].map(({ group, servers }) => ({ ...group, servers }));
}

function isPlain({ kind }: ServerInForce): boolean {
  return kind === 'http' || kind === 'tcp';
}

function serverInForce(gateway: Gateway, server: GatewayServer): ServerInForce {
  const { namespace, name } = gateway.metadata;
  const protocol = protocolFromName(server.port.protocol) ?? 'TCP';
  return {
    gateway,
    gatewayName: `${namespace}/${name}`,
    server,
    protocol,
    kind: kindOf(protocol, server),
    hosts: (server.hosts ?? []).map((text) => {
      const slash = text.indexOf('/');
      const place = slash < 0 ? '*' : text.slice(0, slash);
      return { namespace: place === '.' ? namespace : place, host: sameHost(text.slice(slash + 1)) };
    }),
  };
}

function kindOf(protocol: PortProtocol, server: GatewayServer): ServerKind {
  const mode = server.tls?.mode ?? 'PASSTHROUGH';
  const redirectOnly = server.tls?.httpsRedirect === true;
  switch (protocol) {
    case 'HTTP':
    case 'HTTP2':
    case 'GRPC':
    case 'GRPC-Web':
    case 'HTTP_PROXY':
      return server.tls === undefined || redirectOnly ? 'http' : 'refused';
    case 'HTTPS':
    case 'TLS':
      if (server.tls === undefined) return 'refused';
      if (mode === 'AUTO_PASSTHROUGH') return 'auto-passthrough';
      if (mode === 'PASSTHROUGH') return 'passthrough';
      return protocol === 'HTTPS' ? 'https' : 'tls-terminated';
    default:
      return server.tls === undefined ? 'tcp' : 'refused';
  }
}

/** The gateway's own Service maps 80 to 8080 and so on. */
function targetPort(snapshot: Snapshot, proxy: ProxyView, number: number): number {
  for (const service of snapshot.services.inNamespace.get(proxy.namespace) ?? []) {
    if (service.selector === undefined || !labelsMatch(service.selector, proxy.labels)) continue;
    const port = service.ports.find((p) => p.number === number);
    if (port === undefined) continue;
    return typeof port.targetPort === 'number' ? port.targetPort : (proxy.namedPorts.get(port.targetPort) ?? number);
  }
  return number;
}

export interface BoundHost {
  readonly host: string;
  readonly virtualService: ResolvedVirtualService;
}

/** VirtualServices bound to the server's gateway, with the hosts that both name, oldest first. */
export function boundHosts(server: ServerInForce, scope: Scope): readonly BoundHost[] {
  const found: BoundHost[] = [];
  for (const virtualService of scope.virtualServices) {
    if (!virtualService.gateways.includes(server.gatewayName)) continue;
    for (const host of virtualService.hosts) {
      const shared = server.hosts
        .filter(({ namespace }) => namespace === '*' || namespace === virtualService.namespace)
        .map((entry) => narrowerHost(entry.host, host))
        .filter((narrow) => narrow !== undefined);
      for (const narrow of new Set(shared)) found.push({ host: narrow, virtualService });
    }
  }
  return found;
}
