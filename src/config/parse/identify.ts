// Says which kind a manifest is of, from its apiVersion and kind.

import { nearest } from '#base';
import { INSTEAD_OF_GROUP } from '../model/instead.ts';
import { KIND_NAMES, type KindInfo, KINDS, type KindName } from '../model/kinds.ts';
import type { Problems } from '../problem.ts';
import { shown } from '../problem.ts';

/** Kubernetes' own kinds that a folder of manifests may hold although the mesh does not read them. */
const NOT_READ = new Set([
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'Pod',
  'Job',
  'CronJob',
  'HorizontalPodAutoscaler',
  'PodDisruptionBudget',
  'NetworkPolicy',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'StorageClass',
  'Role',
  'RoleBinding',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'LimitRange',
  'ResourceQuota',
  'PriorityClass',
]);

const byManifest = new Map<string, KindName>(
  KIND_NAMES.map((name) => [`${KINDS[name].group}/${KINDS[name].manifest}`, name]),
);

export type Identity =
  | { readonly known: true; readonly kind: KindName; readonly info: KindInfo }
  | { readonly known: false };

export function identify(manifest: Readonly<Record<string, unknown>>, problems: Problems): Identity {
  const { apiVersion, kind } = manifest as { apiVersion?: unknown; kind?: unknown };
  for (const [field, value] of [
    ['apiVersion', apiVersion],
    ['kind', kind],
  ] as const) {
    if (value === undefined || value === null) problems.say('TS-CFG-0005', [], { field });
    else if (typeof value !== 'string')
      problems.say('TS-CFG-0102', [field], { field, expected: 'text', found: shown(value) });
  }
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return { known: false };
  const slash = apiVersion.indexOf('/');
  const group = slash === -1 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const name = byManifest.get(`${group}/${kind}`);
  if (name === undefined) {
    unknown(group, apiVersion, kind, problems);
    return { known: false };
  }
  const info: KindInfo = KINDS[name];
  if (!info.versions.includes(version)) {
    const expected = info.versions.map((v) => (group === '' ? v : `${group}/${v}`)).join(', ');
    problems.say('TS-CFG-0007', ['apiVersion'], { kind, apiVersion }, { expected });
    return { known: false };
  }
  return { known: true, kind: name, info };
}

function unknown(group: string, apiVersion: string, kind: string, problems: Problems): void {
  if (kind === 'IstioOperator') return problems.say('TS-CFG-0014', ['kind'], { kind });
  const instead = INSTEAD_OF_GROUP[group];
  if (instead !== undefined) return problems.say('TS-CFG-0203', ['kind'], { kind, instead });
  if (NOT_READ.has(kind) && !group.endsWith('istio.io')) return problems.say('TS-CFG-0015', ['kind'], { kind });
  const kinds = KIND_NAMES.filter((name) => KINDS[name].manifest === kind);
  const expected = kinds
    .map((name) => `${KINDS[name].group === '' ? '' : `${KINDS[name].group}/`}${KINDS[name].versions[0]}`)
    .join(', ');
  const near = kinds.length > 0 ? expected : nearest(kind, KIND_NAMES);
  problems.say('TS-CFG-0006', [kinds.length > 0 ? 'apiVersion' : 'kind'], { kind, apiVersion }, { nearest: near });
}
