// From profile, IstioOperator files and --set to settled values: each layer over the one before; what is not read becomes a warning.
import { readTemplate } from '../inject/custom-template.ts';
import { DEFAULT_PROXY, type InjectorConfig, type LabelSelector } from '../inject/injector-config.ts';
import type { Resources } from '../kube/pod.ts';
import { PROFILES } from './profiles.ts';
import { isTree, overlay, parseSetFlag, SetFlagError, type Tree, type TreeValue, withValue } from './set-flag.ts';
import { readTaint, type TaintSettings } from './taint-settings.ts';
import { type SettingsReader, TreeReader } from './tree-reader.ts';
import type { ZtunnelSettings } from './ztunnel-objects.ts';

export interface ComponentSettings {
  readonly replicas: number;
  readonly resources: Resources;
  readonly env: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly TreeValue[];
}

export interface GatewaySettings extends ComponentSettings {
  readonly role: 'ingress' | 'egress';
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly serviceType: string;
  readonly ports: readonly {
    readonly name: string;
    readonly port: number;
    readonly targetPort: number;
    readonly nodePort?: number;
  }[];
}

export interface CniSettings extends ComponentSettings {
  readonly namespace: string;
  readonly logLevel: string;
  /** Folders of the node. */
  readonly binDir: string;
  readonly confDir: string;
  /** '' is the first file by name. */
  readonly confFile: string;
  readonly chained: boolean;
  readonly excludeNamespaces: readonly TreeValue[];
  readonly repair: {
    readonly enabled: boolean;
    readonly repairPods: boolean;
    readonly deletePods: boolean;
    readonly labelPods: boolean;
    readonly labelKey: string;
    readonly labelValue: string;
  };
}

export interface InstallSettings {
  readonly profile: string;
  /** 'default' or a name of its own. */
  readonly revision: string;
  readonly namespace: string;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly imagePullSecrets: readonly string[];
  readonly base: boolean;
  readonly pilot:
    | (ComponentSettings & {
        readonly autoscale: { readonly min: number; readonly max: number } | undefined;
        readonly logLevel: string;
        readonly taint: TaintSettings;
      })
    | undefined;
  readonly cni: CniSettings | undefined;
  readonly ztunnel: ZtunnelSettings | undefined;
  readonly gateways: readonly GatewaySettings[];
  readonly meshConfig: Tree;
  readonly meshNetworks: Tree;
  /** Signers of the cluster that may be asked for workloads' certificates. */
  readonly certSigners: readonly string[];
  readonly injector: InjectorConfig;
  readonly enableNamespacesByDefault: boolean;
  readonly values: Tree;
  readonly warnings: readonly string[];
}

export interface SettingsInput {
  /** IstioOperator objects in order. */
  readonly operators: readonly { readonly file: string; readonly object: unknown }[];
  readonly set: readonly string[];
  readonly revision: string | undefined;
  readonly hub: string | undefined;
  readonly tag: string | undefined;
  readonly version: string;
}

export const DEFAULT_HUB = 'topsail.local';

/** Throws a SetFlagError that names the field when an input cannot be used. */
export function readSettings(input: SettingsInput): InstallSettings {
  let given: Tree = {};
  for (const { file, object } of input.operators) given = overlay(given, operatorSpec(file, object));
  for (const flag of input.set) {
    const { path, value } = parseSetFlag(flag);
    given = withValue(given, path, value);
  }
  const profile = typeof given['profile'] === 'string' ? given['profile'] : 'default';
  const layer = Object.hasOwn(PROFILES, profile) ? PROFILES[profile] : undefined;
  if (layer === undefined)
    throw new SetFlagError(`profile "${profile}" is not known here. Profiles: ${Object.keys(PROFILES).join(', ')}.`);
  const spec = overlay(layer, withGateways(layer, given));
  return settle(new TreeReader(spec), spec, profile, input);
}

