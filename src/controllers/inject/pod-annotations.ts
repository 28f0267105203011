// What a pod's annotations say about its proxy, over the installation's defaults; a value that cannot be used is refused by its key.
import { CORE_SCHEMA, load } from 'js-yaml';
import { POD_SETTINGS } from '#config';
import { overlay, isTree, type Tree } from '../install/set-flag.ts';
import type { Resources, Volume, VolumeMount } from '../kube/pod.ts';
import type { Refusal } from './capture-plan.ts';
import { BUILT_IN_TEMPLATES, readTemplate } from './custom-template.ts';
import type { InjectorConfig } from './injector-config.ts';
import { judgePodSettings } from './pod-settings.ts';

export interface PodAnnotations {
  /** Istio's templates `sidecar` and `gateway`. */
  readonly role: 'sidecar' | 'router';
  /** Custom templates over it, in order. */
  readonly patches: readonly Tree[];
  readonly dataPlane: 'topsail' | 'envoy';
  readonly image: string;
  readonly resources: Resources;
  readonly logLevel: string;
  readonly interceptionMode: 'REDIRECT' | 'TPROXY' | 'NONE';
  readonly native: boolean;
  readonly holdApplication: boolean;
  readonly rewriteProbes: boolean;
  readonly dnsCapture: boolean;
  readonly statusPort: number;
  readonly readiness: {
    readonly initialDelaySeconds: number;
    readonly periodSeconds: number;
    readonly failureThreshold: number;
  };
  readonly proxyConfig: Tree;
  readonly discoveryAddress: string;
  /** What has no effect. */
  readonly warnings: readonly string[];
  readonly userVolumes: readonly Volume[];
  readonly userVolumeMounts: readonly VolumeMount[];
}

const TEMPLATES = 'inject.istio.io/templates';
/** Which proxy runs in the pod; Istio has no such choice. */
const DATA_PLANE = 'topsail.io/data-plane';
const QUANTITY = /^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/;
const LEVELS = new Set(['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off']);

