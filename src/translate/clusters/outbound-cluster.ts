// One outbound cluster: a service's port, or a subset of it, as clients of one class see it (inventory §3.7).

import type { ObjectRef } from '#base';
import { durationMs } from '#config';
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  type Cluster_TransportSocketMatchSchema,
  ClusterSchema,
} from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import {
  type Endpoint,
  isHttp,
  isHttp2,
  isIpAddress,
  isWildcard,
  labelsMatch,
  type MeshSettings,
  type MtlsMode,
  type Service,
  type ServicePort,
  type Subset,
  type TrafficPolicy,
} from '#registry';
import { ADS, address, duration, type Init } from '../encode.ts';
import type { ScopeLimits } from '../filters/message-limits.ts';
import { configPath, outboundCluster, outboundSni } from '../names.ts';
import { CLIENT_ALPN, meshClientTls, proxyProtocol, rawBuffer, ruleClientTls } from '../tls-contexts.ts';
import {
  circuitBreakers,
  loadBalancing,
  ownBalancing,
  outlierDetection,
  protocolOptions,
  tcpKeepalive,
  type UpstreamProtocol,
} from './cluster-policy.ts';
import { type EffectivePolicy, effectivePolicy, withFailoverHealth } from './traffic-policy.ts';

type ClusterInit = Init<typeof ClusterSchema>;

/** Everything that decides about the cluster; also its cache key, so nothing else may be read. */
export interface OutboundClusterInput {
  readonly service: Service;
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly hostPolicy: TrafficPolicy | undefined;
  readonly ruleOrigins: readonly ObjectRef[];
  readonly mesh: MeshSettings;
  readonly mode: MtlsMode;
  /** Identities that its endpoints may show; empty = none known yet. */
  readonly identities: readonly string[];
  readonly identityPrefixes: readonly string[];
  readonly gateway: boolean;
  /** ORIGINAL_DST has a meaning only where connections are captured. */
  readonly captured: boolean;
  /** The application can be given endpoints' own addresses. */
  readonly direct: boolean;
  /** For clusters that carry their endpoints (DNS); else empty. */
  readonly inline: readonly Endpoint[];
  /** A gateway's: heads that endpoints may answer with. */
  readonly limits: ScopeLimits | undefined;
}

export function outboundClusterName(input: OutboundClusterInput): string {
  return outboundCluster(input.port.number, input.subset?.name ?? '', input.service.hostname);
}

export function outboundClusterOf(input: OutboundClusterInput): ClusterInit {
  const { port, subset, mesh } = input;
  const named = effectivePolicy(input.hostPolicy, subset?.trafficPolicy, port.number);
  const policy = withFailoverHealth(named, mesh.spec.localityLbSetting);
  const name = outboundClusterName(input);
  const protocol = upstreamProtocol(port);
  // What a gateway's client speaks says nothing of the application: HTTP/1.1 is what an unnamed port is asked in.
  const spoken = protocol === 'downstream' && input.gateway ? 'http1' : protocol;
  const options = protocolOptions(
    spoken,
    policy.connectionPool,
    mesh.h2Upgrade,
    input.limits?.response,
    policy.outlierDetection?.outlierDetectionHttpErrorCodes,
  );
  const connect = durationMs(policy.connectionPool?.tcp?.connectTimeout, mesh.connectTimeoutMs);
  return {
    name,
    ...discovery(input, name, policy),
    connectTimeout: duration(connect),
    circuitBreakers: circuitBreakers(policy),
    ...outlierAndLocality(policy, input.mesh),
    ...tcpKeepalive(policy.connectionPool),
    ...(options === undefined ? {} : { typedExtensionProtocolOptions: options }),
    ...withProxyHeader(transport(input, policy, protocol), policy),
    metadata: { filterMetadata: { istio: metadata(input), ...ownBalancing(policy.loadBalancer, mesh) } },
  };
}

function upstreamProtocol(port: ServicePort): UpstreamProtocol {
  if (isHttp2(port.protocol)) return 'http2';
  if (isHttp(port.protocol)) return 'http1';
  return port.protocol === 'Unsupported' ? 'downstream' : 'tcp';
}

