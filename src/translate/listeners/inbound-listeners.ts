// A sidecar's inbound side: virtualInbound where connections are captured, one listener per declared port in mode NONE.

import type { XdsResource } from '#base';
import { refOf } from '#config';
import { TrafficDirection } from '#proto/envoy/config/core/v3/base_pb.ts';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { receivingMode, type Snapshot } from '#push';
import {
  authorizationPoliciesOf,
  type Families,
  isSniffed,
  type MtlsMode,
  rateLimitsOf,
  requestAuthenticationsOf,
} from '#registry';
import type { AuthorizationInput } from '../authz/authorization-filters.ts';
import { discoveredPolicies, slotsKey } from '../authz/discovered-policies.ts';
import { providersKey, resolveProviders } from '../authz/extension-providers.ts';
import type { KeyPart, TranslationCache } from '../cache.ts';
import { inboundClusterOf } from '../clusters/fixed-clusters.ts';
import { address, resource } from '../encode.ts';
import { refusedAccessLog } from '../filters/envoy-peers.ts';
import { tcpProxy } from '../filters/tcp-proxy.ts';
import { BLACK_HOLE, INBOUND_PASSTHROUGH, inboundCluster } from '../names.ts';
import type { ProxyView } from '../proxy-view.ts';
import type { Scope } from '../scope.ts';
import { inboundChains } from './inbound-chains.ts';
import { type InboundPort, inboundPorts } from './inbound-ports.ts';
import { listeningAt, wildcardName, wildcards } from './listening-addresses.ts';
import {
  type Chain,
  detection,
  httpInspector,
  type Listener,
  listenerName,
  originalDestination,
  originalSource,
  tlsInspector,
} from './listener-parts.ts';

export interface Inbound {
  readonly listeners: ReadonlyMap<string, XdsResource>;
  readonly clusters: ReadonlyMap<string, XdsResource>;
  /** Filters that the listeners only name. */
  readonly extensions: ReadonlyMap<string, XdsResource>;
}

/** A port with the mode in force for it. */
interface PortInForce extends InboundPort {
  readonly mode: MtlsMode;
}

export function inbound(snapshot: Snapshot, proxy: ProxyView, scope: Scope, cache: TranslationCache): Inbound {
  const { mesh, peerAuthentications, formerPeerAuthentications } = snapshot;
  const ports: PortInForce[] = inboundPorts(snapshot, proxy, scope).map((port) => ({
    ...port,
    mode: receivingMode(peerAuthentications, formerPeerAuthentications, proxy, port.declared),
  }));
  const policies = authorizationPoliciesOf(snapshot.config, proxy, mesh.rootNamespace);
  const requestAuthentications = requestAuthenticationsOf(snapshot.config, proxy, mesh.rootNamespace);
  const rateLimits = rateLimitsOf(snapshot.config, proxy, mesh.rootNamespace);
  const providers = resolveProviders(policies, { mesh, service: scope.service, envoy: proxy.envoy });
  const bound = new Map(ports.map(({ declared, listen }) => [declared, listen]));
  const authorization: AuthorizationInput = {
    policies,
    requestAuthentications,
    rateLimits,
    gateway: false,
    keySets: snapshot.keySets,
    providers,
    mesh,
    boundPort: (declared) => bound.get(declared) ?? declared,
    envoy: proxy.envoy,
    split: scope.plugins.server.some(({ phase }) => phase === 'AUTHZ'),
  };
  const origins = [
    ...scope.telemetry.origins,
    ...scope.limits.origins,
    ...(proxy.envoy ? [] : [...policies, ...requestAuthentications, ...rateLimits].map((policy) => refOf(policy))),
    ...peerAuthentications.originsOf(proxy),
  ];

  const clusters = new Map<string, XdsResource>();
  for (const port of ports)
    clusters.set(inboundCluster(port.declared), cluster(port, snapshot, scope, proxy.families, cache));

  const listeners = new Map<string, XdsResource>();
  const judged: KeyPart[] = [
    mesh,
    proxy.envoy,
    policies,
    rateLimits,
    requestAuthentications,
    requestAuthentications.length === 0 ? undefined : snapshot.keySets,
    providersKey(providers),
    authorization.split,
    ports.map(({ declared, listen }) => `${declared}:${listen}`).join(' '),
  ];
  const common: KeyPart[] = [
    'inbound',
    scope.telemetry,
    scope.plugins,
    scope.limits,
    proxy.families,
    ...(proxy.envoy ? [mesh, true, slotsKey(authorization)] : judged),
  ];
  if (proxy.captured) {
    const rest = receivingMode(peerAuthentications, formerPeerAuthentications, proxy);
    const key = [...common, 'virtual', rest, proxy.tproxy, ports.map(portKey)];
    listeners.set(
      'virtualInbound',
      cache.resource(key, () =>
        resource(ListenerSchema, 'virtualInbound', virtualInbound(ports, rest, proxy, authorization, scope), [
          ...origins,
          ...ports.flatMap((p) => p.origins),
        ]),
      ),
    );
  } else {
    for (const port of ports) {
      const name = listenerName('127.0.0.1', port.listen);
      listeners.set(
        name,
        cache.resource([...common, 'bound', portKey(port)], () =>
          resource(ListenerSchema, name, boundListener(name, port, proxy.envoy, authorization, scope), [
            ...origins,
            ...port.origins,
          ]),
        ),
      );
    }
  }
  return { listeners, clusters, extensions: discoveredPolicies(authorization, ['inbound', ...judged], cache) };
}