export function readPodAnnotations(
  annotations: Readonly<Record<string, string>>,
  config: InjectorConfig,
  mesh: Readonly<Record<string, unknown>>,
  refuse: (refusal: Refusal) => void,
): PodAnnotations {
  const read = new AnnotationReader(annotations, refuse);
  const { proxy } = config;
  const base = isTree(mesh['defaultConfig']) ? mesh['defaultConfig'] : {};
  const own = read.yaml(POD_SETTINGS);
  const proxyConfig = overlay(base, own);
  const metadata = isTree(proxyConfig['proxyMetadata']) ? proxyConfig['proxyMetadata'] : {};
  const mode =
    read.word('sidecar.istio.io/interceptionMode', ['REDIRECT', 'TPROXY', 'NONE']) ??
    (typeof proxyConfig['interceptionMode'] === 'string' ? proxyConfig['interceptionMode'] : 'REDIRECT');
  const status = 'readiness.status.sidecar.istio.io/';
  const { role, patches } = templatesOf(read.text(TEMPLATES), config, refuse);
  const dataPlane = (read.word(DATA_PLANE, ['topsail', 'envoy']) ?? 'topsail') as PodAnnotations['dataPlane'];
  const dnsCapture = String(metadata['ISTIO_META_DNS_CAPTURE'] ?? '') === 'true';
  const refuseEnvoy = (message: string): void => refuse({ field: `metadata.annotations[${DATA_PLANE}]`, message });
  if (dataPlane === 'envoy' && proxy.envoyImage === undefined)
    refuseEnvoy('envoy is not possible: the installation names no image with it; install this version again');
  if (dataPlane === 'envoy' && dnsCapture)
    refuseEnvoy(
      "envoy does not answer the pod's DNS: take ISTIO_META_DNS_CAPTURE out of proxyMetadata, or use topsail",
    );
  return {
    role,
    patches,
    dataPlane,
    image: read.text('sidecar.istio.io/proxyImage') ?? (dataPlane === 'envoy' ? (proxy.envoyImage ?? '') : proxy.image),
    resources: resourcesOf(read, proxy.resources),
    logLevel: read.word('sidecar.istio.io/logLevel', [...LEVELS]) ?? proxy.logLevel,
    interceptionMode: mode as PodAnnotations['interceptionMode'],
    // A gateway is nobody's sidecar: it is the application.
    native: role === 'sidecar' && (read.flag('sidecar.istio.io/nativeSidecar') ?? config.nativeSidecars),
    holdApplication:
      typeof proxyConfig['holdApplicationUntilProxyStarts'] === 'boolean'
        ? proxyConfig['holdApplicationUntilProxyStarts']
        : proxy.holdApplicationUntilProxyStarts,
    rewriteProbes: read.flag('sidecar.istio.io/rewriteAppHTTPProbers') ?? config.rewriteAppHTTPProbe,
    dnsCapture,
    statusPort: read.number('status.sidecar.istio.io/port', 0, 65_535) ?? proxy.statusPort,
    readiness: {
      initialDelaySeconds:
        read.number(`${status}initialDelaySeconds`, 0, 86_400) ?? proxy.readiness.initialDelaySeconds,
      periodSeconds: read.number(`${status}periodSeconds`, 1, 86_400) ?? proxy.readiness.periodSeconds,
      failureThreshold: read.number(`${status}failureThreshold`, 1, 1_000_000) ?? proxy.readiness.failureThreshold,
    },
    proxyConfig,
    discoveryAddress:
      read.text('sidecar.istio.io/discoveryAddress') ??
      (typeof proxyConfig['discoveryAddress'] === 'string' && proxyConfig['discoveryAddress'] !== ''
        ? proxyConfig['discoveryAddress']
        : config.discoveryAddress),
    warnings: judgePodSettings(own, refuse),
    userVolumes: read.named('sidecar.istio.io/userVolume'),
    userVolumeMounts: read.named('sidecar.istio.io/userVolumeMount') as unknown as readonly VolumeMount[],
  };
}

function templatesOf(
  text: string | undefined,
  config: InjectorConfig,
  refuse: (refusal: Refusal) => void,
): Pick<PodAnnotations, 'role' | 'patches'> {
  const field =
    text === undefined ? 'values.sidecarInjectorWebhook.defaultTemplates' : `metadata.annotations[${TEMPLATES}]`;
  const names = text === undefined ? (config.defaultTemplates ?? []) : text.split(',').map((name) => name.trim());
  const custom = config.templates ?? {};
  const patches: Tree[] = [];
  const base: string[] = [];
  for (const name of names) {
    if (BUILT_IN_TEMPLATES.some((one) => one === name)) base.push(name);
    else if (!Object.hasOwn(custom, name)) {
      const known = [...BUILT_IN_TEMPLATES, ...Object.keys(custom)].join(', ');
      refuse({ field, message: `expected one of ${known}, found "${name.slice(0, 100)}"` });
    } else {
      const found = readTemplate(custom[name] ?? '');
      if ('patch' in found) patches.push(found.patch);
      else refuse({ field, message: `template ${name}: ${found.problem}` });
    }
  }
  if (base.length > 1 || (base.length === 0 && names.length > 0))
    refuse({ field, message: `"${names.join(',').slice(0, 100)}" must name one of ${BUILT_IN_TEMPLATES.join(', ')}` });
  return { role: base[0] === 'gateway' ? 'router' : 'sidecar', patches };
}