function discovery(input: OutboundClusterInput, name: string, policy: EffectivePolicy): ClusterInit {
  const { service } = input;
  const type = discoveryType(input, policy);
  if (type === Cluster_DiscoveryType.ORIGINAL_DST) {
    return { clusterDiscoveryType: { case: 'type', value: type }, lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
  }
  const balancing = loadBalancing(policy.loadBalancer);
  if (type === Cluster_DiscoveryType.EDS) {
    return {
      clusterDiscoveryType: { case: 'type', value: type },
      edsClusterConfig: { edsConfig: ADS, serviceName: name },
      ...balancing,
    };
  }
  return {
    clusterDiscoveryType: { case: 'type', value: type },
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
    dnsRefreshRate: duration(input.mesh.dnsRefreshMs),
    respectDnsTtl: true,
    loadAssignment: dnsAssignment(service, input, name),
    ...balancing,
  };
}

/** Shares of localities count only where the cluster says that they do. */
function outlierAndLocality(policy: EffectivePolicy, mesh: MeshSettings): ClusterInit {
  const outlier = outlierDetection(policy.outlierDetection);
  const setting = policy.loadBalancer?.localityLbSetting ?? mesh.spec.localityLbSetting;
  if (setting?.enabled === false || (setting?.distribute ?? []).length === 0) return outlier;
  const panic =
    policy.outlierDetection === undefined
      ? {}
      : { healthyPanicThreshold: { value: policy.outlierDetection.minHealthPercent ?? 0 } };
  return {
    ...outlier,
    commonLbConfig: { ...panic, localityConfigSpecifier: { case: 'localityWeightedLbConfig', value: {} } },
  };
}

/** Where the cluster's endpoints come from. */
export function discoveryType(
  input: Pick<OutboundClusterInput, 'service' | 'gateway' | 'captured' | 'direct'>,
  policy: EffectivePolicy,
): Cluster_DiscoveryType {
  const { resolution, headless, hostname } = input.service;
  if (resolution === 'dns') return Cluster_DiscoveryType.STRICT_DNS;
  if (resolution === 'dns-round-robin') return Cluster_DiscoveryType.LOGICAL_DNS;
  const wantsOriginal = resolution === 'none' || policy.loadBalancer?.simple === 'PASSTHROUGH';
  if (!wantsOriginal) return Cluster_DiscoveryType.EDS;
  if (headless && (input.gateway || !input.captured || !input.direct)) return Cluster_DiscoveryType.EDS;
  if (!input.captured && resolution === 'none' && !isWildcard(hostname)) return Cluster_DiscoveryType.STRICT_DNS;
  return Cluster_DiscoveryType.ORIGINAL_DST;
}

/** The entry's own endpoints, else the host itself, or what it is another name of. */
function dnsAssignment(
  service: Service,
  input: OutboundClusterInput,
  name: string,
): Init<typeof ClusterLoadAssignmentSchema> {
  const listed = input.inline.filter((e) => labelsMatch(input.subset?.labels, e.labels));
  const targets =
    listed.length > 0
      ? listed.map((e) => ({ host: e.address, port: e.port, weight: e.weight }))
      : [{ host: service.externalName ?? service.hostname, port: targetOf(input.port), weight: 0 }];
  return {
    clusterName: name,
    endpoints: [
      {
        lbEndpoints: targets.map(({ host, port, weight }) => ({
          hostIdentifier: { case: 'endpoint', value: { address: address(host, port) } },
          loadBalancingWeight: weight === 0 ? 1 : weight,
        })),
      },
    ],
  };
}

function targetOf(port: ServicePort): number {
  return typeof port.targetPort === 'number' ? port.targetPort : port.number;
}

function transport(input: OutboundClusterInput, policy: EffectivePolicy, protocol: UpstreamProtocol): ClusterInit {
  const { service, port, subset, mode, mesh } = input;
  const tls = policy.tls;
  if (tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL') {
    const host = service.hostname;
    return {
      transportSocket: ruleClientTls(tls, {
        host: isIpAddress(host) ? '' : host,
        sans: service.subjectAltNames,
        http2: protocol === 'http2',
        gateway: input.gateway,
        mesh,
      }),
    };
  }
  const explicit = tls?.mode === 'ISTIO_MUTUAL';
  if (tls !== undefined && !explicit) return {};
  if (!explicit && (!mesh.autoMtls || service.meshExternal || mode === 'DISABLE')) return {};
  const socket = meshClientTls({
    sni:
      explicit && tls.sni !== undefined && tls.sni !== ''
        ? tls.sni
        : outboundSni(port.number, subset?.name ?? '', service.hostname),
    alpn: protocol === 'http2' ? CLIENT_ALPN.http2 : protocol === 'http1' ? CLIENT_ALPN.http1 : CLIENT_ALPN.tcp,
    identities: explicit && (tls.subjectAltNames ?? []).length > 0 ? (tls.subjectAltNames ?? []) : input.identities,
    identityPrefixes: input.identityPrefixes,
  });
  if (explicit) return { transportSocket: socket };
  const istio: Init<typeof Cluster_TransportSocketMatchSchema> = {
    name: 'tlsMode-istio',
    match: { tlsMode: 'istio' },
    transportSocket: socket,
  };
  // STRICT: nothing may leave in the clear, whatever an endpoint says of itself (design 8).
  if (mode === 'STRICT') return { transportSocketMatches: [istio], transportSocket: socket };
  return { transportSocketMatches: [istio, { name: 'tlsMode-disabled', match: {}, transportSocket: rawBuffer() }] };
}

/** Every way of the cluster begins with the header. */
function withProxyHeader(plain: ClusterInit, { proxyProtocol: wanted }: EffectivePolicy): ClusterInit {
  if (wanted === undefined) return plain;
  const { transportSocket, transportSocketMatches = [] } = plain;
  const ahead = (socket: ClusterInit['transportSocket']) => proxyProtocol(wanted.version, socket ?? rawBuffer());
  return {
    transportSocketMatches: transportSocketMatches.map(({ name = '', match = {}, transportSocket: inner }) => ({
      name,
      match,
      transportSocket: ahead(inner),
    })),
    ...(transportSocket === undefined && transportSocketMatches.length > 0
      ? {}
      : { transportSocket: ahead(transportSocket) }),
  };
}

function metadata(input: OutboundClusterInput) {
  const { service, subset } = input;
  const rule = input.ruleOrigins[0];
  return {
    ...(rule === undefined ? {} : { config: configPath('destination-rule', rule.namespace, rule.name) }),
    services: [{ host: service.hostname, name: service.name, namespace: service.namespace }],
    ...(subset === undefined ? {} : { subset: subset.name }),
  };
}

export function clusterOrigins(input: OutboundClusterInput): readonly ObjectRef[] {
  return [input.service.origin, ...input.ruleOrigins, ...(input.limits?.origins ?? [])];
}
