// Resources of one proxy as layers: most are shared by all proxies of a class, a few are its own, and no map of thousands is made per proxy.

import type { XdsResource } from './resource.ts';

type Resources = ReadonlyMap<string, XdsResource>;

/** No name may be in two layers. */
export class LayeredResources implements Resources {
  readonly layers: readonly Resources[];
  readonly size: number;

  constructor(layers: readonly Resources[]) {
    this.layers = layers;
    this.size = layers.reduce((sum, layer) => sum + layer.size, 0);
  }

  get(name: string): XdsResource | undefined {
    for (const layer of this.layers) {
      const found = layer.get(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.layers.some((layer) => layer.has(name));
  }

  forEach(visit: (value: XdsResource, key: string, map: Resources) => void): void {
    for (const [name, resource] of this) visit(resource, name, this);
  }

  *entries(): MapIterator<[string, XdsResource]> {
    for (const layer of this.layers) yield* layer.entries();
  }

  *keys(): MapIterator<string> {
    for (const layer of this.layers) yield* layer.keys();
  }

  *values(): MapIterator<XdsResource> {
    for (const layer of this.layers) yield* layer.values();
  }

  [Symbol.iterator](): MapIterator<[string, XdsResource]> {
    return this.entries();
  }
}
