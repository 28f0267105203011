// Endpoints of one cluster: subset, locality groups and priorities, health, and metadata for TLS and telemetry (inventory §3.7).

import type { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { LbEndpointSchema } from '#proto/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import {
  type Endpoint,
  type Families,
  fits,
  isIpAddress,
  labelsMatch,
  type Locality,
  modeOfEndpoint,
  NO_LOCALITY,
  type PeerAuthenticationIndex,
} from '#registry';
import { address, type Init } from '../encode.ts';
import type { LocalityPlan } from './locality-plan.ts';

export interface LoadAssignmentInput {
  readonly cluster: string;
  readonly endpoints: readonly Endpoint[];
  readonly subsetLabels: Readonly<Record<string, string>> | undefined;
  readonly peerAuthentications: PeerAuthenticationIndex;
  readonly meshExternal: boolean;
  /** Of the client. */
  readonly families: Families;
  /** How the client's place and labels matter. */
  readonly plan: LocalityPlan | undefined;
}

interface Group {
  readonly locality: Locality;
  readonly distance: number;
  readonly endpoints: Endpoint[];
}

export function loadAssignment(input: LoadAssignmentInput): Init<typeof ClusterLoadAssignmentSchema> {
  const { plan } = input;
  const groups = new Map<string, Group>();
  for (const endpoint of inForce(input)) {
    const { region, zone, subZone } = endpoint.locality;
    const distance = plan?.distance(endpoint) ?? 0;
    const key = `${region}/${zone}/${subZone} ${distance}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { locality: endpoint.locality, distance, endpoints: [endpoint] });
    else group.endpoints.push(endpoint);
  }
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  // Envoy wants priorities without gaps.
  const levels = [...new Set(sorted.map(({ distance }) => distance))].sort((a, b) => a - b);
  const weights = localityWeights(sorted, plan);
  return {
    clusterName: input.cluster,
    endpoints: sorted.map(({ locality, distance, endpoints }, index) => ({
      ...(locality === NO_LOCALITY ? {} : { locality: { ...locality } }),
      // Envoy reads it only where there are several localities.
      ...(sorted.length > 1 ? { loadBalancingWeight: weights[index] ?? 1 } : {}),
      priority: levels.indexOf(distance),
      lbEndpoints: endpoints.map((endpoint) => lbEndpoint(endpoint, input)),
    })),
  };
}

/** At the address that the client has a route to; others only where there is nothing else. */
function reachable(endpoints: readonly Endpoint[], families: Families): readonly Endpoint[] {
  const other = (one: Endpoint): boolean => isIpAddress(one.address) && !fits(one.address, families);
  if (!endpoints.some(other)) return endpoints;
  const found = endpoints.flatMap((one) => {
    if (!other(one)) return [one];
    return one.secondAddress === '' ? [] : [{ ...one, address: one.secondAddress }];
  });
  return found.length === 0 ? endpoints : found;
}

/** Where none is healthy, those that are ending and serve still, as kube-proxy has it: better than nobody. */
function inForce(input: LoadAssignmentInput): readonly Endpoint[] {
  const { subsetLabels, plan } = input;
  const endpoints = reachable(input.endpoints, input.families);
  const chosen = (health: Endpoint['health']): readonly Endpoint[] =>
    endpoints.filter(
      (one) =>
        one.health === health &&
        labelsMatch(subsetLabels, one.labels) &&
        (plan?.kind !== 'distribute' || plan.share(one.locality) !== undefined),
    );
  const healthy = chosen('healthy');
  return healthy.length > 0 ? healthy : chosen('draining');
}

/** Localities weigh as their endpoints do, or as their part of the rule's share. */
function localityWeights(groups: readonly Group[], plan: LocalityPlan | undefined): readonly number[] {
  const sizes = groups.map(({ endpoints }) => endpoints.reduce((sum, e) => sum + weightOf(e), 0));
  if (plan?.kind !== 'distribute') return sizes;
  const shares = groups.map(({ locality }) => plan.share(locality));
  return groups.map((_, i) => {
    const share = shares[i];
    const together = sizes.reduce((sum, size, k) => (shares[k]?.rule === share?.rule ? sum + size : sum), 0);
    return Math.max(1, Math.round(((share?.percent ?? 0) * 100 * (sizes[i] ?? 0)) / together));
  });
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

/** A workload in STRICT mode is always met with TLS, one in DISABLE never, whatever it registered; where no proxy is STRICT is not in force. */
function speaksMeshTls(endpoint: Endpoint, input: LoadAssignmentInput): boolean {
  if (input.meshExternal) return false;
  const mode = modeOfEndpoint(input.peerAuthentications, endpoint);
  return mode === 'STRICT' || (mode === 'PERMISSIVE' && endpoint.tlsMode === 'istio');
}

/** `name;namespace;canonical service;canonical revision;cluster`, which telemetry reads. */
function workloadText(endpoint: Endpoint): string {
  const { labels } = endpoint;
  const canonical =
    labels['service.istio.io/canonical-name'] ??
    labels['app.kubernetes.io/name'] ??
    labels['app'] ??
    endpoint.workloadName;
  const revision =
    labels['service.istio.io/canonical-revision'] ??
    labels['app.kubernetes.io/version'] ??
    labels['version'] ??
    'latest';
  return [endpoint.workloadName, endpoint.namespace, canonical, revision, endpoint.cluster].join(';');
}

function weightOf(endpoint: Endpoint): number {
  return endpoint.weight === 0 ? 1 : endpoint.weight;
}
