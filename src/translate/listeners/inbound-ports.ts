// The ports that a workload serves: from the services that select it, its Sidecar's ingress, or what mode NONE declares.

import type { ObjectRef } from '#base';
import { refOf, type ServerTls } from '#config';
import type { Snapshot } from '#push';
import {
  isIpv6,
  labelsMatch,
  type PortProtocol,
  protocolFromName,
  type Service,
  type ServicePort,
  type Sidecar,
} from '#registry';
import type { ConnectionPool } from '../clusters/traffic-policy.ts';
import { policyOf } from '../clusters/traffic-policy.ts';
import type { ProxyView } from '../proxy-view.ts';
import type { Scope } from '../scope.ts';
import { loopback } from './listening-addresses.ts';

type IngressListener = NonNullable<Sidecar['spec']['ingress']>[number];

export interface InboundPort {
  /** The workload's declared port: in names, in policies, in PeerAuthentication. */
  readonly declared: number;
  /** Where the proxy takes its connections: the same, or the bound port of mode NONE. */
  readonly listen: number;
  readonly protocol: PortProtocol;
  /** Where the application is; undefined = the original destination. */
  readonly target: { readonly host: string; readonly port: number } | undefined;
  /** The service it is served for; undefined when no service names the port. */
  readonly service: Service | undefined;
  readonly servicePort: number;
  readonly pool: ConnectionPool | undefined;
  /** What the Sidecar's ingress has end here in place of the mesh's TLS. */
  readonly tls: ServerTls | undefined;
  readonly origins: readonly ObjectRef[];
}

export function inboundPorts(snapshot: Snapshot, proxy: ProxyView, scope: Scope): readonly InboundPort[] {
  const served = servedPorts(snapshot, proxy, scope);
  const listeners = scope.sidecar?.spec.ingress ?? [];
  if (proxy.captured) return ingressPorts(snapshot, proxy, scope, served) ?? [...served.values()];
  return proxy.boundPorts.map(({ port, appPort, boundPort }) => {
    const known = served.get(port);
    const base: InboundPort = known ?? {
      declared: port,
      listen: port,
      protocol: 'Unsupported',
      target: undefined,
      service: undefined,
      servicePort: port,
      pool: undefined,
      tls: undefined,
      origins: [],
    };
    // Bound ports are the agent's to say; how they are served is the Sidecar's all the same.
    const target = { host: '127.0.0.1', port: appPort };
    const own = listeners.find((listener) => listener.port?.number === port);
    return own === undefined || scope.sidecar === undefined
      ? { ...base, listen: boundPort, target }
      : { ...ofIngress(own, scope.sidecar, known, proxy), listen: boundPort, target: moved(own, proxy) ?? target };
  });
}

/** A declared port is where the agent says that the application listens for it. */
function moved({ defaultEndpoint }: IngressListener, proxy: ProxyView): InboundPort['target'] {
  const target = endpointOf(defaultEndpoint, proxy.ips);
  const appPort = proxy.boundPorts.find(({ port }) => port === target?.port)?.appPort;
  return target === undefined || appPort === undefined ? target : { ...target, port: appPort };
}

/** By declared port; of several services for one port the first (oldest) decides the protocol. */
function servedPorts(snapshot: Snapshot, proxy: ProxyView, scope: Scope): ReadonlyMap<number, InboundPort> {
  const found = new Map<number, InboundPort>();
  for (const service of snapshot.services.inNamespace.get(proxy.namespace) ?? []) {
    if (service.selector === undefined || !labelsMatch(service.selector, proxy.labels)) continue;
    for (const port of service.ports) {
      const declared = declaredPort(port, proxy);
      if (declared === undefined || port.protocol === 'UDP' || found.has(declared)) continue;
      const rule = scope.rule(service);
      found.set(declared, {
        declared,
        listen: declared,
        protocol: port.protocol,
        target: localhost(snapshot, proxy, declared),
        service,
        servicePort: port.number,
        pool: scope.sidecar?.spec.inboundConnectionPool ?? policyOf(rule, undefined, port.number).connectionPool,
        tls: undefined,
        origins: [service.origin],
      });
    }
  }
  return found;
}

function declaredPort(port: ServicePort, proxy: ProxyView): number | undefined {
  return typeof port.targetPort === 'number' ? port.targetPort : proxy.namedPorts.get(port.targetPort);
}

/** A Sidecar with ingress listeners replaces what the services say. */
function ingressPorts(
  snapshot: Snapshot,
  proxy: ProxyView,
  scope: Scope,
  served: ReadonlyMap<number, InboundPort>,
): readonly InboundPort[] | undefined {
  const ingress = scope.sidecar?.spec.ingress;
  if (scope.sidecar === undefined || ingress === undefined || ingress.length === 0) return undefined;
  const sidecar = scope.sidecar;
  return ingress.map((listener) => {
    const declared = listener.port?.number ?? 0;
    const made = ofIngress(listener, sidecar, served.get(declared), proxy);
    return { ...made, target: made.target ?? localhost(snapshot, proxy, declared) };
  });
}

function ofIngress(
  listener: IngressListener,
  sidecar: Sidecar,
  known: InboundPort | undefined,
  proxy: ProxyView,
): InboundPort {
  const declared = listener.port?.number ?? 0;
  return {
    declared,
    listen: declared,
    protocol: protocolFromName(listener.port?.protocol ?? '') ?? known?.protocol ?? 'Unsupported',
    target: endpointOf(listener.defaultEndpoint, proxy.ips),
    service: known?.service,
    servicePort: known?.servicePort ?? declared,
    pool: listener.connectionPool ?? sidecar.spec.inboundConnectionPool ?? known?.pool,
    tls: listener.tls,
    origins: [refOf(sidecar), ...(known?.origins ?? [])],
  };
}

/** The mesh's applications may listen on loopback alone. */
function localhost({ mesh }: Snapshot, { families }: ProxyView, port: number): InboundPort['target'] {
  return mesh.inboundLocalhost ? { host: loopback(families), port } : undefined;
}

/** `127.0.0.1:8080`, `[::1]:8080`, `0.0.0.0:8080` (the workload's own address), `unix:///path`. */
function endpointOf(
  text: string | undefined,
  ips: readonly string[],
): { readonly host: string; readonly port: number } | undefined {
  if (text === undefined || text === '') return undefined;
  if (text.startsWith('unix://')) return { host: text, port: 0 };
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  const own = ips.find((ip) => isIpv6(ip) === isIpv6(host)) ?? ips[0] ?? host;
  return { host: host === '0.0.0.0' || host === '::' ? own : host, port: Number(text.slice(colon + 1)) };
}
