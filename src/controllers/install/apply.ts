// Brings a cluster to a manifest by server-side apply, removes what an earlier one of ours left, and waits until it runs.
import type { Clock } from '#base';
import { type KubeClient, type KubeObject, type KubeResult, type ResourceType, RESOURCES } from '#kube';
import { INSTALLED_TYPES, textOf, typeOf } from '../kube/resource-types.ts';
import type { Component } from './manifest.ts';
import { OWNER, OWNER_LABEL, REVISION_LABEL } from './naming.ts';

export class InstallError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

export interface ApplyOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly progress: (event: Progress) => void;
}

export type Progress =
  | { readonly kind: 'begun' | 'done'; readonly title: string }
  | { readonly kind: 'waiting'; readonly title: string; readonly for: readonly string[] }
  | { readonly kind: 'pruned'; readonly object: string };

const LOOK_MS = 300;

export async function applyComponents(components: readonly Component[], options: ApplyOptions): Promise<void> {
  const { client, clock, timeoutMs, progress } = options;
  const deadline = clock.now() + timeoutMs;
  for (const component of components) {
    progress({ kind: 'begun', title: component.title });
    for (const object of component.objects) {
      // A namespace that is there already is somebody's: it keeps its labels, and stays when we go.
      if (object.kind === 'Namespace' && (await client.get(typeOf(object), placeOf(object))).ok) continue;
      const applied = await client.apply(typeOf(object), object, { force: true });
      if (!applied.ok) throw new InstallError(`${textOf(object)}: ${applied.error.message}`, applied.error.remedy);
    }
    await untilReady(component, deadline, options);
    progress({ kind: 'done', title: component.title });
  }
}

async function untilReady(
  component: Component,
  deadline: number,
  { client, clock, progress }: ApplyOptions,
): Promise<void> {
  let told = '';
  for (;;) {
    const waiting: string[] = [];
    for (const object of component.objects) {
      const reason = READINESS[object.kind ?? ''];
      if (reason === undefined) continue;
      const found = await client.get(typeOf(object), placeOf(object));
      const why = found.ok ? reason(found.value) : found.error.message;
      if (why !== undefined) waiting.push(`${textOf(object)}: ${why}`);
    }
    if (waiting.length === 0) return;
    if (clock.now() > deadline)
      throw new InstallError(
        `${component.title} did not become ready:\n  ${waiting.join('\n  ')}`,
        'look at its pods: kubectl -n istio-system get pods, kubectl -n istio-system describe pod NAME',
      );
    const text = waiting.join('\n');
    if (text !== told) progress({ kind: 'waiting', title: component.title, for: waiting });
    told = text;
    await new Promise<void>((resolve) => void clock.setTimer(LOOK_MS, resolve));
  }
}

/** Every object of the manifest with what is wrong with it in the cluster. */
export async function componentStates(
  client: KubeClient,
  components: readonly Component[],
): Promise<readonly { readonly object: string; readonly problem: string | undefined }[]> {
  const states: { object: string; problem: string | undefined }[] = [];
  for (const object of components.flatMap(({ objects }) => objects)) {
    const found = await client.get(typeOf(object), placeOf(object));
    const problem = found.ok
      ? (READINESS[object.kind ?? '']?.(found.value) ?? stopped(found.value))
      : found.error.code === 'kube_not_found'
        ? 'missing'
        : found.error.message;
    states.push({ object: textOf(object), problem });
  }
  return states;
}

/** As many pods as were asked for, but none were. */
function stopped(object: KubeObject): string | undefined {
  const { replicas } = (object['spec'] ?? {}) as { replicas?: number };
  return replicas === 0 ? 'scaled to no pods' : undefined;
}

/** Undefined: ready; else what is missing. */
const READINESS: Readonly<Record<string, (object: KubeObject) => string | undefined>> = {
  CustomResourceDefinition: (object) => (condition(object, 'Established') ? undefined : 'not established'),
  Deployment: (object) => {
    const status = (object['status'] ?? {}) as {
      observedGeneration?: number;
      availableReplicas?: number;
      updatedReplicas?: number;
    };
    const replicas = ((object['spec'] ?? {}) as { replicas?: number }).replicas ?? 1;
    if ((status.observedGeneration ?? 0) < (object.metadata.generation ?? 0)) return 'not seen by its controller';
    const ready = Math.min(status.availableReplicas ?? 0, status.updatedReplicas ?? 0);
    return ready >= replicas ? undefined : `${ready} of ${replicas} pods available`;
  },
  DaemonSet: (object) => {
    const status = (object['status'] ?? {}) as {
      observedGeneration?: number;
      desiredNumberScheduled?: number;
      numberAvailable?: number;
      updatedNumberScheduled?: number;
    };
    if ((status.observedGeneration ?? 0) < (object.metadata.generation ?? 0)) return 'not seen by its controller';
    const ready = Math.min(status.numberAvailable ?? 0, status.updatedNumberScheduled ?? 0);
    const wanted = status.desiredNumberScheduled ?? 0;
    return ready >= wanted ? undefined : `on ${ready} of ${wanted} nodes`;
  },
  MutatingWebhookConfiguration: (object) => {
    const hooks = (object['webhooks'] ?? []) as readonly { clientConfig?: { caBundle?: string } }[];
    return hooks.every((hook) => (hook.clientConfig?.caBundle ?? '') !== '')
      ? undefined
      : 'the control plane has not signed in yet (no caBundle)';
  },
};

