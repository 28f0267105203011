// Which objects a resource set comes from; computed once per shared inner map, not per proxy.
import { LayeredResources, type ObjectRef, type ResourceSet, type XdsResource } from '#base';

export class ObjectIndex {
  readonly #keys = new WeakMap<ReadonlyMap<string, XdsResource>, ReadonlySet<string>>();

  has(resources: ResourceSet, object: ObjectRef): boolean {
    const key = keyOf(object);
    for (const map of resources.values()) {
      const layers = map instanceof LayeredResources ? map.layers : [map];
      if (layers.some((layer) => this.#keysOf(layer).has(key))) return true;
    }
    return false;
  }

  #keysOf(map: ReadonlyMap<string, XdsResource>): ReadonlySet<string> {
    const known = this.#keys.get(map);
    if (known !== undefined) return known;
    const keys = new Set<string>();
    for (const resource of map.values()) for (const origin of resource.origins) keys.add(keyOf(origin));
    this.#keys.set(map, keys);
    return keys;
  }
}

function keyOf(object: ObjectRef): string {
  return `${object.kind}/${object.namespace}/${object.name}`;
}