function portKey(port: PortInForce): KeyPart {
  return [port.declared, port.listen, port.protocol, port.service?.hostname, port.servicePort, port.mode, port.tls];
}

function cluster(
  port: InboundPort,
  snapshot: Snapshot,
  { limits }: Scope,
  families: Families,
  cache: TranslationCache,
): XdsResource {
  const name = inboundCluster(port.declared);
  const { service, target, pool, protocol } = port;
  const key = [
    'inbound-cluster',
    port.declared,
    families,
    protocol,
    target?.host,
    target?.port,
    pool,
    snapshot.mesh,
    service,
    limits,
  ];
  return cache.resource(key, () =>
    resource(
      ClusterSchema,
      name,
      inboundClusterOf({
        port: port.declared,
        protocol,
        target,
        pool,
        mesh: snapshot.mesh,
        answers: limits.response,
        families,
        services:
          service === undefined ? [] : [{ host: service.hostname, name: service.name, namespace: service.namespace }],
      }),
      [...port.origins, ...limits.origins],
    ),
  );
}

function chainsOf(
  port: PortInForce,
  envoy: boolean,
  authorization: AuthorizationInput,
  scope: Scope,
  where: { readonly destinationPort?: number },
): readonly Chain[] {
  const { mesh } = authorization;
  const telemetry = scope.telemetry.server;
  return inboundChains({
    mesh,
    telemetry,
    envoy,
    mode: port.mode,
    ownTls: port.tls,
    protocol:
      port.protocol === 'Unsupported' &&
      !isSniffed({ number: port.declared, name: '', protocol: port.protocol, targetPort: port.declared })
        ? 'TCP'
        : port.protocol,
    chainName: listenerName(wildcardName(scope.families), port.declared),
    cluster: inboundCluster(port.declared),
    wildcard: wildcardName(scope.families),
    port: port.declared,
    servicePort: port.servicePort,
    host: port.service?.hostname ?? '*',
    where,
    authorization,
    plugins: scope.plugins.server,
    limits: scope.limits,
  });
}

function virtualInbound(
  ports: readonly PortInForce[],
  rest: MtlsMode,
  { tproxy, envoy }: ProxyView,
  authorization: AuthorizationInput,
  scope: Scope,
): Listener {
  const { mesh } = authorization;
  const telemetry = scope.telemetry.server;
  const declared = ports.filter((port) => port.protocol !== 'Unsupported').map((port) => port.declared);
  const catchAll = inboundChains({
    mesh,
    telemetry,
    envoy,
    mode: rest,
    protocol: 'Unsupported',
    chainName: 'virtualInbound',
    httpChainName: 'virtualInbound-catchall-http',
    cluster: INBOUND_PASSTHROUGH,
    wildcard: wildcardName(scope.families),
    port: 0,
    servicePort: 0,
    host: INBOUND_PASSTHROUGH,
    where: {},
    authorization,
    plugins: scope.plugins.server,
    limits: scope.limits,
  });
  return {
    name: 'virtualInbound',
    ...listeningAt(wildcards(scope.families), mesh.inboundPort),
    trafficDirection: TrafficDirection.INBOUND,
    listenerFilters: [
      originalDestination(),
      ...(tproxy ? [originalSource()] : []),
      tlsInspector(),
      httpInspector(declared),
    ],
    ...detection(mesh.protocolDetectionTimeoutMs),
    accessLog: [...telemetry.listenerLogs, ...(envoy ? [refusedAccessLog()] : [])],
    ...(tproxy ? { transparent: true } : {}),
    filterChains: [
      {
        name: 'virtualInbound-blackhole',
        filterChainMatch: { destinationPort: mesh.inboundPort },
        filters: [...tcpProxy(telemetry, BLACK_HOLE, [{ cluster: BLACK_HOLE, weight: 1 }])],
      },
      ...catchAll,
      ...ports.flatMap((port) => chainsOf(port, envoy, authorization, scope, { destinationPort: port.declared })),
    ],
  };
}

function boundListener(
  name: string,
  port: PortInForce,
  envoy: boolean,
  authorization: AuthorizationInput,
  scope: Scope,
): Listener {
  const sniffed = port.protocol === 'Unsupported';
  return {
    name,
    address: address('127.0.0.1', port.listen),
    trafficDirection: TrafficDirection.INBOUND,
    listenerFilters: [tlsInspector(), ...(sniffed ? [httpInspector()] : [])],
    ...detection(authorization.mesh.protocolDetectionTimeoutMs),
    accessLog: [...scope.telemetry.server.listenerLogs, ...(envoy ? [refusedAccessLog()] : [])],
    filterChains: [...chainsOf(port, envoy, authorization, scope, {})],
    metadata: { filterMetadata: { istio: { declaredPort: port.declared } } },
  };
}
