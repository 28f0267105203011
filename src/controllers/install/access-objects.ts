// The control plane's service account and what it may do in the cluster.
import type { KubeObject } from '#kube';
import { type Naming, labelled } from './naming.ts';

const READ = ['get', 'list', 'watch'];
const WRITE = [...READ, 'create', 'update', 'patch', 'delete'];
export const MESH_GROUPS = [
  'networking.istio.io',
  'security.istio.io',
  'telemetry.istio.io',
  'extensions.istio.io',
  'topsail.io',
];
const RBAC = 'rbac.authorization.k8s.io';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

function rules(): readonly Rule[] {
  return [
    { apiGroups: [''], resources: ['pods', 'nodes', 'services', 'namespaces', 'endpoints'], verbs: READ },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
    // Gateways' certificates; the authority's own secret is written in its namespace only.
    { apiGroups: [''], resources: ['secrets'], verbs: READ },
    { apiGroups: [''], resources: ['configmaps'], verbs: WRITE },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    { apiGroups: MESH_GROUPS, resources: ['*'], verbs: READ },
    {
      apiGroups: ['networking.istio.io'],
      resources: ['workloadentries', 'workloadentries/status', 'serviceentries/status'],
      verbs: WRITE,
    },
    { apiGroups: MESH_GROUPS, resources: ['*/status'], verbs: ['get', 'patch', 'update'] },
    { apiGroups: ['gateway.networking.k8s.io'], resources: ['*'], verbs: [...READ, 'create', 'update', 'patch'] },
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingressclasses'], verbs: READ },
    { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: READ },
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      verbs: [...READ, 'update', 'patch'],
    },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  ];
}

/** A Gateway of the Gateway API is deployed in its own namespace, wherever that is. */
function gatewayRules(): readonly Rule[] {
  return [
    { apiGroups: ['apps'], resources: ['deployments'], verbs: WRITE },
    { apiGroups: [''], resources: ['services', 'serviceaccounts'], verbs: WRITE },
  ];
}

function ownRules(): readonly Rule[] {
  return [
    { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'get', 'watch', 'list', 'update', 'patch', 'delete'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: WRITE },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: WRITE },
  ];
}

/** Approving needs the right over the signer by its name: no list of names would be a right over all. */
function signerRules(signers: readonly string[]): readonly Rule[] {
  const apiGroups = ['certificates.k8s.io'];
  return [
    { apiGroups, resources: ['certificatesigningrequests'], verbs: ['create', 'get', 'delete'] },
    { apiGroups, resources: ['certificatesigningrequests/approval'], verbs: ['update'] },
    { apiGroups, resources: ['signers'], resourceNames: signers, verbs: ['approve'] },
  ];
}

/** What only those need who ask for it, by a role of its own. */
function further(naming: Naming, title: string, own: readonly Rule[]): readonly KubeObject[] {
  const { namespace, suffix } = naming;
  const name = `istiod-${title}${suffix}-${namespace}`;
  const account = `istiod${suffix}`;
  const meta = labelled(naming, 'Pilot', { app: 'istiod' });
  return [
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: meta(name), rules: own },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: meta(name),
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    },
  ];
}

export interface FurtherAccess {
  /** Those of the cluster that the control plane may have sign for workloads. */
  readonly signers: readonly string[];
  /** It takes a taint from nodes. */
  readonly untaints: boolean;
}

export function accessObjects(naming: Naming, { signers, untaints }: FurtherAccess): readonly KubeObject[] {
  const { namespace, suffix } = naming;
  const account = `istiod${suffix}`;
  const cluster = `istiod-clusterrole${suffix}-${namespace}`;
  const deployer = `istiod-gateway-controller${suffix}-${namespace}`;
  const subjects = [{ kind: 'ServiceAccount', name: account, namespace }];
  const meta = labelled(naming, 'Pilot', { app: 'istiod' });
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(account, namespace) },
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: meta(cluster), rules: rules() },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: meta(cluster),
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: cluster },
      subjects,
    },
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: meta(deployer), rules: gatewayRules() },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: meta(deployer),
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: deployer },
      subjects,
    },
    { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: meta(account, namespace), rules: ownRules() },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata: meta(account, namespace),
      roleRef: { apiGroup: RBAC, kind: 'Role', name: account },
      subjects,
    },
    ...(signers.length === 0 ? [] : further(naming, 'signers', signerRules(signers))),
    ...(untaints ? further(naming, 'untaint', [{ apiGroups: [''], resources: ['nodes'], verbs: ['patch'] }]) : []),
  ];
}
