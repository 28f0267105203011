// Endpoints of one cluster: subset, locality groups and priorities, health, and metadata for TLS and telemetry (inventory §3.7).

import type { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { LbEndpointSchema } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { type Endpoint, labelsMatch, type Locality, NO_LOCALITY, type PeerAuthenticationIndex } from '#registry';
import { address, type Init } from '../encode.ts';

export interface LoadAssignmentInput {
  readonly cluster: string;
  readonly endpoints: readonly Endpoint[];
  readonly subsetLabels: Readonly<Record<string, string>> | undefined;
  readonly peerAuthentications: PeerAuthenticationIndex;
  readonly meshExternal: boolean;
  /** The client's, when endpoints near it go first (needs outlier detection); else undefined. */
  readonly near: Locality | undefined;
}

export function loadAssignment(input: LoadAssignmentInput): Init<typeof ClusterLoadAssignmentSchema> {
  const groups = new Map<string, { readonly locality: Locality; readonly endpoints: Endpoint[] }>();
  for (const endpoint of input.endpoints) {
    if (endpoint.health !== 'healthy' || !labelsMatch(input.subsetLabels, endpoint.labels)) continue;
    const { region, zone, subZone } = endpoint.locality;
    const key = `${region}/${zone}/${subZone}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { locality: endpoint.locality, endpoints: [endpoint] });
    else group.endpoints.push(endpoint);
  }
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  const levels = priorities(sorted.map(({ locality }) => locality), input.near);
  return {
    clusterName: input.cluster,
    endpoints: sorted.map(({ locality, endpoints }, index) => ({
      ...(locality === NO_LOCALITY ? {} : { locality: { ...locality } }),
      // Envoy reads it only where there are several localities.
      ...(sorted.length > 1 ? { loadBalancingWeight: endpoints.reduce((sum, e) => sum + weightOf(e), 0) } : {}),
      priority: levels[index] ?? 0,
      lbEndpoints: endpoints.map((endpoint) => lbEndpoint(endpoint, input)),
    })),
  };
}

function lbEndpoint(endpoint: Endpoint, input: LoadAssignmentInput): Init<typeof LbEndpointSchema> {
  const tls = speaksMeshTls(endpoint, input);
  return {
    hostIdentifier: { case: 'endpoint', value: { address: address(endpoint.address, endpoint.port) } },
    ...(endpoint.weight > 1 ? { loadBalancingWeight: endpoint.weight } : {}),
    metadata: {
      filterMetadata: {
        ...(tls ? { 'envoy.transport_socket_match': { tlsMode: 'istio' } } : {}),
        istio: { workload: workloadText(endpoint) },
      },
    },
  };
}

/** A workload in STRICT mode is always met with TLS, one in DISABLE never, whatever it registered. */
function speaksMeshTls(endpoint: Endpoint, input: LoadAssignmentInput): boolean {
  if (input.meshExternal) return false;
  const mode = input.peerAuthentications.modeOf(endpoint, endpoint.declaredPort);
  return mode === 'STRICT' || (mode === 'PERMISSIVE' && endpoint.tlsMode === 'istio');
}

/** `name;namespace;canonical service;canonical revision;cluster`, which telemetry reads. */
function workloadText(endpoint: Endpoint): string {
  const { labels } = endpoint;
  const canonical = labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? endpoint.workloadName;
  const revision = labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels['version'] ?? 'latest';
  return [endpoint.workloadName, endpoint.namespace, canonical, revision, endpoint.cluster].join(';');
}

function weightOf(endpoint: Endpoint): number {
  return endpoint.weight === 0 ? 1 : endpoint.weight;
}

/** Same sub-zone, zone, region, elsewhere; levels that no one has are left out, since Envoy wants them without gaps. */
function priorities(localities: readonly Locality[], near: Locality | undefined): readonly number[] {
  if (near === undefined || near.region === '') return localities.map(() => 0);
  const distances = localities.map((place) => {
    if (place.region !== near.region) return 3;
    if (place.zone !== near.zone) return 2;
    return place.subZone === near.subZone ? 0 : 1;
  });
  const levels = [...new Set(distances)].sort();
  return distances.map((distance) => levels.indexOf(distance));
}