function resourcesOf(read: AnnotationReader, defaults: Resources): Resources {
  const quantity = (name: string): string | undefined =>
    read.matching(`sidecar.istio.io/${name}`, QUANTITY, 'a quantity, for example 100m or 128Mi');
  const [cpu, memory, cpuLimit, memoryLimit] = [
    quantity('proxyCPU'),
    quantity('proxyMemory'),
    quantity('proxyCPULimit'),
    quantity('proxyMemoryLimit'),
  ];
  if (cpu === undefined && memory === undefined && cpuLimit === undefined && memoryLimit === undefined) return defaults;
  // As in Istio: one annotation replaces the defaults as a whole.
  return {
    ...(cpu === undefined && memory === undefined
      ? {}
      : { requests: { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) } }),
    ...(cpuLimit === undefined && memoryLimit === undefined
      ? {}
      : {
          limits: {
            ...(cpuLimit === undefined ? {} : { cpu: cpuLimit }),
            ...(memoryLimit === undefined ? {} : { memory: memoryLimit }),
          },
        }),
  };
}

/** Values of one annotation, aliases resolved: a few lines of them may stand for more than fits into memory, and a ring for no end. */
const VALUES_MAX = 5000;

function countValues(value: unknown, most: number): number {
  if (typeof value !== 'object' || value === null) return 1;
  let count = 1;
  for (const one of Object.values(value)) {
    count += countValues(one, most - count);
    if (count > most) break;
  }
  return count;
}

class AnnotationReader {
  readonly #annotations: Readonly<Record<string, string>>;
  readonly #refuse: (refusal: Refusal) => void;

  constructor(annotations: Readonly<Record<string, string>>, refuse: (refusal: Refusal) => void) {
    this.#annotations = annotations;
    this.#refuse = refuse;
  }

  text(key: string): string | undefined {
    const value = Object.hasOwn(this.#annotations, key) ? this.#annotations[key] : undefined;
    return value === '' ? undefined : value;
  }

  matching(key: string, pattern: RegExp, expected: string): string | undefined {
    const value = this.text(key);
    if (value === undefined || pattern.test(value)) return value;
    this.#complain(key, expected, value);
    return undefined;
  }

  word(key: string, words: readonly string[]): string | undefined {
    const value = this.text(key);
    if (value === undefined || words.includes(value)) return value;
    this.#complain(key, `one of ${words.join(', ')}`, value);
    return undefined;
  }

  flag(key: string): boolean | undefined {
    const value = this.text(key)?.toLowerCase();
    if (value === undefined) return undefined;
    if (value === 'true' || value === '1') return true;
    if (value === 'false' || value === '0') return false;
    this.#complain(key, 'true or false', value);
    return undefined;
  }

  number(key: string, least: number, most: number): number | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    if (/^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value);
    this.#complain(key, `a number from ${least} to ${most}`, value);
    return undefined;
  }

  yaml(key: string): Tree {
    const text = this.text(key);
    if (text === undefined) return {};
    try {
      const value = load(text, { schema: CORE_SCHEMA });
      if (value === null || value === undefined) return {};
      if (isTree(value) && countValues(value, VALUES_MAX) > VALUES_MAX) {
        this.#complain(key, `at most ${VALUES_MAX} values, aliases resolved`, text);
        return {};
      }
      if (isTree(value)) return value;
    } catch {
      // Said below.
    }
    this.#complain(key, 'a mapping as YAML', text);
    return {};
  }

  /** JSON: a list of objects with `name`, or a map from name to object. */
  named(key: string): readonly Volume[] {
    const text = this.text(key);
    if (text === undefined) return [];
    try {
      const value: unknown = JSON.parse(text);
      const list = Array.isArray(value)
        ? value
        : isTree(value)
          ? Object.entries(value).map(([name, inner]) => ({ ...(inner as object), name }))
          : undefined;
      if (list?.every((one) => isTree(one) && typeof one['name'] === 'string') === true) return list as Volume[];
    } catch {
      // Said below.
    }
    this.#complain(key, 'a JSON list of objects with a name', text);
    return [];
  }

  #complain(key: string, expected: string, found: string): void {
    this.#refuse({
      field: `metadata.annotations[${key}]`,
      message: `expected ${expected}, found "${found.slice(0, 100)}"`,
    });
  }
}
