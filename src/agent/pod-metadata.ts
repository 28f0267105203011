// A pod's node metadata as Istio's agents write it: a control plane that is Istio's reads it strictly, and sees in it what a proxy can (inventory §3, §4).
import type { NodeMetadata } from '#base';

export const ISTIO_DISCOVERY = 'istiod.istio-system.svc:15012';

const ISTIO_VERSION = '1.31.0';
const HEALTH_PORT = 15_021;
const METRICS_PORT = 15_090;
/** Istio's agents say all of it, and its control plane takes it for the whole. */
const PROXY_CONFIG_DEFAULTS = {
  configPath: './etc/istio/proxy',
  binaryPath: '/usr/local/bin/envoy',
  serviceCluster: 'istio-proxy',
  drainDuration: '45s',
  terminationDrainDuration: '5s',
  proxyAdminPort: 15_000,
  controlPlaneAuthPolicy: 'MUTUAL_TLS',
  statNameLength: 189,
  statusPort: 15_020,
};
/** What this proxy can't do, so that no peer is told it can: HBONE belongs to the node's proxy. */
const NOT_TOLD: ReadonlySet<string> = new Set(['ENABLE_HBONE']);

export interface PodFacts {
  /** The first is the one that Kubernetes calls the pod's. */
  readonly addresses: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  /** HOST:PORT of the control plane. */
  readonly discoveryAddress: string;
}

export function podMetadata({
  env,
  addresses,
  labels,
  annotations,
  proxyConfig,
  discoveryAddress,
}: PodFacts): NodeMetadata {
  const text = (name: string): string => env[name] ?? '';
  const meta = (name: string): string => text(`ISTIO_META_${name}`);
  const mode = meta('INTERCEPTION_MODE');
  return {
    ...(Object.keys(annotations).length === 0 ? {} : { ANNOTATIONS: withoutKubectl(annotations) }),
    ...passedOn(env),
    NAME: text('POD_NAME'),
    NAMESPACE: text('POD_NAMESPACE'),
    SERVICE_ACCOUNT: text('SERVICE_ACCOUNT') || 'default',
    WORKLOAD_NAME: meta('WORKLOAD_NAME'),
    LABELS: labels,
    CLUSTER_ID: meta('CLUSTER_ID') || 'Kubernetes',
    MESH_ID: meta('MESH_ID') || 'cluster.local',
    ISTIO_VERSION,
    INSTANCE_IPS: addresses.join(','),
    INTERCEPTION_MODE: mode === 'NONE' || mode === 'TPROXY' ? mode : 'REDIRECT',
    ENVOY_STATUS_PORT: HEALTH_PORT,
    ENVOY_PROMETHEUS_PORT: METRICS_PORT,
    PILOT_SAN: [discoveryAddress.slice(0, discoveryAddress.lastIndexOf(':'))],
    PROXY_CONFIG: { ...PROXY_CONFIG_DEFAULTS, ...proxyConfig, discoveryAddress },
    TOPSAIL_DATA_PLANE: text('TOPSAIL_DATA_PLANE') === 'envoy' ? 'envoy' : 'topsail',
  };
}

/**
 * Whatever is called so goes on: a control plane may read more of it than is known here. What is empty is left out:
 * Istio's reads some of it as booleans or JSON, and refuses a node of which it can't.
 */
function passedOn(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, value = ''] of Object.entries(env)) {
    if (value === '') continue;
    if (name.startsWith('ISTIO_METAJSON_')) Object.assign(found, readObject(value));
    else if (name.startsWith('ISTIO_META_') && !NOT_TOLD.has(name.slice('ISTIO_META_'.length)))
      found[name.slice('ISTIO_META_'.length)] = value;
  }
  return found;
}

/** kubectl keeps the whole object there: long, and nobody's business. */
function withoutKubectl(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !name.startsWith('kubectl.kubernetes.io/')));
}

/** JSON of an object; anything else is none. */
export function readObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
