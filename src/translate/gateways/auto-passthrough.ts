// AUTO_PASSTHROUGH: connections of the mesh's own TLS go on to the service that their server name means, unopened (east-west gateways).

import type { XdsResource } from '#base';
import { durationMs } from '#config';
import { Cluster_DiscoveryType, ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { Snapshot } from '#push';
import { type Families, hostCovers, serviceKey } from '#registry';
import type { TranslationCache } from '../cache.ts';
import { circuitBreakers, loadBalancing, outlierDetection } from '../clusters/cluster-policy.ts';
import { discoveryType } from '../clusters/outbound-cluster.ts';
import { type ClusterPart, partsOf } from '../clusters/outbound-clusters.ts';
import { effectivePolicy } from '../clusters/traffic-policy.ts';
import { ADS, duration, type Init, resource } from '../encode.ts';
import { loadAssignment } from '../endpoints/load-assignment.ts';
import { endpointsOfPort } from '../identities.ts';
import { tcpProxy } from '../filters/tcp-proxy.ts';
import { type Chain, MESH_ALPN } from '../listeners/listener-parts.ts';
import { outboundSni } from '../names.ts';
import type { ProxyView } from '../proxy-view.ts';
import type { Scope } from '../scope.ts';
import { type ServerInForce, serverGroups } from './gateway-servers.ts';

/** Services of the mesh that the server's hosts name. */
function partsBehind(server: ServerInForce, scope: Scope, proxy: ProxyView, cache: TranslationCache) {
  return partsOf(scope, cache).filter(({ service, port, subset, hostPolicy }) => {
    const policy = effectivePolicy(hostPolicy, subset?.trafficPolicy, port.number);
    return (
      !service.meshExternal &&
      discoveryType({ service, gateway: true, captured: proxy.captured, direct: proxy.direct }, policy) ===
        Cluster_DiscoveryType.EDS &&
      server.hosts.some(
        ({ namespace, host }) =>
          (namespace === '*' || namespace === service.namespace) && hostCovers(host, service.hostname),
      )
    );
  });
}

/** Anything but the mesh's TLS finds no chain, and the connection ends. */
export function autoPassthroughChains(
  server: ServerInForce,
  scope: Scope,
  proxy: ProxyView,
  cache: TranslationCache,
): readonly Chain[] {
  return partsBehind(server, scope, proxy, cache).map((part) => ({
    filterChainMatch: { serverNames: [sniOf(part)], applicationProtocols: MESH_ALPN },
    filters: [...tcpProxy(scope.telemetry.client, sniOf(part), [{ cluster: sniOf(part), weight: 1 }])],
  }));
}

/** As the clusters that begin the mesh's TLS, but for the TLS: what is sent is the client's own. */
export function autoPassthroughClusters(
  server: ServerInForce,
  scope: Scope,
  proxy: ProxyView,
  cache: TranslationCache,
): ReadonlyMap<string, XdsResource> {
  const { mesh } = scope.snapshot;
  return new Map(
    partsBehind(server, scope, proxy, cache).map((part) => {
      const name = sniOf(part);
      const key = ['sni-cds', part.service, part.port, part.subset, part.hostPolicy, part.ruleOrigins, mesh];
      const made = cache.resource(key, () =>
        resource(ClusterSchema, name, clusterOf(part, name, mesh.connectTimeoutMs), [
          part.service.origin,
          ...part.ruleOrigins,
        ]),
      );
      return [name, made];
    }),
  );
}

/** Under names of their own: an Envoy asks once for a name, however many clusters have it. */
export function autoPassthroughAssignments(
  snapshot: Snapshot,
  proxy: ProxyView,
  scope: Scope,
  cache: TranslationCache,
): ReadonlyMap<string, XdsResource> {
  const servers = serverGroups(snapshot, proxy).flatMap((group) => group.servers);
  const parts = servers
    .filter(({ kind }) => kind === 'auto-passthrough')
    .flatMap((server) => partsBehind(server, scope, proxy, cache));
  return new Map(parts.map((part) => [sniOf(part), assignmentOf(part, snapshot, proxy.families, cache)]));
}

function assignmentOf(part: ClusterPart, snapshot: Snapshot, families: Families, cache: TranslationCache): XdsResource {
  const { service, port, subset } = part;
  const cluster = sniOf(part);
  const endpoints = endpointsOfPort(snapshot.endpoints.get(serviceKey(service)), port.number);
  const { peerAuthentications } = snapshot;
  const key = ['sni-eds', cluster, families, subset?.labels, peerAuthentications.inputsOf(service.namespace)];
  const make = (): XdsResource => {
    const common = { cluster, endpoints, subsetLabels: subset?.labels, peerAuthentications };
    const init = loadAssignment({ ...common, meshExternal: false, families, plan: undefined });
    return resource(ClusterLoadAssignmentSchema, cluster, init, [service.origin]);
  };
  return endpoints.length === 0 ? cache.resource(key, make) : cache.owned(endpoints, key, make);
}

function clusterOf(part: ClusterPart, name: string, connectTimeoutMs: number): Init<typeof ClusterSchema> {
  const { port, subset, hostPolicy } = part;
  const policy = effectivePolicy(hostPolicy, subset?.trafficPolicy, port.number);
  return {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ADS, serviceName: name },
    connectTimeout: duration(durationMs(policy.connectionPool?.tcp?.connectTimeout, connectTimeoutMs)),
    circuitBreakers: circuitBreakers(policy),
    ...outlierDetection(policy.outlierDetection),
    ...loadBalancing(policy.loadBalancer),
  };
}

function sniOf({ service, port, subset }: ClusterPart): string {
  return outboundSni(port.number, subset?.name ?? '', service.hostname);
}