/** `spec` says how many gateways there are; everything else is asked of the reader. */
export function settle(read: SettingsReader, spec: Tree, profile: string, input: SettingsInput): InstallSettings {
  read.text('profile');
  const revision = input.revision ?? (read.text('revision') || read.text('values.revision') || 'default');
  const namespace = read.text('namespace') || read.text('values.global.istioNamespace') || 'istio-system';
  const hub = input.hub ?? (read.text('hub') || read.text('values.global.hub') || DEFAULT_HUB);
  const tag = input.tag ?? (read.text('tag') || read.text('values.global.tag') || input.version);
  const image = `${hub}/topsail:${tag}`;
  const imagePullPolicy = read.text('values.global.imagePullPolicy') || DEFAULT_PROXY.imagePullPolicy;
  const imagePullSecrets = read.list('values.global.imagePullSecrets').map(String);
  const meshConfig = overlay(read.tree('values.meshConfig'), read.tree('meshConfig'));
  const pilotOn = read.flag('components.pilot.enabled', true);
  const cniOn = read.flag('components.cni.enabled', false);
  const ztunnelOn = read.flag('components.ztunnel.enabled', false);
  const autoscale = read.flag('values.pilot.autoscaleEnabled', true);
  const pilot = component(read, 'components.pilot', 'values.pilot', { cpu: '500m', memory: '2048Mi' });
  const sampling = read.value('values.pilot.traceSampling');
  const warnings: string[] = [];
  const settings: Omit<InstallSettings, 'warnings'> = {
    profile,
    revision,
    namespace,
    image,
    imagePullPolicy,
    imagePullSecrets,
    base: read.flag('components.base.enabled', true),
    pilot: pilotOn
      ? {
          ...pilot,
          autoscale: autoscale
            ? { min: read.number('values.pilot.autoscaleMin', 1), max: read.number('values.pilot.autoscaleMax', 5) }
            : undefined,
          logLevel: read.text('values.global.logging.level').replace(/^default:/, '') || 'info',
          taint: readTaint(read, namespace),
        }
      : undefined,
    cni: cniOn ? cniSettings(read, namespace) : undefined,
    ztunnel: ztunnelOn ? { namespace: read.text('components.ztunnel.namespace') || namespace } : undefined,
    gateways: [...gateways(read, spec, 'ingress', namespace), ...gateways(read, spec, 'egress', namespace)],
    meshConfig:
      typeof sampling === 'number' ? overlay({ defaultConfig: { tracing: { sampling } } }, meshConfig) : meshConfig,
    meshNetworks: read.tree('values.global.meshNetworks'),
    certSigners: read.list('values.global.certSigners').map(String),
    injector: injector(read, { revision, namespace, image, imagePullPolicy, imagePullSecrets, cniOn }),
    enableNamespacesByDefault: read.flag('values.sidecarInjectorWebhook.enableNamespacesByDefault', false),
    values: read.tree('values'),
  };
  if (ztunnelOn)
    warnings.push(
      'components.ztunnel: the node proxy is not part of this version; a ConfigMap says so in its place, and pods have sidecars.',
    );
  const audience = settings.injector.proxy.tokenAudience;
  if (pilotOn && audience !== DEFAULT_PROXY.tokenAudience && !(pilot.env['TOKEN_AUDIENCES'] ?? '').includes(audience))
    warnings.push(
      `values.global.sds.token.aud: istiod takes tokens for ${DEFAULT_PROXY.tokenAudience} only; set values.pilot.env.TOKEN_AUDIENCES to "${audience}" too.`,
    );
  for (const [name, text] of Object.entries(settings.injector.templates ?? {})) {
    const found = readTemplate(text);
    if ('problem' in found)
      warnings.push(
        `values.sidecarInjectorWebhook.templates.${name}: ${found.problem}; pods that choose it are refused.`,
      );
  }
  for (const path of read.unread()) warnings.push(`${path}: not known here, it has no effect.`);
  return { ...settings, warnings };
}

function operatorSpec(file: string, object: unknown): Tree {
  if (!isTree(object)) throw new SetFlagError(`${file}: expected an IstioOperator object.`);
  const kind = object['kind'];
  if (kind !== 'IstioOperator')
    throw new SetFlagError(
      `${file}: kind is ${String(kind)}, expected IstioOperator (apiVersion install.istio.io/v1alpha1).`,
    );
  const spec = object['spec'];
  const name = isTree(object['metadata']) ? object['metadata']['namespace'] : undefined;
  const inner = isTree(spec) ? spec : {};
  return typeof name === 'string' && inner['namespace'] === undefined ? { ...inner, namespace: name } : inner;
}

/** Gateways are lists whose items are merged by name over the profile's. */
function withGateways(layer: Tree, given: Tree): Tree {
  const components = isTree(given['components']) ? given['components'] : undefined;
  if (components === undefined) return given;
  const below = isTree(layer['components']) ? layer['components'] : {};
  const merged: Tree = { ...components };
  for (const field of ['ingressGateways', 'egressGateways']) {
    const items = components[field];
    if (!Array.isArray(items)) continue;
    const known = (Array.isArray(below[field]) ? below[field] : []).filter(isTree);
    const list = known.map((one) =>
      overlay(one, items.filter(isTree).find((item) => (item['name'] ?? one['name']) === one['name']) ?? {}),
    );
    const fresh = items
      .filter(isTree)
      .filter((item) => item['name'] !== undefined && !known.some((one) => one['name'] === item['name']));
    merged[field] = [...list, ...fresh];
  }
  return { ...given, components: merged };
}

