// A pod with its proxy: a pure function of pod, namespace and configuration, made of typed objects; the given pod is not changed.
import { CAPTURE_ANNOTATION, type CapturePlan, VALIDATION_CONTAINER } from '#base';
import { NODE_PATH, TOPSAIL_FOLDER } from '../images/rootfs.ts';
import type { Container, Pod, PodMeta, PodSpec, Resources, Volume } from '../kube/pod.ts';
import { rewriteProbes } from './app-probes.ts';
import { applyTemplates } from './custom-template.ts';
import { captureAnnotations, capturePlan, type Refusal } from './capture-plan.ts';
import type { InjectorConfig } from './injector-config.ts';
import { PROXY_CONTAINER, proxyContainer, proxySecurity, proxyVolumes } from './proxy-container.ts';
import { type PodAnnotations, readPodAnnotations } from './pod-annotations.ts';
import { unusedAnnotations } from './unused-annotations.ts';
import { workloadOf } from './workload-name.ts';

export interface InjectionInput {
  readonly pod: Pod;
  readonly namespace: string;
  readonly config: InjectorConfig;
  /** MeshConfig as JSON: `defaultConfig`, `enablePrometheusMerge`. */
  readonly mesh: Readonly<Record<string, unknown>>;
}

export type InjectionResult =
  | { readonly ok: true; readonly pod: Pod; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly refusals: readonly Refusal[] };

export const STATUS_ANNOTATION = 'sidecar.istio.io/status';
const CAPTURE_CONTAINER = 'istio-init';
/** What Kubernetes gives a pod to end. */
const GRACE_SECONDS = 30;

export function injectPod({ pod, namespace, config, mesh }: InjectionInput): InjectionResult {
  const refusals: Refusal[] = [];
  const refuse = (refusal: Refusal): void => void refusals.push(refusal);
  const annotations = pod.metadata.annotations ?? {};
  const settings = readPodAnnotations(annotations, config, mesh, refuse);
  const workload = workloadOf(pod, namespace);
  const spec = pod.spec;
  const given = [...(spec.initContainers ?? []), ...spec.containers].find((one) => one.name === PROXY_CONTAINER);
  const apps = spec.containers.filter((one) => one.name !== PROXY_CONTAINER);
  const inits = (spec.initContainers ?? []).filter((one) => one.name !== PROXY_CONTAINER);
  // Restartable init containers are part of the application too: their probes go through the agent.
  const natives = inits.filter((one) => one.restartPolicy === 'Always');
  const probed = settings.rewriteProbes
    ? rewriteProbes([...apps, ...natives], settings.statusPort, spec.terminationGracePeriodSeconds ?? GRACE_SECONDS)
    : { containers: [...apps, ...natives], probers: {} };
  const byName = new Map(probed.containers.map((one) => [one.name, one]));
  const ports = apps.flatMap((one) => one.ports ?? []);
  const proxy = proxyContainer(config, {
    role: settings.role,
    dataPlane: settings.dataPlane,
    resources: settings.resources,
    workloadName: workload.name,
    owner: workload.owner,
    appContainers: apps.map(({ name }) => name),
    podPorts: JSON.stringify(ports),
    interceptionMode: settings.interceptionMode,
    logLevel: settings.logLevel,
    proxyConfig: settings.proxyConfig,
    statusPort: settings.statusPort,
    readiness: settings.readiness,
    appMetrics: mergesMetrics(mesh, annotations) ? appMetrics(annotations) : '',
    appProbers: Object.keys(probed.probers).length === 0 ? '' : JSON.stringify(probed.probers),
    image: settings.image,
    discoveryAddress: settings.discoveryAddress,
    trustDomain: trustDomainOf(mesh),
    classic: settings.role === 'sidecar' && !settings.native,
  });
  proxy.volumeMounts = [...(proxy.volumeMounts ?? []), ...settings.userVolumeMounts];
  const merged = given === undefined ? proxy : mergeProxy(proxy, given, refuse);
  const plan =
    settings.interceptionMode === 'NONE' || settings.role === 'router'
      ? undefined
      : capturePlan({
          annotations,
          config,
          dns: settings.dnsCapture,
          transparent: settings.interceptionMode === 'TPROXY',
          statusPort: settings.statusPort,
          refuse,
        });
  for (const port of ports)
    if (PROXY_PORTS.has(port.containerPort))
      refuse({
        field: 'spec.containers[].ports[].containerPort',
        message: `${port.containerPort} is one of the proxy's own ports: choose another`,
      });
  const userId = (spec.securityContext as { runAsUser?: number } | undefined)?.runAsUser;
  if ([userId, ...apps.map((one) => one.securityContext?.runAsUser)].includes(1337))
    refuse({
      field: 'spec.securityContext.runAsUser',
      message: "1337 is the proxy's user: the application's traffic would pass it by; choose another",
    });
  if (refusals.length > 0) return { ok: false, refusals };
  const kept = inits.map((one) => byName.get(one.name) ?? one);
  const first =
    plan === undefined
      ? []
      : [config.cni ? validationContainer(config, settings) : captureContainer(plan, config, settings)];
  const own = settings.native
    ? { initContainers: [...first, { ...merged, restartPolicy: 'Always' }, ...kept] }
    : { initContainers: [...first, ...kept] };
  const containers = apps.map((one) => byName.get(one.name) ?? one);
  const sidecar = settings.native
    ? containers
    : settings.holdApplication
      ? [held(merged), ...containers]
      : [...containers, merged];
  const volumes = [...(spec.volumes ?? []), ...proxyVolumes(config), ...settings.userVolumes];
  const secrets = [...(spec.imagePullSecrets ?? []), ...config.proxy.imagePullSecrets.map((name) => ({ name }))];
  const { initContainers: _inits, containers: _containers, volumes: _volumes, ...rest } = spec;
  const patched: PodSpec = {
    ...rest,
    ...(own.initContainers.length === 0 ? {} : own),
    containers: sidecar,
    volumes: unique(volumes),
    ...(secrets.length === 0 ? {} : { imagePullSecrets: secrets }),
  };
  const added = {
    initContainers: [...first.map(({ name }) => name), ...(settings.native ? [PROXY_CONTAINER] : [])],
    containers: settings.native ? [] : [PROXY_CONTAINER],
    volumes: proxyVolumes(config).map(({ name }) => name),
  };
  const injected: Pod = {
    ...pod,
    metadata: metadata(pod.metadata, workload.name, config, settings, {
      added,
      mesh,
      capture: plan !== undefined && config.cni ? captureAnnotations(plan) : {},
    }),
    spec: patched,
  };
  const whole = applyTemplates(injected, settings.patches);
  if (isInjected(whole))
    return { ok: true, pod: whole, warnings: [...unusedAnnotations(annotations), ...settings.warnings] };
  return {
    ok: false,
    refusals: [{ field: 'metadata', message: 'a custom template takes the proxy out again: correct the template' }],
  };
}

