// Virtual addresses that statuses of ServiceEntries say their hosts were given, before this program began or by another replica.

import type { KubeObject } from '#kube';

/** No part of what configuration means: a status that changes is no change of configuration. */
export class GivenAddresses {
  /** By key of the object, host by host. */
  readonly #byObject = new Map<string, ReadonlyMap<string, string>>();

  seen(key: string, object: KubeObject): void {
    const found = new Map<string, string>();
    const { addresses } = (object['status'] ?? {}) as { readonly addresses?: unknown };
    for (const one of Array.isArray(addresses) ? (addresses as readonly unknown[]) : []) {
      const { host, value } = (one ?? {}) as { readonly host?: unknown; readonly value?: unknown };
      if (typeof host === 'string' && typeof value === 'string' && !value.includes(':')) found.set(host, value);
    }
    if (found.size === 0) this.#byObject.delete(key);
    else this.#byObject.set(key, found);
  }

  gone(key: string): void {
    this.#byObject.delete(key);
  }

  /** Host -> IPv4 address; the first object by its key has its way. */
  get all(): ReadonlyMap<string, string> {
    const all = new Map<string, string>();
    for (const key of [...this.#byObject.keys()].sort())
      for (const [host, address] of this.#byObject.get(key) ?? []) if (!all.has(host)) all.set(host, address);
    return all;
  }
}
