// What differs between two sets of resources; computed once for sets that many streams share, layer by layer.
import { LayeredResources, type XdsResource } from '#base';

export type Resources = ReadonlyMap<string, XdsResource>;

export interface Difference {
  /** Of the second set: new, or of another version. */
  readonly changed: readonly XdsResource[];
  /** Names of the first set that the second has not. */
  readonly gone: readonly string[];
}

export const NO_RESOURCES: Resources = new Map();
const NO_DIFFERENCE: Difference = { changed: [], gone: [] };
/** By the later set, then the earlier: both go when their snapshots do. */
const known = new WeakMap<Resources, WeakMap<Resources, Difference>>();

export function differenceOf(before: Resources, after: Resources): Difference {
  if (before === after) return NO_DIFFERENCE;
  if (after instanceof LayeredResources) return layered(before, after);
  let byBefore = known.get(after);
  if (byBefore === undefined) known.set(after, (byBefore = new WeakMap()));
  let found = byBefore.get(before);
  if (found === undefined) byBefore.set(before, (found = compute(before, after)));
  return found;
}

function layered(before: Resources, after: LayeredResources): Difference {
  const layers =
    before.size === 0
      ? []
      : before instanceof LayeredResources && before.layers.length === after.layers.length
        ? before.layers
        : undefined;
  if (layers === undefined) return compute(before, after);
  const parts = after.layers
    .map((layer, i) => differenceOf(layers[i] ?? NO_RESOURCES, layer))
    .filter((part) => part !== NO_DIFFERENCE);
  if (parts.length === 0) return NO_DIFFERENCE;
  return {
    changed: parts.length === 1 ? (parts[0] as Difference).changed : parts.flatMap((part) => part.changed),
    // A name may have moved to another layer.
    gone: parts.flatMap((part) => part.gone).filter((name) => !after.has(name)),
  };
}

function compute(before: Resources, after: Resources): Difference {
  const changed: XdsResource[] = [];
  const gone: string[] = [];
  for (const resource of after.values()) {
    const former = before.get(resource.name);
    if (former !== resource && former?.version !== resource.version) changed.push(resource);
  }
  for (const name of before.keys()) if (!after.has(name)) gone.push(name);
  return changed.length === 0 && gone.length === 0 ? NO_DIFFERENCE : { changed, gone };
}