function trustDomainOf(mesh: Readonly<Record<string, unknown>>): string {
  const given = mesh['trustDomain'];
  return typeof given === 'string' && given !== '' ? given : 'cluster.local';
}

const PROXY_PORTS = new Set([15000, 15001, 15006, 15008, 15020, 15021, 15053, 15090]);

function captureContainer(plan: CapturePlan, config: InjectorConfig, settings: PodAnnotations): Container {
  return {
    name: CAPTURE_CONTAINER,
    image: settings.image,
    imagePullPolicy: config.proxy.imagePullPolicy,
    args: ['capture', 'apply', '--plan', JSON.stringify(plan)],
    resources: { requests: { cpu: '10m', memory: '40Mi' }, limits: settings.resources.limits ?? {} },
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      privileged: config.proxy.privileged,
      allowPrivilegeEscalation: config.proxy.privileged,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
    },
  };
}

/** Without the CNI plugin's rules the application must not start: it would talk past its proxy. */
function validationContainer(config: InjectorConfig, settings: PodAnnotations): Container {
  return {
    name: VALIDATION_CONTAINER,
    image: settings.image,
    imagePullPolicy: config.proxy.imagePullPolicy,
    args: ['capture', 'validate'],
    resources: { requests: { cpu: '10m', memory: '40Mi' }, limits: settings.resources.limits ?? {} },
    securityContext: proxySecurity(false),
  };
}

/** The kubelet starts the next container only after the hook has ended. */
function held(proxy: Container): Container {
  return {
    ...proxy,
    lifecycle: {
      ...proxy.lifecycle,
      postStart: { exec: { command: [NODE_PATH, `${TOPSAIL_FOLDER}/dist/topsail.js`, 'agent', 'wait'] } },
    },
  };
}

