// What a client holds of one type to our knowledge: a set of the control plane's own, shared with other streams, and how this client differs from it.
import type { XdsResource } from '#base';
import { differenceOf, NO_RESOURCES, type Resources } from './resource-difference.ts';

/** A resource that the client holds; after a reconnect only its version is known. */
export type Held = XdsResource | { readonly version: string };

export class HeldResources implements Iterable<readonly [string, Held]> {
  #base: Resources = NO_RESOURCES;
  /** Undefined: not held, though the base has it. */
  readonly #own = new Map<string, Held | undefined>();

  get size(): number {
    let size = this.#base.size;
    for (const [name, held] of this.#own) {
      if (held === undefined) size--;
      else if (!this.#base.has(name)) size++;
    }
    return size;
  }

  get(name: string): Held | undefined {
    return this.#own.size > 0 && this.#own.has(name) ? this.#own.get(name) : this.#base.get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  *[Symbol.iterator](): Iterator<readonly [string, Held]> {
    for (const entry of this.#base) if (!this.#own.has(entry[0])) yield entry;
    for (const [name, held] of this.#own) if (held !== undefined) yield [name, held];
  }

  set(name: string, held: Held): void {
    if (this.#base.get(name) === held) this.#own.delete(name);
    else this.#own.set(name, held);
  }

  delete(name: string): void {
    if (this.#base.has(name)) this.#own.set(name, undefined);
    else this.#own.delete(name);
  }

  /** The client holds exactly this: what was noted one by one is let go. */
  adopt(all: Resources): void {
    this.#base = all;
    this.#own.clear();
  }

  /** Of `all`, in its order where nothing is held yet: what is not held in this version. */
  changed(all: Resources): XdsResource[] {
    const out: XdsResource[] = [];
    for (const resource of differenceOf(this.#base, all).changed)
      if (differs(this.get(resource.name), resource)) out.push(resource);
    for (const [name, held] of this.#own) {
      const resource = all.get(name);
      // What differs from the base too was looked at above.
      if (resource !== undefined && !differs(this.#base.get(name), resource) && differs(held, resource))
        out.push(resource);
    }
    return out;
  }

  /** Names that are held and not in `all`. */
  gone(all: Resources): string[] {
    const out: string[] = [];
    for (const name of differenceOf(this.#base, all).gone) if (!this.#own.has(name)) out.push(name);
    for (const [name, held] of this.#own) if (held !== undefined && !all.has(name)) out.push(name);
    return out;
  }
}

function differs(held: Held | undefined, resource: XdsResource): boolean {
  return held !== resource && held?.version !== resource.version;
}
