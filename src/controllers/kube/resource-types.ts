// The kinds that an installation writes, lists or removes, and where the API server keeps them.
import { type KubeObject, type ResourceType, RESOURCES } from '#kube';

function type(group: string, version: string, plural: string, kind: string, namespaced = true): ResourceType {
  return { group, version, plural, kind, namespaced };
}

/** In the order in which they are applied; removed the other way round. */
export const INSTALLED_TYPES: readonly ResourceType[] = [
  RESOURCES.namespaces,
  RESOURCES.crds,
  type('', 'v1', 'serviceaccounts', 'ServiceAccount'),
  RESOURCES.configMaps,
  type('rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole', false),
  type('rbac.authorization.k8s.io', 'v1', 'clusterrolebindings', 'ClusterRoleBinding', false),
  type('rbac.authorization.k8s.io', 'v1', 'roles', 'Role'),
  type('rbac.authorization.k8s.io', 'v1', 'rolebindings', 'RoleBinding'),
  RESOURCES.services,
  RESOURCES.deployments,
  type('apps', 'v1', 'daemonsets', 'DaemonSet'),
  type('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget'),
  type('autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler'),
  RESOURCES.mutatingWebhooks,
  RESOURCES.validatingWebhooks,
];

export function typeOf(object: KubeObject): ResourceType {
  const found = INSTALLED_TYPES.find((one) => one.kind === object.kind);
  if (found === undefined) throw new RangeError(`${String(object.kind)} is no kind that an installation has`);
  return found;
}

export function textOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? `${object.kind} ${name}` : `${object.kind} ${namespace}/${name}`;
}