function component(
  read: SettingsReader,
  at: string,
  values: string,
  requests: Record<string, string>,
): ComponentSettings {
  const k8s = `${at}.k8s`;
  const resources = overlay(
    overlay({ requests } as Tree, read.tree(`${values}.resources`)),
    read.tree(`${k8s}.resources`),
  );
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(read.tree(`${values}.env`))) env[name] = String(value);
  for (const item of read.list(`${k8s}.env`))
    if (isTree(item) && typeof item['name'] === 'string') env[item['name']] = String(item['value'] ?? '');
  const strings = (path: string): Record<string, string> =>
    Object.fromEntries(Object.entries(read.tree(path)).map(([k, v]) => [k, String(v)]));
  return {
    replicas: read.number(`${k8s}.replicaCount`, read.number(`${values}.replicaCount`, 1)),
    resources: resources as Resources,
    env,
    annotations: { ...strings(`${values}.podAnnotations`), ...strings(`${k8s}.podAnnotations`) },
    nodeSelector: strings(`${k8s}.nodeSelector`),
    tolerations: read.list(`${k8s}.tolerations`),
  };
}

/** Defaults are Istio's. */
function cniSettings(read: SettingsReader, namespace: string): CniSettings {
  const at = 'values.cni';
  const excluded = read.list(`${at}.excludeNamespaces`);
  return {
    ...component(read, 'components.cni', at, { cpu: '100m', memory: '100Mi' }),
    namespace: read.text('components.cni.namespace') || namespace,
    logLevel: read.text(`${at}.logging.level`) || 'info',
    binDir: read.text(`${at}.cniBinDir`) || '/opt/cni/bin',
    confDir: read.text(`${at}.cniConfDir`) || '/etc/cni/net.d',
    confFile: read.text(`${at}.cniConfFileName`),
    chained: read.flag(`${at}.chained`, true),
    excludeNamespaces: excluded.length > 0 ? excluded : ['kube-system'],
    repair: {
      enabled: read.flag(`${at}.repair.enabled`, true),
      repairPods: read.flag(`${at}.repair.repairPods`, true),
      deletePods: read.flag(`${at}.repair.deletePods`, false),
      labelPods: read.flag(`${at}.repair.labelPods`, false),
      labelKey: read.text(`${at}.repair.brokenPodLabelKey`) || 'cni.istio.io/uninitialized',
      labelValue: read.text(`${at}.repair.brokenPodLabelValue`) || 'true',
    },
  };
}

const INGRESS_PORTS = [
  { name: 'status-port', port: 15021, targetPort: 15021 },
  { name: 'http2', port: 80, targetPort: 8080 },
  { name: 'https', port: 443, targetPort: 8443 },
];

function gateways(
  read: SettingsReader,
  spec: Tree,
  role: 'ingress' | 'egress',
  namespace: string,
): readonly GatewaySettings[] {
  const field = `components.${role}Gateways`;
  const components = isTree(spec['components']) ? spec['components'] : {};
  const list = components[`${role}Gateways`];
  const found: GatewaySettings[] = [];
  for (const i of (Array.isArray(list) ? list : []).keys()) {
    const at = `${field}.${i}`;
    const values = `values.gateways.istio-${role}gateway`;
    const name = read.text(`${at}.name`) || `istio-${role}gateway`;
    const base = component(read, at, values, { cpu: '100m', memory: '128Mi' });
    const labels = Object.fromEntries(Object.entries(read.tree(`${at}.label`)).map(([k, v]) => [k, String(v)]));
    const ports = [...read.list(`${values}.ports`), ...read.list(`${at}.k8s.service.ports`)]
      .filter(isTree)
      .map(servicePort);
    const type =
      read.text(`${at}.k8s.service.type`) ||
      read.text(`${values}.type`) ||
      (role === 'ingress' ? 'LoadBalancer' : 'ClusterIP');
    if (!read.flag(`${at}.enabled`, false)) continue;
    found.push({
      ...base,
      role,
      name,
      namespace: read.text(`${at}.namespace`) || namespace,
      serviceAccount: read.text(`${values}.serviceAccount`) || `${name}-service-account`,
      labels: { app: name, istio: role === 'ingress' ? 'ingressgateway' : 'egressgateway', ...labels },
      serviceType: type,
      ports: ports.length > 0 ? ports : role === 'ingress' ? INGRESS_PORTS : INGRESS_PORTS.slice(1),
    });
  }
  return found;
}

