// The node agent that installs the CNI plugin: service account, rights, DaemonSet. Names and rights are Istio's.
import type { KubeObject } from '#kube';
import { type Naming, labelled } from './naming.ts';
import type { CniSettings, InstallSettings } from './settings.ts';

const RBAC = 'rbac.authorization.k8s.io';
const ACCOUNT = 'istio-cni';
const NODE_AGENT = 'istio-cni-node';
/** Where the agent leaves the plugin's credentials; the plugin finds them by the same path on the node. */
export const CNI_RUN_FOLDER = '/var/run/topsail-cni';
/** Where the node's folders are in the agent's container. */
export const CNI_MOUNTS = { bin: '/host/opt/cni/bin', conf: '/host/etc/cni/net.d', proc: '/host/proc' } as const;
export const CNI_READY_PORT = 8000;
export const CNI_METRICS_PORT = 15014;

/** What the agent is told, as JSON in `TOPSAIL_CNI`. */
export type CniAgentConfig = Pick<CniSettings, 'binDir' | 'confDir' | 'confFile' | 'chained' | 'repair'> & {
  readonly excludeNamespaces: readonly string[];
};

export function cniObjects(settings: InstallSettings, naming: Naming, cni: CniSettings): readonly KubeObject[] {
  const { namespace } = cni;
  const meta = labelled(naming, 'Cni', { 'k8s-app': NODE_AGENT });
  const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }];
  const bound = (kind: 'ClusterRole' | 'Role', name: string, where?: string): KubeObject => ({
    apiVersion: `${RBAC}/v1`,
    kind: `${kind}Binding`,
    metadata: meta(name, where),
    roleRef: { apiGroup: RBAC, kind, name },
    subjects,
  });
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(ACCOUNT, namespace) },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata: meta(ACCOUNT),
      // Labels and removals are repair's.
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch', 'patch', 'delete'] }],
    },
    bound('ClusterRole', ACCOUNT),
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'Role',
      metadata: meta(ACCOUNT, namespace),
      // An agent that ends asks whether another one follows it.
      rules: [{ apiGroups: ['apps'], resources: ['daemonsets'], resourceNames: [NODE_AGENT], verbs: ['get'] }],
    },
    bound('Role', ACCOUNT, namespace),
    daemonSet(settings, naming, cni),
  ];
}

function daemonSet(settings: InstallSettings, naming: Naming, cni: CniSettings): KubeObject {
  const labels = { 'k8s-app': NODE_AGENT };
  const field = (name: string, fieldPath: string): unknown => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const config = {
    binDir: cni.binDir,
    confDir: cni.confDir,
    confFile: cni.confFile,
    chained: cni.chained,
    excludeNamespaces: cni.excludeNamespaces,
    repair: cni.repair,
  };
  const container = {
    name: 'install-cni',
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: ['cni', 'node', '--log-level', cni.logLevel],
    ports: [{ name: 'metrics', containerPort: CNI_METRICS_PORT, protocol: 'TCP' }],
    readinessProbe: { httpGet: { path: '/readyz', port: CNI_READY_PORT }, periodSeconds: 1, failureThreshold: 10 },
    env: [
      field('NODE_NAME', 'spec.nodeName'),
      field('POD_NAMESPACE', 'metadata.namespace'),
      { name: 'TOPSAIL_CNI', value: JSON.stringify(config) },
      ...Object.entries(cni.env).map(([name, value]) => ({ name, value })),
    ],
    resources: cni.resources,
    securityContext: {
      // Files of the node are root's; another pod's network namespace is entered to repair it.
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'SYS_PTRACE', 'SYS_ADMIN', 'DAC_OVERRIDE'] },
    },
    volumeMounts: [
      { name: 'cni-bin-dir', mountPath: CNI_MOUNTS.bin },
      { name: 'cni-net-dir', mountPath: CNI_MOUNTS.conf },
      { name: 'cni-run-dir', mountPath: CNI_RUN_FOLDER },
      { name: 'cni-host-procfs', mountPath: CNI_MOUNTS.proc, readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
  const host = (name: string, path: string, type: string): unknown => ({ name, hostPath: { path, type } });
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: labelled(naming, 'Cni', labels)(NODE_AGENT, cni.namespace),
    spec: {
      selector: { matchLabels: labels },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      template: {
        metadata: {
          labels: { ...labels, 'sidecar.istio.io/inject': 'false', 'istio.io/dataplane-mode': 'none' },
          annotations: {
            'prometheus.io/port': String(CNI_METRICS_PORT),
            'prometheus.io/path': '/metrics',
            'prometheus.io/scrape': 'true',
            'container.apparmor.security.beta.kubernetes.io/install-cni': 'unconfined',
            ...cni.annotations,
          },
        },
        spec: {
          serviceAccountName: ACCOUNT,
          // Pods that need it come after it.
          priorityClassName: 'system-node-critical',
          terminationGracePeriodSeconds: 10,
          nodeSelector: { 'kubernetes.io/os': 'linux', ...cni.nodeSelector },
          tolerations: [
            { effect: 'NoSchedule', operator: 'Exists' },
            { effect: 'NoExecute', operator: 'Exists' },
            ...cni.tolerations,
          ],
          containers: [container],
          volumes: [
            host('cni-bin-dir', cni.binDir, 'DirectoryOrCreate'),
            host('cni-net-dir', cni.confDir, 'DirectoryOrCreate'),
            host('cni-run-dir', CNI_RUN_FOLDER, 'DirectoryOrCreate'),
            host('cni-host-procfs', '/proc', 'Directory'),
            { name: 'tmp', emptyDir: {} },
          ],
          ...(settings.imagePullSecrets.length === 0
            ? {}
            : { imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })) }),
        },
      },
    },
  };
}
