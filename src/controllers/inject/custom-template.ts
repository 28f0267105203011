// Custom injection templates (`values.sidecarInjectorWebhook.templates`): pod patches as YAML, merged over the injected pod as
// Kubernetes merges patches (strategic merge: lists of named things by name). Go template actions are refused, not left as text.
import { CORE_SCHEMA, load } from 'js-yaml';
import { isTree, type Tree, type TreeValue } from '../install/set-flag.ts';
import type { Pod } from '../kube/pod.ts';
import { PROXY_CONTAINER } from './proxy-container.ts';

/** Pods choose them beside or instead of custom ones. */
export const BUILT_IN_TEMPLATES = ['sidecar', 'gateway'] as const;
const TEMPLATE_CHARACTERS = 256 << 10;

/** What names an item of these lists, by Kubernetes' own `patchMergeKey`; every other list is replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  volumes: 'name',
  env: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  ports: 'containerPort',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  resourceClaims: 'name',
  topologySpreadConstraints: 'topologyKey',
};

export function readTemplate(text: string): { readonly patch: Tree } | { readonly problem: string } {
  if (text.length > TEMPLATE_CHARACTERS) return { problem: `more than ${TEMPLATE_CHARACTERS} characters` };
  const action = text.split('\n').findIndex((line) => line.includes('{{'));
  if (action >= 0)
    return {
      problem: `line ${action + 1} has a Go template action ({{ … }}), which is not run here: write the value itself`,
    };
  try {
    const value = load(text, { schema: CORE_SCHEMA });
    if (value === null || value === undefined) return { patch: {} };
    if (!isTree(value)) return { problem: 'expected a mapping with metadata or spec, as YAML' };
    const other = Object.keys(value).find((key) => key !== 'metadata' && key !== 'spec');
    return other === undefined
      ? { patch: value }
      : { problem: `"${other}" is no part of a pod's template: metadata or spec` };
  } catch (error) {
    return { problem: `no YAML: ${(error as Error).message.split('\n')[0]}` };
  }
}

/** The pod with the patches over it, in order; a name is the container's wherever it is. */
export function applyTemplates(pod: Pod, patches: readonly Tree[]): Pod {
  return patches.reduce<Pod>(
    (one, patch) => merged(one as unknown as Tree, toProxy(one, patch)) as unknown as Pod,
    pod,
  );
}

/** Templates name the proxy among the containers, also where it is a native sidecar. */
function toProxy(pod: Pod, patch: Tree): Tree {
  const spec = isTree(patch['spec']) ? patch['spec'] : {};
  const containers = Array.isArray(spec['containers']) ? spec['containers'] : [];
  const native = pod.spec.initContainers?.some(({ name }) => name === PROXY_CONTAINER) === true;
  const isProxy = (one: TreeValue): boolean => isTree(one) && one['name'] === PROXY_CONTAINER;
  const own = containers.filter(isProxy);
  if (!native || own.length === 0) return patch;
  const { containers: _, initContainers: inits, ...rest } = spec;
  const others = containers.filter((one) => !isProxy(one));
  return {
    ...patch,
    spec: {
      ...rest,
      ...(others.length === 0 ? {} : { containers: others }),
      initContainers: [...(Array.isArray(inits) ? inits : []), ...own],
    },
  };
}

function merged(target: Tree, patch: Tree): Tree {
  const result: Record<string, TreeValue> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch') continue;
    const former = target[key];
    if (value === null) delete result[key];
    else if (Array.isArray(value))
      result[key] = mergedList(Array.isArray(former) ? former : [], value, MERGE_KEYS[key]);
    else result[key] = isTree(value) ? merged(isTree(former) ? former : {}, value) : value;
  }
  return result;
}

function mergedList(target: readonly TreeValue[], patch: readonly TreeValue[], by: string | undefined): TreeValue[] {
  if (by === undefined) return [...patch];
  const result = [...target];
  for (const item of patch) {
    if (!isTree(item)) continue;
    const at = result.findIndex((one) => isTree(one) && one[by] === item[by]);
    if (item['$patch'] === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (at < 0) result.push(item);
    else result[at] = merged(result[at] as Tree, item);
  }
  return result;
}
