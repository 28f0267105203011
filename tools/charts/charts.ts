// The Helm charts: the builders of `install` run over markers, so that both render the same objects; what a flag changes becomes a condition.
import { isDeepStrictEqual } from 'node:util';
import { dump } from 'js-yaml';
import {
  type Component,
  labelled,
  manifest,
  type SettingsInput,
  settle,
  type Tree,
  type TreeValue,
  UNTAINT_VARIABLE,
} from '#controllers';
import type { KubeObject } from '#kube';
import {
  chartValues,
  CNI_VALUES,
  defaultsOf,
  GATEWAY_VALUES,
  ISTIOD_VALUES,
  PILOT_VALUES,
  REVISION,
} from './chart-values.ts';
import { emitTemplate } from './emit-template.ts';
import { KEPT_POLICY, keepPolicy } from './kept-policy.ts';
import { marker } from './marker.ts';
import { TemplateReader } from './template-reader.ts';

const NAMESPACE = '$.Release.Namespace';
const REV = marker('text', REVISION);
const SUFFIX = marker('text', '(include "topsail.suffix" $)');
const PLACE = marker('text', '(include "topsail.namespaceSuffix" $)');
const NOTICE = '{{/* Written by tools/gen-charts.ts from the builders of `topsail install`. */ -}}\n';
const DEFAULT_CONFIG = '(omit ($.Values.meshConfig.defaultConfig | default dict) "discoveryAddress")';
const NETWORK = '(ternary (dict "ISTIO_META_NETWORK" $.Values.global.network) dict (ne $.Values.global.network ""))';
const INPUT: SettingsInput = {
  operators: [],
  set: [],
  revision: undefined,
  hub: undefined,
  tag: undefined,
  version: '',
};

/** Every file of every chart by its path. */
export function charts(version: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const chart = (
    name: string,
    description: string,
    values: Record<string, unknown>,
    templates: Record<string, string>,
  ): void => {
    const about = { apiVersion: 'v2', name, description, version, appVersion: version, type: 'application' };
    files.set(`charts/${name}/Chart.yaml`, `# Written by tools/gen-charts.ts.\n${dump(about)}`);
    files.set(
      `charts/${name}/values.yaml`,
      `# Written by tools/gen-charts.ts. Names and defaults are Istio's.\n${dump(values, { lineWidth: -1 })}`,
    );
    for (const [file, text] of Object.entries(templates)) files.set(`charts/${name}/templates/${file}`, text);
  };
  chart('base', "Topsail's kinds: install it first", { defaultRevision: 'default' }, { 'crds.yaml': crdsTemplate() });
  chart('istiod', "Topsail's control plane", defaultsOf(ISTIOD_VALUES), {
    '_helpers.tpl': HELPERS + ISTIOD_HELPERS + KEPT_POLICY,
    'istiod.yaml': istiodTemplate(),
    'NOTES.txt': notes({ ...defaultsOf(ISTIOD_VALUES), pilot: defaultsOf(PILOT_VALUES) }, FREE),
  });
  chart('gateway', 'A gateway of Topsail', gatewayDefaults(), {
    '_helpers.tpl': HELPERS + GATEWAY_HELPERS,
    'gateway.yaml': gatewayTemplate(),
    'NOTES.txt': notes(gatewayDefaults(), FREE),
  });
  chart('cni', "Topsail's CNI plugin: pods without a privileged container", defaultsOf(CNI_VALUES), {
    '_helpers.tpl': HELPERS,
    'cni.yaml': cniTemplate(),
    'NOTES.txt': notes(defaultsOf(CNI_VALUES), FREE),
  });
  // Any of Istio's values may be given: they are named as being without effect.
  chart(
    'ztunnel',
    'In the place of the node proxy of ambient mode, which Topsail has not yet: a notice',
    {},
    {
      '_helpers.tpl': HELPERS,
      'ztunnel.yaml': ztunnelTemplate(),
      'NOTES.txt': `${notes({}, FREE)}! The node proxy of ambient mode is not part of this version: nothing runs. See the ConfigMap ztunnel.\n`,
    },
  );
  return files;
}

