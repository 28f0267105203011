// Clusters that do not stand for a service: black hole, passthrough, the workload's own ports, loopback targets of CONNECT.

import { durationMs } from '#config';
import {
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  type ClusterSchema,
} from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterConfigSchema } from '#proto/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import type { Families, HeadLimits, MeshSettings, ServicePort } from '#registry';
import { isHttp2 } from '#registry';
import { address, any, duration, type Init } from '../encode.ts';
import { BLACK_HOLE, connectCluster, DYNAMIC_DNS, INBOUND_PASSTHROUGH, inboundCluster, PASSTHROUGH } from '../names.ts';
import { inboundSources } from '../listeners/listening-addresses.ts';
import { DNS_CACHE } from '../filters/dynamic-forward-proxy.ts';
import { circuitBreakers, protocolOptions } from './cluster-policy.ts';
import type { ConnectionPool } from './traffic-policy.ts';

type ClusterInit = Init<typeof ClusterSchema>;

const NO_POLICY = {
  connectionPool: undefined,
  outlierDetection: undefined,
  loadBalancer: undefined,
  tls: undefined,
  proxyProtocol: undefined,
  retryBudget: undefined,
};

export function blackHole(mesh: MeshSettings): ClusterInit {
  return {
    name: BLACK_HOLE,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(mesh.connectTimeoutMs),
  };
}

export function passthrough(mesh: MeshSettings, answers?: HeadLimits): ClusterInit {
  const options = protocolOptions('downstream', undefined, false, answers);
  return {
    name: PASSTHROUGH,
    ...originalDestination(mesh),
    circuitBreakers: circuitBreakers(NO_POLICY),
    ...(options === undefined ? {} : { typedExtensionProtocolOptions: options }),
  };
}

export function inboundPassthrough(mesh: MeshSettings, families: Families, answers: HeadLimits): ClusterInit {
  return { ...passthrough(mesh, answers), name: INBOUND_PASSTHROUGH, ...bindSource(families) };
}

function originalDestination(mesh: MeshSettings): ClusterInit {
  return {
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    connectTimeout: duration(mesh.connectTimeoutMs),
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
  };
}

/** The application is met from an address that capture lets through, of its own family. */
function bindSource(families: Families): ClusterInit {
  const [first = '', ...more] = inboundSources(families).map((one) => ({
    address: one,
    portSpecifier: { case: 'portValue' as const, value: 0 },
  }));
  return {
    upstreamBindConfig: {
      ...(first === '' ? {} : { sourceAddress: first }),
      ...(more.length === 0 ? {} : { extraSourceAddresses: more.map((one) => ({ address: one })) }),
    },
  };
}

/** Unknown hosts of the forward proxy in interception mode NONE: resolved when they are first asked for. */
export function dynamicDns(mesh: MeshSettings): ClusterInit {
  return {
    name: DYNAMIC_DNS,
    clusterDiscoveryType: {
      case: 'clusterType',
      value: {
        name: 'envoy.clusters.dynamic_forward_proxy',
        typedConfig: any(ClusterConfigSchema, {
          clusterImplementationSpecifier: { case: 'dnsCacheConfig', value: DNS_CACHE },
        }),
      },
    },
    connectTimeout: duration(mesh.connectTimeoutMs),
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
  };
}

export interface InboundClusterInput {
  /** The port in the cluster's name: the workload's declared port. */
  readonly port: number;
  readonly protocol: ServicePort['protocol'];
  /** Where the application listens: an IP address or unix:// path; undefined = the original destination. */
  readonly target: { readonly host: string; readonly port: number } | undefined;
  readonly pool: ConnectionPool | undefined;
  readonly mesh: MeshSettings;
  /** Heads that the application may answer with. */
  readonly answers: HeadLimits;
  readonly families: Families;
  readonly services: readonly { readonly host: string; readonly name: string; readonly namespace: string }[];
}

export function inboundClusterOf(input: InboundClusterInput): ClusterInit {
  const { port, target, mesh, pool, protocol } = input;
  const name = inboundCluster(port);
  const options = protocolOptions(
    protocol === 'Unsupported' ? 'downstream' : isHttp2(protocol) ? 'http2' : isTcp(protocol) ? 'tcp' : 'http1',
    pool,
    false,
    input.answers,
  );
  const place: ClusterInit =
    target === undefined
      ? { ...originalDestination(mesh), ...bindSource(input.families) }
      : {
          clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
          loadAssignment: {
            clusterName: name,
            endpoints: [
              {
                lbEndpoints: [
                  { hostIdentifier: { case: 'endpoint', value: { address: address(target.host, target.port) } } },
                ],
              },
            ],
          },
        };
  return {
    name,
    ...place,
    connectTimeout: duration(durationMs(pool?.tcp?.connectTimeout, mesh.connectTimeoutMs)),
    circuitBreakers: circuitBreakers({ ...NO_POLICY, connectionPool: pool }),
    ...(options === undefined ? {} : { typedExtensionProtocolOptions: options }),
    ...(input.services.length === 0
      ? {}
      : { metadata: { filterMetadata: { istio: { services: input.services.map((s) => ({ ...s })) } } } }),
  };
}

function isTcp(protocol: ServicePort['protocol']): boolean {
  return (
    protocol === 'TCP' ||
    protocol === 'TLS' ||
    protocol === 'HTTPS' ||
    protocol === 'Mongo' ||
    protocol === 'Redis' ||
    protocol === 'MySQL'
  );
}

/** The loopback listener of one service port, as the target of a CONNECT's bytes: routing then applies to them. */
export function connectClusterOf(mesh: MeshSettings, port: number, host: string, loopback: string): ClusterInit {
  const name = connectCluster(port, host);
  return {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(mesh.connectTimeoutMs),
    loadAssignment: {
      clusterName: name,
      endpoints: [
        { lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: address(loopback, port) } } }] },
      ],
    },
  };
}
