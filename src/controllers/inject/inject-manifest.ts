// Injection into manifests (`kube-inject`): every workload kind's pod template, lists and all; what is no workload passes unchanged.
import type { Pod, PodMeta, PodSpec } from '../kube/pod.ts';
import type { Refusal } from './capture-plan.ts';
import { decideInjection } from './decide.ts';
import { injectPod, isInjected } from './inject-pod.ts';
import type { InjectorConfig } from './injector-config.ts';

export interface InjectManifestInput {
  readonly config: InjectorConfig;
  readonly mesh: Readonly<Record<string, unknown>>;
  /** Of objects that name none. */
  readonly namespace: string;
}

export type InjectManifestResult =
  | { readonly ok: true; readonly object: unknown; readonly note: string | undefined }
  | { readonly ok: false; readonly refusals: readonly Refusal[] };

type Fields = Readonly<Record<string, unknown>>;

/** Where a kind keeps its pod template. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

export function injectManifest(object: unknown, input: InjectManifestInput): InjectManifestResult {
  if (!isMap(object)) return { ok: true, object, note: undefined };
  const kind = String(object['kind'] ?? '');
  if (kind === 'List' && Array.isArray(object['items'])) return injectList(object, object['items'], input);
  if (kind === 'Pod') return injectAt(object, [], kind, input);
  const path = TEMPLATES[kind];
  return path === undefined ? { ok: true, object, note: undefined } : injectAt(object, path, kind, input);
}

function injectList(list: Fields, items: readonly unknown[], input: InjectManifestInput): InjectManifestResult {
  const done = items.map((item) => injectManifest(item, input));
  const refusals = done.flatMap((one) => (one.ok ? [] : one.refusals));
  if (refusals.length > 0) return { ok: false, refusals };
  return {
    ok: true,
    object: { ...list, items: done.map((one) => (one.ok ? one.object : undefined)) },
    note: undefined,
  };
}

function injectAt(
  object: Fields,
  path: readonly string[],
  kind: string,
  input: InjectManifestInput,
): InjectManifestResult {
  const meta = isMap(object['metadata']) ? object['metadata'] : {};
  const name = String(meta['name'] ?? '');
  const namespace = typeof meta['namespace'] === 'string' ? meta['namespace'] : input.namespace;
  const template = path.reduce<unknown>((at, key) => (isMap(at) ? at[key] : undefined), object);
  const spec = isMap(template) ? template['spec'] : undefined;
  if (!isMap(template) || !isMap(spec) || !Array.isArray(spec['containers']))
    return {
      ok: false,
      refusals: [{ field: [...path, 'spec', 'containers'].join('.'), message: `${kind} ${name} has no containers` }],
    };
  const given = (isMap(template['metadata']) ? template['metadata'] : {}) as PodMeta;
  // As its controller will name it: the workload's name is known before a pod is.
  const owner = kind === 'Pod' ? [] : [{ kind, name, controller: true }];
  const pod: Pod = { metadata: { ...given, ownerReferences: owner }, spec: spec as unknown as PodSpec };
  const decision = decideInjection(pod, namespace, input.config);
  if (!decision.inject || isInjected(pod))
    return {
      ok: true,
      object,
      note: `${kind} ${namespace}/${name} is left as it is: ${decision.inject ? 'it has a proxy already' : decision.reason}`,
    };
  const injected = injectPod({ pod, namespace, config: input.config, mesh: input.mesh });
  if (!injected.ok)
    return {
      ok: false,
      refusals: injected.refusals.map(({ field, message }) => ({
        field: [...path, field].join('.'),
        message: `${message} (${kind} ${namespace}/${name})`,
      })),
    };
  const unused = injected.warnings;
  const { ownerReferences: _, ...metadata } = injected.pod.metadata;
  const keep = kind === 'Pod' && given.ownerReferences !== undefined ? { ownerReferences: given.ownerReferences } : {};
  return {
    ok: true,
    object: replaceAt(object, path, { ...template, metadata: { ...metadata, ...keep }, spec: injected.pod.spec }),
    note: unused.length === 0 ? undefined : `${kind} ${namespace}/${name}: ${unused.join('; ')}`,
  };
}

function replaceAt(object: Fields, path: readonly string[], value: Fields): Fields {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  return { ...object, [head]: replaceAt(object[head] as Fields, rest, value) };
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
