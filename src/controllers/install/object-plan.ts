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
  const added: string[] = [];
  const changed: string[] = [];
  const refused: string[] = [];
  let unchanged = 0;
  for (const object of components.flatMap(({ objects }) => objects)) {
    const present = await client.get(typeOf(object), placeOf(object));
    if (!present.ok) {
      if (present.error.code === 'kube_not_found') added.push(textOf(object));
      else refused.push(`${textOf(object)}: ${present.error.message}`);
      continue;
    }
    // One that is there keeps its labels: install leaves it as it is.
    const next =
      object.kind === 'Namespace' ? present : await client.apply(typeOf(object), object, { force: true, dryRun: true });
    if (!next.ok) refused.push(`${textOf(object)}: ${next.error.message}`);
    else if (written(next.value) === written(present.value)) unchanged++;
    else changed.push(textOf(object));
  }
  const removed = (await superfluous(components, revision, client)).map(textOf);
  return { added, changed, removed, refused, unchanged };
}

function written(object: KubeObject): string {
  const without = (fields: object, names: readonly string[]): object =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
  const own = { ...without(object, ['status']), metadata: without(object.metadata, BOOKKEEPING) };
  // Ignore until the control plane serves, which sets it to Fail: install and it take turns.
  return JSON.stringify(own, (key, value: unknown) => (key === 'failurePolicy' ? undefined : value));
}