const HELPERS = `{{- define "topsail.revision" -}}
{{- .Values.revision | default "default" -}}
{{- end -}}
{{- define "topsail.suffix" -}}
{{- with .Values.revision -}}{{- if ne . "default" -}}-{{ . }}{{- end -}}{{- end -}}
{{- end -}}
{{- define "topsail.namespaceSuffix" -}}
{{- if ne .Release.Namespace "istio-system" -}}-{{ .Release.Namespace }}{{- end -}}
{{- end -}}
`;

/** Writes what is under `pilot` over the values at the top. */
const ISTIOD_HELPERS = `{{- define "topsail.overlay" -}}
{{- range $key, $value := .over -}}
{{- $former := get $.base $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $former) -}}
{{- include "topsail.overlay" (dict "base" $former "over" $value) -}}
{{- else -}}
{{- $_ := set $.base $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
`;
const OVERLAY = `{{- range $key, $value := $.Values.pilot -}}
{{- if hasKey $.Values $key -}}
{{- include "topsail.overlay" (dict "base" $.Values "over" (dict $key $value)) -}}
{{- end -}}
{{- end -}}
`;

const GATEWAY_HELPERS = `{{- define "topsail.gatewayName" -}}
{{- .Values.name | default .Release.Name -}}
{{- end -}}
{{- define "topsail.podPorts" -}}
{{- $ports := list -}}
{{- range .Values.service.ports -}}
{{- $ports = append $ports (dict "name" .name "containerPort" (.targetPort | default .port)) -}}
{{- end -}}
{{- $ports | toJson -}}
{{- end -}}
`;

