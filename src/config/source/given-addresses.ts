// Virtual addresses that statuses of ServiceEntries say their hosts were given, before this program began or by another replica.

import type { KubeObject } from '#kube';

interface Told {
  /** RFC 3339 in UTC: sorts as text. */
  readonly created: string;
  readonly addresses: ReadonlyMap<string, string>;
}

/** No part of what configuration means: a status that changes is no change of configuration. */
export class GivenAddresses {
  /** By key of the object, host by host. */
  readonly #byObject = new Map<string, Told>();

  /** An object tells of its own hosts; who may write its status has no say about those of others. */
  seen(key: string, object: KubeObject): void {
    const own = hostsOf(object);
    const found = new Map<string, string>();
    const { addresses } = (object['status'] ?? {}) as { readonly addresses?: unknown };
    for (const one of Array.isArray(addresses) ? (addresses as readonly unknown[]) : []) {
      const { host, value } = (one ?? {}) as { readonly host?: unknown; readonly value?: unknown };
      if (typeof host === 'string' && own.has(host) && typeof value === 'string' && !value.includes(':'))
        found.set(host, value);
    }
    if (found.size === 0) this.#byObject.delete(key);
    else this.#byObject.set(key, { created: String(object.metadata.creationTimestamp ?? ''), addresses: found });
  }

  gone(key: string): void {
    this.#byObject.delete(key);
  }

  /** What the status of one object says. */
  of(key: string): ReadonlyMap<string, string> {
    return this.#byObject.get(key)?.addresses ?? new Map();
  }

  /** Host -> IPv4 address, the oldest object's first: of two that tell of one host it has its way. */
  get all(): ReadonlyMap<string, string> {
    const all = new Map<string, string>();
    const age = ([key, { created }]: [string, Told]): string => `${created} ${key}`;
    for (const [, { addresses }] of [...this.#byObject].sort((a, b) => (age(a) < age(b) ? -1 : 1)))
      for (const [host, address] of addresses) if (!all.has(host)) all.set(host, address);
    return all;
  }
}

function hostsOf(object: KubeObject): ReadonlySet<string> {
  const { hosts } = (object['spec'] ?? {}) as { readonly hosts?: unknown };
  const texts = (Array.isArray(hosts) ? (hosts as readonly unknown[]) : []).filter((one) => typeof one === 'string');
  return new Set(texts.map((one) => one.toLowerCase().replace(/\.$/, '')));
}
