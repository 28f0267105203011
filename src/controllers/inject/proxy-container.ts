// The container that is Topsail's agent and proxy in a pod (Istio's `istio-proxy`): sidecars and gateways have the same.
import type { Container, EnvVar, Probe, Resources, Volume, VolumeMount } from '../kube/pod.ts';
import type { InjectorConfig } from './injector-config.ts';

export const PROXY_CONTAINER = 'istio-proxy';
export const PROXY_UID = 1337;
export const INBOUND_PORT = 15006;
export const OUTBOUND_PORT = 15001;
export const STATUS_PORT = 15021;
export const METRICS_PORT = 15090;
export const TOKEN_FOLDER = '/var/run/secrets/tokens';
export const ROOT_CERT_FOLDER = '/var/run/secrets/istio';
export const PROXY_DATA_FOLDER = '/var/lib/istio/data';
export const PODINFO_FOLDER = '/etc/istio/pod';
const TOKEN_SECONDS = 43_200;
/** Istio's default. */
const MINIMUM_DRAIN = '5s';

export interface ProxyFacts {
  readonly role: 'sidecar' | 'router';
  readonly dataPlane: 'topsail' | 'envoy';
  readonly resources: Resources;
  readonly workloadName: string;
  readonly owner: string;
  /** Containers of the application, in order. */
  readonly appContainers: readonly string[];
  /** JSON of the application's container ports. */
  readonly podPorts: string;
  readonly interceptionMode: string;
  readonly logLevel: string;
  /** Settled ProxyConfig: mesh default, then the pod's annotation. */
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  readonly statusPort: number;
  readonly readiness: {
    readonly initialDelaySeconds: number;
    readonly periodSeconds: number;
    readonly failureThreshold: number;
  };
  /** JSON of the application's probes, '' when there are none. */
  readonly appProbers: string;
  readonly appMetrics: string;
  readonly image: string;
  readonly discoveryAddress: string;
  readonly trustDomain: string;
  /** It ends together with the application, not after it. */
  readonly classic?: boolean;
}

export function proxyContainer(config: InjectorConfig, facts: ProxyFacts): Container {
  const { proxy } = config;
  const { role, readiness } = facts;
  const ready = { path: '/healthz/ready', port: STATUS_PORT };
  const readinessProbe: Probe = {
    httpGet: ready,
    initialDelaySeconds: readiness.initialDelaySeconds,
    periodSeconds: readiness.periodSeconds,
    timeoutSeconds: 3,
    failureThreshold: readiness.failureThreshold,
  };
  const startupProbe: Probe = {
    httpGet: ready,
    periodSeconds: 1,
    timeoutSeconds: 3,
    failureThreshold: proxy.startup.failureThreshold,
  };
  return {
    name: PROXY_CONTAINER,
    image: facts.image,
    imagePullPolicy: proxy.imagePullPolicy,
    args: ['agent', role, '--domain', `$(POD_NAMESPACE).svc.${proxy.clusterDomain}`, '--log-level', facts.logLevel],
    env: environment(config, facts),
    ports: [
      { name: 'http-envoy-prom', containerPort: METRICS_PORT, protocol: 'TCP' },
      ...(role === 'sidecar' ? [] : [{ name: 'status-port', containerPort: STATUS_PORT, protocol: 'TCP' }]),
    ],
    resources: facts.resources,
    readinessProbe:
      role === 'router' ? { ...readinessProbe, periodSeconds: Math.min(readiness.periodSeconds, 2) } : readinessProbe,
    ...(proxy.startup.enabled ? { startupProbe } : {}),
    securityContext:
      role === 'sidecar' && facts.interceptionMode === 'TPROXY'
        ? transparentSecurity()
        : proxySecurity(proxy.privileged),
    volumeMounts: proxyMounts(),
  };
}

export function proxySecurity(privileged: boolean): NonNullable<Container['securityContext']> {
  return {
    runAsUser: PROXY_UID,
    runAsGroup: PROXY_UID,
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    privileged,
    allowPrivilegeEscalation: privileged,
    capabilities: { drop: ['ALL'] },
  };
}

/** Addresses of others are for root with NET_ADMIN; the rules know the proxy by its group then, as Istio's do. */
function transparentSecurity(): NonNullable<Container['securityContext']> {
  return {
    ...proxySecurity(false),
    runAsUser: 0,
    runAsNonRoot: false,
    capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
  };
}