function servicePort(item: Tree): GatewaySettings['ports'][number] {
  const port = Number(item['port'] ?? 0);
  const nodePort = item['nodePort'];
  return {
    name: String(item['name'] ?? `port-${port}`),
    port,
    targetPort: Number(item['targetPort'] ?? port),
    ...(typeof nodePort === 'number' ? { nodePort } : {}),
  };
}

function textsAt(read: SettingsReader, path: string): Record<string, string> {
  return Object.fromEntries(Object.entries(read.tree(path)).map(([k, v]) => [k, String(v)]));
}

function injector(
  read: SettingsReader,
  facts: Pick<InstallSettings, 'revision' | 'namespace' | 'image' | 'imagePullPolicy' | 'imagePullSecrets'> & {
    readonly cniOn: boolean;
  },
): InjectorConfig {
  const { revision, namespace, image, imagePullPolicy, imagePullSecrets } = facts;
  const proxy = 'values.global.proxy';
  const hook = 'values.sidecarInjectorWebhook';
  const d = DEFAULT_PROXY;
  const text = (name: string, fallback: string): string => read.text(`${proxy}.${name}`) || fallback;
  return {
    policy: text('autoInject', 'enabled') === 'disabled' ? 'disabled' : 'enabled',
    revision,
    namespace,
    discoveryAddress: `istiod${revision === 'default' ? '' : `-${revision}`}.${namespace}.svc:15012`,
    rewriteAppHTTPProbe: read.flag(`${hook}.rewriteAppHTTPProbe`, true),
    nativeSidecars: read.flag('values.pilot.env.ENABLE_NATIVE_SIDECARS', true),
    // Whoever installs the plugin by its own chart says so here.
    cni: read.flag('values.pilot.cni.enabled', facts.cniOn),
    alwaysInjectSelector: read.list(`${hook}.alwaysInjectSelector`) as readonly LabelSelector[],
    neverInjectSelector: read.list(`${hook}.neverInjectSelector`) as readonly LabelSelector[],
    injectedAnnotations: textsAt(read, `${hook}.injectedAnnotations`),
    templates: textsAt(read, `${hook}.templates`),
    defaultTemplates: read.list(`${hook}.defaultTemplates`).map(String),
    proxy: {
      ...d,
      image,
      envoyImage: image.replace(/\/topsail:/, '/topsail-envoy:'),
      imagePullPolicy,
      imagePullSecrets,
      clusterDomain: text('clusterDomain', d.clusterDomain),
      clusterId: read.text('values.global.multiCluster.clusterName') || d.clusterId,
      meshId: read.text('values.global.meshID') || d.meshId,
      network: read.text('values.global.network'),
      logLevel: text('logLevel', d.logLevel),
      resources: overlay(d.resources as Tree, read.tree(`${proxy}.resources`)) as Resources,
      statusPort: read.number(`${proxy}.statusPort`, d.statusPort),
      readiness: {
        initialDelaySeconds: read.number(`${proxy}.readinessInitialDelaySeconds`, d.readiness.initialDelaySeconds),
        periodSeconds: read.number(`${proxy}.readinessPeriodSeconds`, d.readiness.periodSeconds),
        failureThreshold: read.number(`${proxy}.readinessFailureThreshold`, d.readiness.failureThreshold),
      },
      startup: {
        enabled: read.flag(`${proxy}.startupProbe.enabled`, true),
        failureThreshold: read.number(`${proxy}.startupProbe.failureThreshold`, d.startup.failureThreshold),
      },
      includeIPRanges: text('includeIPRanges', d.includeIPRanges),
      excludeIPRanges: text('excludeIPRanges', ''),
      includeInboundPorts: text('includeInboundPorts', d.includeInboundPorts),
      excludeInboundPorts: text('excludeInboundPorts', ''),
      includeOutboundPorts: text('includeOutboundPorts', ''),
      excludeOutboundPorts: text('excludeOutboundPorts', ''),
      holdApplicationUntilProxyStarts: read.flag(`${proxy}.holdApplicationUntilProxyStarts`, false),
      privileged: read.flag(`${proxy}.privileged`, false),
      tokenAudience: read.text('values.global.sds.token.aud') || d.tokenAudience,
      caAddress: read.text('values.global.caAddress'),
      certProvider: read.text('values.global.pilotCertProvider') || 'istiod',
    },
  };
}
