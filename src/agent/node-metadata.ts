// Says in xDS node metadata who the workload is, how it is captured, and which ports of the host stand for its own (design §3c).
import type { BoundPort, NodeMetadata } from '#base';
import type { WorkloadSpec } from './workload-spec.ts';

/** Istio's API level that we follow. */
const ISTIO_VERSION = '1.31.0';
const LOOPBACK_FIRST = 64;
const LOOPBACK_COUNT = 190;

export interface NodeFacts {
  readonly ip: string;
  readonly capture: 'userns' | 'netns' | 'none';
  readonly boundPorts: readonly BoundPort[];
  /** Which proxy carries the traffic; Topsail's own when absent. */
  readonly dataPlane?: 'topsail' | 'envoy';
  readonly httpProxyPort: number | undefined;
  readonly loopbackBlock: string | undefined;
  /** Container port -> bound port; gateways only. */
  readonly gatewayPorts: Readonly<Record<string, number>>;
}

export function nodeMetadata(spec: WorkloadSpec, facts: NodeFacts): NodeMetadata {
  return {
    NAMESPACE: spec.namespace,
    SERVICE_ACCOUNT: spec.serviceAccount,
    WORKLOAD_NAME: spec.name,
    LABELS: canonicalLabels(spec),
    CLUSTER_ID: 'Kubernetes',
    MESH_ID: 'cluster.local',
    ISTIO_VERSION,
    INSTANCE_IPS: facts.ip,
    INTERCEPTION_MODE: facts.capture === 'none' ? 'NONE' : 'REDIRECT',
    TOPSAIL_DATA_PLANE: facts.dataPlane ?? 'topsail',
    TOPSAIL_CAPTURE: facts.capture,
    ...(facts.boundPorts.length === 0 ? {} : { TOPSAIL_BOUND_PORTS: facts.boundPorts }),
    ...(facts.httpProxyPort === undefined ? {} : { TOPSAIL_HTTP_PROXY_PORT: facts.httpProxyPort }),
    ...(facts.loopbackBlock === undefined ? {} : { TOPSAIL_LOOPBACK_BLOCK: facts.loopbackBlock }),
    ...(Object.keys(facts.gatewayPorts).length === 0 ? {} : { TOPSAIL_GATEWAY_PORTS: facts.gatewayPorts }),
  };
}

/** Istio's canonical service: its own label, then app.kubernetes.io/name, then app, then the workload's name. */
function canonicalLabels(spec: WorkloadSpec): Record<string, string> {
  const labels = spec.labels;
  const service =
    labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? spec.name;
  const revision =
    labels['service.istio.io/canonical-revision'] ??
    labels['app.kubernetes.io/version'] ??
    labels['version'] ??
    'latest';
  return { ...labels, 'service.istio.io/canonical-name': service, 'service.istio.io/canonical-revision': revision };
}

/** A block of loopback addresses per workload, so that each may listen on a service's own port. */
export function loopbackBlock(spec: WorkloadSpec, taken: ReadonlySet<string>): string {
  let hash = 0;
  for (const c of `${spec.name}.${spec.namespace}`) hash = (Math.imul(hash, 31) + c.charCodeAt(0)) >>> 0;
  for (let i = 0; i < LOOPBACK_COUNT; i++) {
    const block = `127.${LOOPBACK_FIRST + ((hash + i) % LOOPBACK_COUNT)}`;
    if (!taken.has(block)) return block;
  }
  return `127.${LOOPBACK_FIRST + (hash % LOOPBACK_COUNT)}`;
}