/** A container `istio-proxy` in the pod overrides what it names; what keeps the mesh safe cannot be overridden. */
function mergeProxy(proxy: Container, given: Container, refuse: (refusal: Refusal) => void): Container {
  for (const field of ['command', 'args'] as const)
    if (given[field] !== undefined)
      refuse({
        field: `spec.containers[istio-proxy].${field}`,
        message: 'cannot be set: the agent is what runs there',
      });
  const { name: _name, image, imagePullPolicy, env, volumeMounts, ports, resources, securityContext, ...rest } = given;
  // `auto` says: the mesh's own image, and its policy; the API server's default for a name without a tag is not the user's.
  const ownImage = image === undefined || image === '' || image === 'auto';
  const names = new Set((env ?? []).map((one) => one.name));
  const mounts = new Set((volumeMounts ?? []).map((one) => one.mountPath));
  return {
    ...proxy,
    ...rest,
    ...(ownImage ? {} : { image }),
    ...(ownImage || imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    env: [...(proxy.env ?? []).filter((one) => !names.has(one.name)), ...(env ?? [])],
    volumeMounts: [...(proxy.volumeMounts ?? []).filter((one) => !mounts.has(one.mountPath)), ...(volumeMounts ?? [])],
    ports: [...(proxy.ports ?? []), ...(ports ?? [])],
    resources: {
      requests: { ...proxy.resources?.requests, ...resources?.requests },
      limits: { ...proxy.resources?.limits, ...resources?.limits },
    } satisfies Resources,
    securityContext: { ...proxySecurity(false), ...proxy.securityContext, ...securityContext },
  };
}

interface MetadataParts {
  readonly added: object;
  readonly mesh: Readonly<Record<string, unknown>>;
  /** What the CNI plugin reads. */
  readonly capture: Readonly<Record<string, string>>;
}

function metadata(
  meta: PodMeta,
  workload: string,
  config: InjectorConfig,
  settings: PodAnnotations,
  { added, mesh, capture }: MetadataParts,
): PodMeta {
  const labels = meta.labels ?? {};
  const service =
    labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload;
  const revision =
    labels['service.istio.io/canonical-revision'] ??
    labels['app.kubernetes.io/version'] ??
    labels['version'] ??
    'latest';
  // Whether the plugin acts is ours to say.
  const { [CAPTURE_ANNOTATION]: _capture, ...annotations } = meta.annotations ?? {};
  const scrape = mergesMetrics(mesh, annotations);
  return {
    ...meta,
    labels: {
      ...labels,
      'security.istio.io/tlsMode': labels['security.istio.io/tlsMode'] ?? 'istio',
      'service.istio.io/canonical-name': service,
      'service.istio.io/canonical-revision': revision,
      ...(config.proxy.network === '' || labels['topology.istio.io/network'] !== undefined
        ? {}
        : { 'topology.istio.io/network': config.proxy.network }),
    },
    annotations: {
      ...config.injectedAnnotations,
      ...annotations,
      ...capture,
      ...(scrape ? scrapeAnnotations(annotations, settings.statusPort) : {}),
      'istio.io/rev': config.revision,
      [STATUS_ANNOTATION]: JSON.stringify({
        ...added,
        imagePullSecrets: config.proxy.imagePullSecrets,
        revision: config.revision,
      }),
      ...(annotations['kubectl.kubernetes.io/default-container'] === undefined
        ? {}
        : { 'kubectl.kubernetes.io/default-container': annotations['kubectl.kubernetes.io/default-container'] }),
    },
  };
}

function mergesMetrics(
  mesh: Readonly<Record<string, unknown>>,
  annotations: Readonly<Record<string, string>>,
): boolean {
  return mesh['enablePrometheusMerge'] !== false && annotations['prometheus.istio.io/merge-metrics'] !== 'false';
}

/** Where the application shows its own metrics, for the agent: Istio's ISTIO_PROMETHEUS_ANNOTATIONS. '' = it has none. */
function appMetrics(given: Readonly<Record<string, string>>): string {
  if (given['prometheus.io/scrape'] !== 'true') return '';
  const { 'prometheus.io/path': path = '', 'prometheus.io/port': port = '' } = given;
  return JSON.stringify({ scrape: 'true', path, port });
}

/** Prometheus asks the agent, which asks proxy and application. */
function scrapeAnnotations(given: Readonly<Record<string, string>>, port: number): Record<string, string> {
  if (given['prometheus.io/scrape'] === 'false') return {};
  return {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(port),
    'prometheus.io/path': '/stats/prometheus',
  };
}

function unique(volumes: readonly Volume[]): Volume[] {
  return [...new Map(volumes.map((one) => [one.name, one])).values()];
}

/** Whether the pod has been given a proxy already. */
export function isInjected(pod: Pod): boolean {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return (
    pod.metadata.annotations?.[STATUS_ANNOTATION] !== undefined &&
    containers.some((one) => one.name === PROXY_CONTAINER || one.name === VALIDATION_CONTAINER)
  );
}
