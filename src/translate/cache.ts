// Remembers what a generator made of its inputs, so that proxies whose inputs are equal share one encoded resource (design 9).

import type { XdsResource } from '#base';
import { TRANSLATION_LIMITS } from './limits.ts';

/** Objects are compared by identity: whatever goes in must be frozen and keep its identity while it is the same. */
export type KeyPart = string | number | boolean | undefined | object | readonly KeyPart[];

export class TranslationCache {
  readonly #ids = new WeakMap<object, number>();
  readonly #resources = new Generations<XdsResource>(TRANSLATION_LIMITS.cachedResources);
  readonly #values = new Generations<unknown>(TRANSLATION_LIMITS.cachedValues);
  readonly #owned = new WeakMap<object, Map<string, unknown>>();
  #nextId = 1;
  hits = 0;
  misses = 0;

  /** Runs `make` once for equal keys. The key must hold everything that `make` reads. */
  resource(key: readonly KeyPart[], make: () => XdsResource): XdsResource {
    return this.#remember(this.#resources, this.keyOf(key), make);
  }

  value<T>(key: readonly KeyPart[], make: () => T): T {
    return this.#remember(this.#values as Generations<T>, this.keyOf(key), make);
  }

  /** As `value`, for what is large and of one snapshot: it goes when `owner` does. */
  owned<T>(owner: object, key: readonly KeyPart[], make: () => T): T {
    let values = this.#owned.get(owner);
    if (values === undefined) {
      values = new Map();
      this.#owned.set(owner, values);
    }
    const text = this.keyOf(key);
    const known = values.get(text) as T | undefined;
    if (known !== undefined) return known;
    const made = make();
    values.set(text, made);
    return made;
  }

  keyOf(parts: readonly KeyPart[]): string {
    let text = '';
    for (const part of parts) text += `${this.#partOf(part)}\u0001`;
    return text;
  }

  /** The same number for the same object, as long as it lives. */
  idOf(object: object): number {
    let id = this.#ids.get(object);
    if (id === undefined) {
      id = this.#nextId++;
      this.#ids.set(object, id);
    }
    return id;
  }

  #partOf(part: KeyPart): string {
    if (typeof part === 'object')
      return Array.isArray(part) ? `[${this.keyOf(part as readonly KeyPart[])}]` : `#${this.idOf(part)}`;
    return typeof part === 'string' ? part : `=${String(part)}`;
  }

  #remember<T>(entries: Generations<T>, key: string, make: () => T): T {
    const known = entries.get(key);
    if (known !== undefined) {
      this.hits++;
      return known;
    }
    this.misses++;
    const made = make();
    entries.set(key, made);
    return made;
  }
}

/** Keeps what was used of late: what nobody asked for while half of the limit was used or made anew is let go. A hit costs one look-up. */
class Generations<T> {
  readonly #limit: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): T | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: T): void {
    if (this.#young.size >= this.#limit / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
