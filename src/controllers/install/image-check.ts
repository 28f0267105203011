// Asks nodes whether they can obtain an image, before anything is changed: those that do not list it start a pod of it that ends at once.
import type { Clock } from '#base';
import { type KubeClient, type KubeObject, RESOURCES } from '#kube';
import type { InstallSettings } from './settings.ts';

/** Asked at most: what a few cannot have, the others will not have either. */
const NODES_MAX = 3;
const LOOK_MS = 300;
/** Of which the kubelet tells that it gave up; `ErrImagePull` alone may be one try of several. */
const FAILED = new Set(['ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName']);

export type ImageCheck =
  /** No node, or all asked have it. */
  | { readonly kind: 'there' }
  | { readonly kind: 'missing'; readonly node: string; readonly reason: string }
  /** Nobody said: the installation will show it. */
  | { readonly kind: 'unknown'; readonly reason: string };

export interface ImageCheckOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

export async function checkImage(
  settings: Pick<InstallSettings, 'image' | 'imagePullPolicy' | 'imagePullSecrets' | 'namespace'>,
  { client, clock, timeoutMs }: ImageCheckOptions,
): Promise<ImageCheck> {
  const listed = await client.list(RESOURCES.nodes);
  if (!listed.ok) return { kind: 'unknown', reason: listed.error.message };
  const asked = listed.value.filter((node) => isReady(node) && !hasImage(node, settings.image)).slice(0, NODES_MAX);
  if (asked.length === 0) return { kind: 'there' };
  const home = await client.get(RESOURCES.namespaces, { name: settings.namespace });
  const namespace = home.ok ? settings.namespace : 'default';
  const names: string[] = [];
  try {
    for (const { metadata } of asked) {
      const made = await client.create(RESOURCES.pods, probe(settings, namespace, metadata.name));
      if (!made.ok) return { kind: 'unknown', reason: made.error.message };
      names.push(made.value.metadata.name);
    }
    const deadline = clock.now() + timeoutMs;
    const waiting = new Map(names.map((name, i) => [name, asked[i]?.metadata.name ?? '']));
    let last = '';
    while (waiting.size > 0) {
      for (const [name, node] of waiting) {
        const pod = await client.get(RESOURCES.pods, { namespace, name });
        if (!pod.ok) return { kind: 'unknown', reason: pod.error.message };
        const state = stateOf(pod.value);
        if (state.obtained) waiting.delete(name);
        else if (FAILED.has(state.reason)) return { kind: 'missing', node, reason: state.message || state.reason };
        else last = `${node}: ${state.message || state.reason || 'the pod has not begun'}`;
      }
      if (waiting.size > 0 && clock.now() > deadline) return { kind: 'unknown', reason: last };
      if (waiting.size > 0) await new Promise<void>((resolve) => void clock.setTimer(LOOK_MS, resolve));
    }
    return { kind: 'there' };
  } finally {
    for (const name of names) await client.delete(RESOURCES.pods, { namespace, name });
  }
}

/** Bound to its node: the scheduler may have reasons that are none of the image's. */
function probe(
  { image, imagePullPolicy, imagePullSecrets }: Parameters<typeof checkImage>[0],
  namespace: string,
  nodeName: string,
): KubeObject {
  const labels = { 'app.kubernetes.io/managed-by': 'topsail', 'sidecar.istio.io/inject': 'false' };
  const metadata = { name: '', generateName: 'topsail-image-check-', namespace, labels };
  const container = {
    name: 'check',
    image,
    imagePullPolicy,
    args: ['--version'],
    resources: { requests: { cpu: '1m', memory: '16Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
  const spec = {
    nodeName,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    tolerations: [{ operator: 'Exists' }],
    containers: [container],
    ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
  };
  return { metadata: metadata as unknown as KubeObject['metadata'], spec };
}

function isReady(node: KubeObject): boolean {
  const { conditions = [] } = (node['status'] ?? {}) as {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  const { unschedulable = false } = (node['spec'] ?? {}) as { readonly unschedulable?: boolean };
  const os = node.metadata.labels?.['kubernetes.io/os'] ?? 'linux';
  return os === 'linux' && !unschedulable && conditions.some((one) => one.type === 'Ready' && one.status === 'True');
}

function hasImage(node: KubeObject, image: string): boolean {
  const { images = [] } = (node['status'] ?? {}) as {
    readonly images?: readonly { readonly names?: readonly string[] }[];
  };
  return images.some(({ names = [] }) => names.includes(image));
}

function stateOf(pod: KubeObject): { readonly obtained: boolean; readonly reason: string; readonly message: string } {
  const { containerStatuses = [] } = (pod['status'] ?? {}) as {
    readonly containerStatuses?: readonly {
      readonly imageID?: string;
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
  const [status] = containerStatuses;
  const { reason = '', message = '' } = status?.state?.waiting ?? {};
  return { obtained: status !== undefined && status.state?.waiting === undefined, reason, message };
}
