// What applying a manifest would do to the cluster's objects: the API server itself says it, by a server-side apply that is not kept.
import type { KubeClient, KubeObject } from '#kube';
import { textOf, typeOf } from '../kube/resource-types.ts';
import { placeOf, superfluous } from './apply.ts';
import type { Component } from './manifest.ts';

export interface ObjectPlan {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** `OBJECT: why the API server would not take it`. */
  readonly refused: readonly string[];
  readonly unchanged: number;
}

/** Kept by the API server, not by whoever writes the object. */
const BOOKKEEPING = ['managedFields', 'resourceVersion', 'generation', 'creationTimestamp', 'uid'];

export async function planObjects(
  client: KubeClient,
  components: readonly Component[],
  revision: string,
): Promise<ObjectPlan> {
  const objects = components.flatMap((one) => one.objects);
  const [outcomes, removed] = await Promise.all([
    Promise.all(objects.map(async (object) => ({ object, outcome: await outcomeOf(client, object) }))),
    superfluous(components, revision, client),
  ]);
  const named = (wanted: Outcome): readonly string[] =>
    outcomes.filter(({ outcome }) => outcome === wanted).map(({ object }) => textOf(object));
  return {
    added: named('added'),
    changed: named('changed'),
    removed: removed.map(textOf),
    refused: outcomes.flatMap(({ object, outcome }) =>
      typeof outcome === 'string' ? [] : [`${textOf(object)}: ${outcome.refused}`],
    ),
    unchanged: named('unchanged').length,
  };
}

type Outcome = 'added' | 'changed' | 'unchanged' | { readonly refused: string };

async function outcomeOf(client: KubeClient, object: KubeObject): Promise<Outcome> {
  const present = await client.get(typeOf(object), placeOf(object));
  if (!present.ok) return present.error.code === 'kube_not_found' ? 'added' : { refused: present.error.message };
  // One that is there keeps its labels: install leaves it as it is.
  if (object.kind === 'Namespace') return 'unchanged';
  const next = await client.apply(typeOf(object), object, { force: true, dryRun: true });
  if (!next.ok) return { refused: next.error.message };
  return written(next.value) === written(present.value) ? 'unchanged' : 'changed';
}

function written(object: KubeObject): string {
  const without = (fields: object, names: readonly string[]): object =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
  const own = { ...without(object, ['status']), metadata: without(object.metadata, BOOKKEEPING) };
  // Ignore until the control plane serves, which sets it to Fail: install and it take turns.
  return JSON.stringify(own, (key, value: unknown) => (key === 'failurePolicy' ? undefined : value));
}
