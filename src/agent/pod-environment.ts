// What a pod tells its agent: injection's environment variables and the downward API's files, as node metadata (inventory §4).
import type { NodeMetadata } from '#base';

export interface PodEnvironment {
  readonly role: 'sidecar' | 'router';
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly ip: string;
  readonly trustDomain: string;
  readonly discovery: { readonly host: string; readonly port: number };
  readonly statusPort: number;
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  readonly appProbers: string;
  /** Where the application shows its own metrics, on the pod's loopback. */
  readonly appMetrics: { readonly port: number; readonly path: string } | undefined;
  readonly metadata: NodeMetadata;
}

const ISTIO_VERSION = '1.31.0';

/** A sentence when the environment is not a pod's of this mesh. */
export function readPodEnvironment(
  role: 'sidecar' | 'router',
  env: Readonly<Record<string, string | undefined>>,
  labelsFile: string,
): PodEnvironment | string {
  const text = (name: string, fallback = ''): string => env[name] ?? fallback;
  for (const name of ['POD_NAME', 'POD_NAMESPACE', 'INSTANCE_IP', 'CA_ADDR']) {
    if (text(name) === '') return `$${name} is not set: this command runs in pods into which topsail put it.`;
  }
  const discovery = readAddress(text('CA_ADDR'));
  if (discovery === undefined) return `$CA_ADDR is "${text('CA_ADDR')}", expected HOST:PORT of the control plane.`;
  const labels = parseDownwardApi(labelsFile);
  const proxyConfig = readObject(text('PROXY_CONFIG', '{}'));
  const meta = (name: string): string => text(`ISTIO_META_${name}`);
  const mode = meta('INTERCEPTION_MODE');
  const envoy = text('TOPSAIL_DATA_PLANE') === 'envoy';
  const metadata: NodeMetadata = {
    ...passedOn(env),
    NAMESPACE: text('POD_NAMESPACE'),
    SERVICE_ACCOUNT: text('SERVICE_ACCOUNT', 'default'),
    WORKLOAD_NAME: meta('WORKLOAD_NAME'),
    LABELS: labels,
    CLUSTER_ID: meta('CLUSTER_ID') || 'Kubernetes',
    MESH_ID: meta('MESH_ID') || 'cluster.local',
    ISTIO_VERSION,
    INSTANCE_IPS: text('INSTANCE_IP'),
    INTERCEPTION_MODE: mode === 'NONE' || mode === 'TPROXY' ? mode : 'REDIRECT',
    PROXY_CONFIG: proxyConfig,
    POD_PORTS: meta('POD_PORTS'),
    DNS_CAPTURE: meta('DNS_CAPTURE'),
    TOPSAIL_DATA_PLANE: envoy ? 'envoy' : 'topsail',
    ...(meta('NETWORK') === '' ? {} : { NETWORK: meta('NETWORK') }),
  };
  return {
    role,
    name: text('POD_NAME'),
    namespace: text('POD_NAMESPACE'),
    serviceAccount: text('SERVICE_ACCOUNT', 'default'),
    ip: text('INSTANCE_IP'),
    trustDomain: text('TRUST_DOMAIN', 'cluster.local'),
    discovery,
    statusPort: Number(text('STATUS_PORT', '15020')),
    proxyConfig,
    appProbers: text('ISTIO_KUBE_APP_PROBERS'),
    appMetrics: readAppMetrics(text('ISTIO_PROMETHEUS_ANNOTATIONS')),
    metadata,
  };
}

/** Istio's agents pass on whatever is called so: a control plane may read more of it than is known here. */
function passedOn(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, value = ''] of Object.entries(env)) {
    if (name.startsWith('ISTIO_META_')) found[name.slice('ISTIO_META_'.length)] = value;
    else if (name.startsWith('ISTIO_METAJSON_')) Object.assign(found, readObject(value));
  }
  return found;
}

/** Istio's defaults: port 80, path /metrics. */
function readAppMetrics(json: string): PodEnvironment['appMetrics'] {
  if (json === '') return undefined;
  const { scrape, path, port } = readObject(json);
  if (scrape !== 'true') return undefined;
  const number = typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : 80;
  return { port: number, path: typeof path === 'string' && path.startsWith('/') ? path : '/metrics' };
}

/** Lines of `key="value"`, the value quoted as Go's %q. */
export function parseDownwardApi(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals <= 0) continue;
    try {
      Object.defineProperty(found, line.slice(0, equals), {
        value: String(JSON.parse(line.slice(equals + 1))),
        enumerable: true,
      });
    } catch {
      // Go's escapes beyond JSON's (\x, \U) stand for bytes that no label may have.
    }
  }
  return found;
}

function readAddress(text: string): { host: string; port: number } | undefined {
  const found = /^(.+):(\d{1,5})$/.exec(text);
  return found === null ? undefined : { host: found[1] as string, port: Number(found[2]) };
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
