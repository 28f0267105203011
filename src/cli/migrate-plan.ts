// What moving from Istio to this mesh means, as data: objects with no or another effect here, the order of namespaces, the way back. Pure.
import { type Complaint, parseManifest } from '#config';
import type { KubeObject } from '#kube';

export interface MigrationFacts {
  /** Objects of Istio's kinds. */
  readonly objects: readonly KubeObject[];
  readonly namespaces: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
  readonly revision: string;
}

export interface MovedObject {
  readonly object: string;
  /** `none`: refused here; `other`: in force without what is named. */
  readonly effect: 'none' | 'other';
  readonly reasons: readonly string[];
}

export interface MovedNamespace {
  readonly namespace: string;
  readonly pods: number;
  /** Pods that strangers come in by: they move when everything behind them has. */
  readonly gateways: number;
  readonly forth: readonly string[];
  readonly back: readonly string[];
}

export interface MigrationPlan {
  readonly checked: number;
  readonly objects: readonly MovedObject[];
  readonly namespaces: readonly MovedNamespace[];
}

const INJECTION = 'istio-injection';
const REVISION = 'istio.io/rev';
const SYSTEM = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

export function planMigration({ objects, namespaces, pods, revision }: MigrationFacts): MigrationPlan {
  return {
    checked: objects.length,
    objects: objects.flatMap(judged),
    namespaces: namespaces
      .filter(({ metadata }) => !SYSTEM.has(metadata.name))
      .flatMap((one) => moved(one, pods, revision))
      .sort((a, b) => a.gateways - b.gateways || a.pods - b.pods || (a.namespace < b.namespace ? -1 : 1)),
  };
}

function judged(object: KubeObject): readonly MovedObject[] {
  const { name, namespace } = object.metadata;
  const { object: parsed, complaints } = parseManifest(object, { defaultNamespace: namespace ?? 'default' });
  const errors = complaints.filter(({ severity }) => severity === 'error');
  const warnings = complaints.filter(({ severity }) => severity === 'warning');
  const text = `${object.kind} ${namespace}/${name}`;
  if (parsed === undefined) return [{ object: text, effect: 'none', reasons: errors.map(reason) }];
  return warnings.length === 0 ? [] : [{ object: text, effect: 'other', reasons: warnings.map(reason) }];
}

function reason({ path, message, remedy }: Complaint): string {
  return [path === '' ? '' : `${path}: `, message, remedy === '' ? '' : ` ${remedy}`].join('');
}

function moved(namespace: KubeObject, pods: readonly KubeObject[], revision: string): readonly MovedNamespace[] {
  const { name, labels = {} } = namespace.metadata;
  const [injection, rev] = [labels[INJECTION], labels[REVISION]];
  const own = pods.filter(({ metadata }) => metadata.namespace === name);
  const enrolled = own.filter(({ metadata }) => metadata.annotations?.['sidecar.istio.io/status'] !== undefined);
  const gateways = own.filter(({ metadata }) => isGateway(metadata.labels ?? {}));
  if (rev === revision || (injection !== 'enabled' && rev === undefined && enrolled.length + gateways.length === 0))
    return [];
  const label = (pairs: string): string => `kubectl label namespace ${name} ${pairs} --overwrite`;
  const restart = `kubectl -n ${name} rollout restart deployment,statefulset,daemonset`;
  // The old label goes in the same step: two meshes never mean the same pod.
  const forth = label(`${injection === undefined ? '' : `${INJECTION}- `}${REVISION}=${revision}`);
  const before = [
    injection === undefined ? '' : `${INJECTION}=${injection}`,
    rev === undefined ? `${REVISION}-` : `${REVISION}=${rev}`,
  ];
  const back = label(before.filter((one) => one !== '').join(' '));
  return [
    {
      namespace: name,
      pods: Math.max(enrolled.length, own.length),
      gateways: gateways.length,
      forth: [forth, restart],
      back: [back, restart],
    },
  ];
}

function isGateway(labels: Readonly<Record<string, string>>): boolean {
  return (
    labels['gateway.networking.k8s.io/gateway-name'] !== undefined ||
    ['ingressgateway', 'egressgateway', 'eastwestgateway'].includes(labels['istio'] ?? '')
  );
}