function condition(object: KubeObject, type: string): boolean {
  // A kind that was made a moment ago has null.
  const status = (object['status'] ?? {}) as { conditions?: readonly { type: string; status: string }[] | null };
  const conditions = status.conditions ?? [];
  return conditions.some((one) => one.type === type && one.status === 'True');
}

/** Removes objects of this owner and revision that are in no component; kinds and namespaces stay. */
export async function prune(
  components: readonly Component[],
  revision: string,
  { client, progress }: ApplyOptions,
): Promise<void> {
  for (const object of await superfluous(components, revision, client)) {
    const gone = await remove(client, object);
    if (!gone.ok && gone.error.code !== 'kube_not_found')
      throw new InstallError(`${textOf(object)}: ${gone.error.message}`, gone.error.remedy);
    progress({ kind: 'pruned', object: textOf(object) });
  }
}

/** What an earlier manifest of this revision had and this one has not. */
export async function superfluous(
  components: readonly Component[],
  revision: string,
  client: KubeClient,
): Promise<readonly KubeObject[]> {
  const wanted = new Set(components.flatMap(({ objects }) => objects.map((one) => textOf(one))));
  return (await owned(client, `${REVISION_LABEL}=${revision}`)).filter(
    (object) =>
      !wanted.has(textOf(object)) &&
      object.kind !== 'Namespace' &&
      object.kind !== 'CustomResourceDefinition' &&
      !isMade(object),
  );
}

/** Tags are made by `tag set`, not by a manifest. */
function isMade(object: KubeObject): boolean {
  return object.metadata.labels?.['istio.io/tag'] !== undefined;
}

/** Everything that carries our owner label, in the order of removal. */
export async function owned(client: KubeClient, selector: string): Promise<readonly KubeObject[]> {
  const found: KubeObject[] = [];
  for (const type of INSTALLED_TYPES.toReversed()) {
    const listed = await client.list(type, {
      labelSelector: `${OWNER_LABEL}=${OWNER}${selector === '' ? '' : `,${selector}`}`,
    });
    if (!listed.ok) throw new InstallError(`${type.kind}: ${listed.error.message}`, listed.error.remedy);
    // Items of a list do not say what they are.
    for (const item of listed.value)
      found.push({
        ...item,
        apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`,
        kind: type.kind,
      });
  }
  return found;
}

export function remove(client: KubeClient, object: KubeObject): Promise<KubeResult<KubeObject>> {
  return client.delete(typeOf(object), placeOf(object));
}

export function placeOf(object: KubeObject): { namespace?: string; name: string } {
  const { namespace, name } = object.metadata;
  return { name, ...(namespace === undefined ? {} : { namespace }) };
}

export interface Foreign {
  readonly object: string;
  readonly why: string;
  readonly isKind: boolean;
}

/** What belongs to another mesh: objects under names that we would write, and control planes and webhooks of an Istio. */
export async function findForeign(client: KubeClient, components: readonly Component[]): Promise<readonly Foreign[]> {
  const found = new Map<string, Foreign>();
  const wanted = new Set(components.flatMap(({ objects }) => objects.map((one) => textOf(one))));
  const note = (object: KubeObject, why: string): void =>
    void found.set(textOf(object), { object: textOf(object), why, isKind: object.kind === 'CustomResourceDefinition' });
  for (const type of INSTALLED_TYPES) {
    if (type.kind === 'Namespace') continue;
    for (const object of await all(client, type)) {
      if (object.metadata.labels?.[OWNER_LABEL] === OWNER) continue;
      if (wanted.has(textOf(object))) note(object, 'has a name that this installation would use, and is not ours');
      else if (isIstio(object)) note(object, 'belongs to another Istio');
    }
  }
  return [...found.values()];
}

function isIstio(object: KubeObject): boolean {
  const labels = object.metadata.labels ?? {};
  if (object.kind === 'Deployment') return labels['app'] === 'istiod';
  return (
    (object.kind === 'MutatingWebhookConfiguration' && labels['app'] === 'sidecar-injector') ||
    (object.kind === 'ValidatingWebhookConfiguration' && labels['app'] === 'istiod')
  );
}

async function all(client: KubeClient, type: ResourceType): Promise<readonly KubeObject[]> {
  const listed = await client.list(type);
  if (!listed.ok) throw new InstallError(`${type.kind}: ${listed.error.message}`, listed.error.remedy);
  return listed.value.map((item) => ({
    ...item,
    apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`,
    kind: type.kind,
  }));
}

/** The namespaces whose pods are injected: what an uninstallation would leave without a control plane. */
export async function enrolledNamespaces(client: KubeClient): Promise<readonly string[]> {
  const listed = await client.list(RESOURCES.namespaces);
  if (!listed.ok) return [];
  return listed.value
    .filter(
      ({ metadata }) =>
        metadata.labels?.['istio-injection'] === 'enabled' || metadata.labels?.['istio.io/rev'] !== undefined,
    )
    .map(({ metadata }) => metadata.name);
}