const PORTS: readonly Tree[] = [
  { name: 'status-port', port: 15021, targetPort: 15021, protocol: 'TCP' },
  { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' },
  { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' },
];

function gatewayDefaults(): Record<string, unknown> {
  const values = defaultsOf(GATEWAY_VALUES);
  return { ...values, service: { ...(values['service'] as object), ports: PORTS } };
}

/** Kinds stay when the release goes: they carry Helm's own annotation for that. */
function crdsTemplate(): string {
  const { labels = {} } = labelled({ namespace: '', suffix: '', revision: 'default' }, 'Base')('');
  const lines = Object.entries(labels).map(([key, value]) => `    ${key}: ${value}\n`);
  const head = JSON.stringify(`\nmetadata:\n  labels:\n${lines.join('')}`);
  return `${NOTICE}{{- range $path, $text := .Files.Glob "crds-of-kinds/*.yaml" }}
---
{{ $.Files.Get $path | replace "\\nmetadata:\\n" ${head} }}
{{- end }}
`;
}

function render(
  values: ReturnType<typeof chartValues>,
  spec: Tree,
): { objects: readonly KubeObject[]; embedded: Map<string, unknown> } {
  const embedded = new Map<string, unknown>();
  const settings = settle(new TemplateReader(values), spec, 'default', INPUT);
  const components: readonly Component[] = manifest({
    settings,
    crds: [],
    yaml: (value) => {
      const id = String(embedded.size);
      embedded.set(id, withSuffix(value));
      return marker('yaml', id);
    },
  });
  const objects = components.flatMap((one) => one.objects);
  return { objects: objects.map((one) => keepPolicy(withSuffix(one))), embedded };
}

/** '-REVISION' is a suffix that the default revision has not; the injector's '-NAMESPACE' one that istio-system has not. */
function withSuffix<T>(value: T): T {
  return mapText(value, (text) =>
    text
      .replaceAll(`-${REV}`, SUFFIX)
      .replace(/^(istio-sidecar-injector.*)-⟦text:\$\.Release\.Namespace⟧$/, `$1${PLACE.replaceAll('$', '$$$$')}`),
  );
}

function asDefault<T>(value: T): T {
  return mapText(value, (text) => text.replaceAll(SUFFIX, '').replaceAll(REV, 'default'));
}

function mapText<T>(value: T, change: (text: string) => string): T {
  if (typeof value === 'string') {
    // JSON inside of JSON has its quotes escaped: settled as a structure.
    const json = /^[[{]/.test(value) ? tryJson(value) : undefined;
    return (json === undefined ? change(value) : JSON.stringify(mapText(json, change))) as T;
  }
  if (Array.isArray(value)) return value.map((item) => mapText(item, change)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [change(key), mapText(inner, change)])) as T;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

interface Flag {
  readonly path: string;
  readonly condition: string;
  readonly yes: TreeValue;
  readonly no: TreeValue | undefined;
}

/** What decides about objects, not only about values in them. */
const FLAGS: readonly Flag[] = [
  {
    path: 'values.global.certSigners',
    condition: '$.Values.global.certSigners',
    yes: [marker('list', '$.Values.global.certSigners')],
    no: [],
  },
  { path: 'values.pilot.autoscaleEnabled', condition: '$.Values.autoscaleEnabled', yes: true, no: false },
  {
    path: 'values.pilot.taint.enabled',
    condition: `or $.Values.taint.enabled (eq (get $.Values.env "${UNTAINT_VARIABLE}" | toString) "true")`,
    yes: true,
    no: false,
  },
  { path: 'values.revision', condition: `eq ${REVISION} "default"`, yes: 'default', no: undefined },
  {
    path: 'values.sidecarInjectorWebhook.enableNamespacesByDefault',
    condition: '$.Values.sidecarInjectorWebhook.enableNamespacesByDefault',
    yes: true,
    no: false,
  },
];

function istiodTemplate(): string {
  const common = {
    namespace: marker('text', NAMESPACE),
    'components.base.enabled': false,
    'components.pilot.enabled': true,
  };
  const variants = FLAGS.reduce<readonly (readonly boolean[])[]>(
    (some) =>
      some.flatMap((one) => [
        [...one, true],
        [...one, false],
      ]),
    [[]],
  ).map((choice) => {
    const constants: Record<string, TreeValue> = { ...common };
    for (const [i, flag] of FLAGS.entries()) {
      const value = choice[i] === true ? flag.yes : flag.no;
      if (value !== undefined) constants[flag.path] = value;
    }
    return { choice, ...render(withNative(chartValues(ISTIOD_VALUES, constants)), {}) };
  });
  const ids = [...new Set(variants.flatMap(({ objects }) => objects.map((one) => idOf(one))))];
  const documents = ids.map((id) =>
    branch(
      variants.map(({ choice, objects, embedded }) => ({
        choice,
        object: objects.find((one) => idOf(one) === id),
        embedded,
      })),
      0,
    ),
  );
  return NOTICE + OVERLAY + documents.join('');
}

function withNative(values: ReturnType<typeof chartValues>): ReturnType<typeof chartValues> {
  const expression = '(ne (get $.Values.env "ENABLE_NATIVE_SIDECARS" | toString) "false")';
  return new Map([
    ...values,
    ['values', { expression: '$.Values' }],
    ['values.pilot.env.ENABLE_NATIVE_SIDECARS', { expression }],
  ]);
}

function idOf(object: KubeObject): string {
  return `${object.kind}/${asDefault(object.metadata.name)}`;
}

interface Variant {
  readonly choice: readonly boolean[];
  readonly object: KubeObject | undefined;
  readonly embedded: ReadonlyMap<string, unknown>;
}

/** One text where all variants agree, else a condition on the first flag that matters. */
function branch(variants: readonly Variant[], from: number): string {
  const first = (variants.find(({ object }) => object !== undefined) ?? variants[0]) as Variant;
  if (variants.every(({ object }) => object === undefined)) return '';
  const richest = variants.findLast(({ object }) => object !== undefined) ?? first;
  const same = (one: Variant): boolean =>
    one.object !== undefined && isDeepStrictEqual(asDefault(one.object), asDefault(richest.object));
  if (variants.every(same)) return `---\n${emitTemplate(richest.object as KubeObject, richest.embedded)}`;
  for (let i = from; i < FLAGS.length; i++) {
    const [yes, no] = [
      variants.filter(({ choice }) => choice[i]),
      variants.filter(({ choice }) => choice[i] === false),
    ];
    const [a, b] = [branch(yes, i + 1), branch(no, i + 1)];
    if (a === b) continue;
    const otherwise = b === '' ? '' : `{{- else }}\n${b}`;
    return a === ''
      ? `{{- if not (${FLAGS[i]?.condition}) }}\n${b}{{- end }}\n`
      : `{{- if ${FLAGS[i]?.condition} }}\n${a}${otherwise}{{- end }}\n`;
  }
  throw new Error(`${idOf(richest.object as KubeObject)} differs for no flag`);
}

function gatewayTemplate(): string {
  const values = chartValues(GATEWAY_VALUES, {
    'components.base.enabled': false,
    'components.pilot.enabled': false,
    'components.ingressGateways.0.enabled': true,
    'components.ingressGateways.0.namespace': marker('text', NAMESPACE),
  });
  const { objects, embedded } = render(values, { components: { ingressGateways: [{}] } });
  return NOTICE + objects.map((one) => `---\n${emitTemplate(withPorts(one), embedded)}`).join('');
}

function cniTemplate(): string {
  const values = chartValues(CNI_VALUES, {
    'components.base.enabled': false,
    'components.pilot.enabled': false,
    'components.cni.enabled': true,
    'components.cni.namespace': marker('text', NAMESPACE),
  });
  const { objects, embedded } = render(values, {});
  return NOTICE + objects.map((one) => `---\n${emitTemplate(one, embedded)}`).join('');
}

function ztunnelTemplate(): string {
  const values = chartValues([], {
    'components.base.enabled': false,
    'components.pilot.enabled': false,
    'components.ztunnel.enabled': true,
    'components.ztunnel.namespace': marker('text', NAMESPACE),
  });
  const { objects, embedded } = render(values, {});
  return NOTICE + objects.map((one) => `---\n${emitTemplate(one, embedded)}`).join('');
}

/** What the builder reads out of a mesh's settings or a list of ports is the user's here. */
function withPorts(object: KubeObject): KubeObject {
  const copy = structuredClone(object) as KubeObject & { spec: Record<string, unknown> };
  if (copy.kind === 'Service') copy.spec['ports'] = [marker('list', '$.Values.service.ports')];
  if (copy.kind === 'Deployment') {
    const { template } = copy.spec as {
      template: { spec: { containers: { env: { name: string; value?: string }[] }[] } };
    };
    for (const variable of template.spec.containers[0]?.env ?? []) {
      if (variable.name === 'ISTIO_META_POD_PORTS') variable.value = marker('text', '(include "topsail.podPorts" $)');
      if (variable.name === 'TRUST_DOMAIN')
        variable.value = marker('text', '($.Values.meshConfig.trustDomain | default "cluster.local")');
      if (variable.name === 'PROXY_CONFIG') {
        const own = JSON.parse(variable.value ?? '{}') as Tree;
        variable.value = JSON.stringify({ ...own, [marker('tree', DEFAULT_CONFIG)]: '' });
      }
      if (variable.name === 'ISTIO_META_NETWORK') {
        variable.name = marker('tree', NETWORK);
        variable.value = '';
      }
    }
  }
  return copy;
}

/** Below these a user may write any key. */
const FREE = new Set([
  'meshConfig',
  'global.meshNetworks',
  'global.proxy.resources',
  'pilot.resources',
  'resources',
  'service',
]);

/** Tells after an installation which given values have no effect here. */
function notes(values: Record<string, unknown>, free: ReadonlySet<string>): string {
  const known = (value: unknown, at: string): string => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || free.has(at)) return 'dict';
    const fields = Object.entries(value).map(
      ([key, inner]) => `${JSON.stringify(key)} ${known(inner, at === '' ? key : `${at}.${key}`)}`,
    );
    return `(dict ${fields.join(' ')})`;
  };
  return `{{- define "topsail.unknown" -}}
{{- range $key, $value := .given }}
{{- if not (hasKey $.known $key) }}
! {{ $.at }}{{ $key }}: not known here, it has no effect.
{{- else if and (kindIs "map" $value) (gt (len (index $.known $key)) 0) }}
{{- include "topsail.unknown" (dict "given" $value "known" (index $.known $key) "at" (printf "%s%s." $.at $key)) }}
{{- end }}
{{- end }}
{{- end -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }} is installed as {{ .Release.Name }}.
{{- include "topsail.unknown" (dict "given" .Values "known" ${known(values, '')} "at" "") }}
`;
}
