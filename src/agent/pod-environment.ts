// What a pod tells its agent: injection's environment variables and the downward API's files, as node metadata (inventory §4).
import type { NodeMetadata } from '#base';
import { ISTIO_DISCOVERY, podMetadata, readObject } from './pod-metadata.ts';

export interface PodEnvironment {
  readonly role: 'sidecar' | 'router';
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly ip: string;
  /** `ip`, and those of the other family. */
  readonly addresses: readonly string[];
  readonly trustDomain: string;
  /** The DNS domain of services. */
  readonly domain: string;
  /** The cluster's name, for the control plane to know whom to ask about the token. */
  readonly clusterId: string;
  readonly discovery: { readonly host: string; readonly port: number };
  /** CA_ADDR names another one than the control plane. */
  readonly authorityElsewhere: boolean;
  readonly roots: RootFiles;
  readonly statusPort: number;
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  readonly appProbers: string;
  /** Where the application shows its own metrics, on the pod's loopback. */
  readonly appMetrics: { readonly port: number; readonly path: string } | undefined;
  /** How long the proxy serves after it was told to end, also when nobody is connected. */
  readonly minimumDrainMs: number;
  readonly metadata: NodeMetadata;
}

export interface RootFiles {
  /** What the mesh trusts; undefined: the ConfigMap that every namespace has. */
  readonly mesh: string | undefined;
  /** What the control plane's certificate alone leads to; undefined: what the mesh trusts. */
  readonly discovery: string | undefined;
}

/** The downward API's files and the command line's domain; '' and undefined where there are none. */
export interface PodFiles {
  readonly labels: string;
  readonly annotations?: string;
  /** Of the pod's interfaces. */
  readonly addresses?: readonly string[];
  /** `--domain`: the DNS domain of the pod's namespace. */
  readonly domain?: string;
}

/** A sentence when the environment is not a pod's of this mesh. */
export function readPodEnvironment(
  role: 'sidecar' | 'router',
  env: Readonly<Record<string, string | undefined>>,
  files: PodFiles,
): PodEnvironment | string {
  const text = (name: string, fallback = ''): string => env[name] ?? fallback;
  for (const name of ['POD_NAME', 'POD_NAMESPACE', 'INSTANCE_IP']) {
    if (text(name) === '') return `$${name} is not set: this command runs in pods into which topsail put it.`;
  }
  const proxyConfig = readObject(text('PROXY_CONFIG', '{}'));
  const told = proxyConfig['discoveryAddress'];
  const discoveryAddress = typeof told === 'string' && told !== '' ? told : text('CA_ADDR') || ISTIO_DISCOVERY;
  const discovery = readAddress(discoveryAddress);
  if (discovery === undefined)
    return `the control plane's address is "${discoveryAddress}" (discoveryAddress in $PROXY_CONFIG, else $CA_ADDR), expected HOST:PORT.`;
  const ip = text('INSTANCE_IP');
  const addresses = [ip, ...(files.addresses ?? []).filter((one) => one.includes(':') !== ip.includes(':'))];
  const metadata = podMetadata({
    env,
    addresses,
    labels: parseDownwardApi(files.labels),
    annotations: parseDownwardApi(files.annotations ?? ''),
    proxyConfig,
    discoveryAddress,
  });
  return {
    role,
    name: text('POD_NAME'),
    namespace: text('POD_NAMESPACE'),
    serviceAccount: text('SERVICE_ACCOUNT', 'default'),
    ip,
    addresses,
    trustDomain: text('TRUST_DOMAIN') || 'cluster.local',
    domain: /^[^.]+\.svc\.(.+)$/.exec(files.domain ?? '')?.[1] ?? 'cluster.local',
    clusterId: metadata.CLUSTER_ID,
    discovery,
    authorityElsewhere: (text('CA_ADDR') || discoveryAddress) !== discoveryAddress,
    roots: readRootFiles(env),
    statusPort: Number(text('STATUS_PORT', '15020')),
    proxyConfig,
    appProbers: text('ISTIO_KUBE_APP_PROBERS'),
    appMetrics: readAppMetrics(text('ISTIO_PROMETHEUS_ANNOTATIONS')),
    minimumDrainMs: readSeconds(text('MINIMUM_DRAIN_DURATION')) * 1000,
    metadata,
  };
}

/** Istio's variable; what is no number of seconds waits for nobody. */
function readSeconds(text: string): number {
  const seconds = Number(/^(\d{1,4}(?:\.\d+)?)s$/.exec(text)?.[1] ?? 0);
  return Math.min(seconds, MINIMUM_DRAIN_MOST_S);
}

/** Nobody's grace period is longer. */
const MINIMUM_DRAIN_MOST_S = 3600;

/** PILOT_CERT_PROVIDER says who made the control plane's certificate, XDS_ROOT_CA where its root is, as in Istio. */
function readRootFiles(env: Readonly<Record<string, string | undefined>>): RootFiles {
  const provider = env['PILOT_CERT_PROVIDER'] ?? '';
  const named = env['XDS_ROOT_CA'] ?? '';
  const cluster = provider === 'kubernetes' ? CLUSTER_ROOTS : undefined;
  return { mesh: provider === 'custom' ? CUSTOM_ROOTS : undefined, discovery: named === '' ? cluster : named };
}

/** Istio's places of them. */
const CUSTOM_ROOTS = '/etc/certs/root-cert.pem';
const CLUSTER_ROOTS = '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt';

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