export function proxyMounts(): VolumeMount[] {
  return [
    { name: 'istiod-ca-cert', mountPath: ROOT_CERT_FOLDER },
    { name: 'istio-data', mountPath: PROXY_DATA_FOLDER },
    { name: 'istio-token', mountPath: TOKEN_FOLDER },
    { name: 'istio-podinfo', mountPath: PODINFO_FOLDER },
  ];
}

/** The pod's own token, for the mesh only. */
export function tokenVolume(config: InjectorConfig): Volume {
  const serviceAccountToken = {
    audience: config.proxy.tokenAudience,
    expirationSeconds: TOKEN_SECONDS,
    path: 'istio-token',
  };
  return { name: 'istio-token', projected: { sources: [{ serviceAccountToken }] } };
}

export function proxyVolumes(config: InjectorConfig): Volume[] {
  const field = (path: string): unknown => ({ path, fieldRef: { fieldPath: `metadata.${path}` } });
  return [
    { name: 'istio-data', emptyDir: {} },
    { name: 'istio-podinfo', downwardAPI: { items: [field('labels'), field('annotations')] } },
    tokenVolume(config),
    { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
  ];
}

function environment(config: InjectorConfig, facts: ProxyFacts): EnvVar[] {
  const { proxy } = config;
  const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const limit = (name: string, resource: string): EnvVar => ({
    name,
    valueFrom: {
      resourceFieldRef: { containerName: PROXY_CONTAINER, resource, divisor: resource === 'limits.cpu' ? '1m' : '0' },
    },
  });
  const metadata = facts.proxyConfig['proxyMetadata'];
  const own: EnvVar[] =
    typeof metadata === 'object' && metadata !== null
      ? Object.entries(metadata).map(([name, value]) => ({ name, value: String(value) }))
      : [];
  const all: EnvVar[] = [
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('INSTANCE_IP', 'status.podIP'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    field('HOST_IP', 'status.hostIP'),
    field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    limit('ISTIO_CPU_LIMIT', 'limits.cpu'),
    limit('ISTIO_MEMORY_LIMIT', 'limits.memory'),
    { name: 'PILOT_CERT_PROVIDER', value: proxy.certProvider ?? 'istiod' },
    { name: 'CA_ADDR', value: (proxy.caAddress ?? '') === '' ? facts.discoveryAddress : (proxy.caAddress as string) },
    { name: 'PROXY_CONFIG', value: JSON.stringify({ ...facts.proxyConfig, discoveryAddress: facts.discoveryAddress }) },
    { name: 'ISTIO_META_POD_PORTS', value: facts.podPorts },
    { name: 'ISTIO_META_APP_CONTAINERS', value: facts.appContainers.join(',') },
    { name: 'ISTIO_META_CLUSTER_ID', value: proxy.clusterId },
    { name: 'ISTIO_META_INTERCEPTION_MODE', value: facts.interceptionMode },
    { name: 'ISTIO_META_WORKLOAD_NAME', value: facts.workloadName },
    { name: 'ISTIO_META_OWNER', value: facts.owner },
    { name: 'ISTIO_META_MESH_ID', value: proxy.meshId },
    ...(proxy.network === '' ? [] : [{ name: 'ISTIO_META_NETWORK', value: proxy.network }]),
    { name: 'TRUST_DOMAIN', value: facts.trustDomain },
    { name: 'STATUS_PORT', value: String(facts.statusPort) },
    ...(facts.classic === true ? [{ name: 'MINIMUM_DRAIN_DURATION', value: MINIMUM_DRAIN }] : []),
    ...(facts.dataPlane === 'topsail' ? [] : [{ name: 'TOPSAIL_DATA_PLANE', value: facts.dataPlane }]),
    ...(facts.appMetrics === '' ? [] : [{ name: 'ISTIO_PROMETHEUS_ANNOTATIONS', value: facts.appMetrics }]),
    ...(facts.appProbers === '' ? [] : [{ name: 'ISTIO_KUBE_APP_PROBERS', value: facts.appProbers }]),
  ];
  const names = new Set(own.map(({ name }) => name));
  return [...all.filter(({ name }) => !names.has(name)), ...own];
}
