// Which virtual host serves an authority: exact name, then longest suffix (*.a), then longest prefix (a.*), then "*" (Envoy's VirtualHost.domains).

import { ConfigError } from '../errors.ts';

export class DomainTable<V> {
  readonly #exact = new Map<string, V>();
  readonly #suffix = new Map<string, V>();
  readonly #prefix = new Map<string, V>();
  #suffixLengths: readonly number[] = [];
  #prefixLengths: readonly number[] = [];
  #any: V | undefined;

  /** Names are compared in lower case. Throws when two hosts claim one domain. */
  constructor(entries: Iterable<readonly [domain: string, host: V]>, field: string) {
    for (const [domain, host] of entries) this.#add(domain.toLowerCase(), host, field);
    const lengths = (map: Map<string, V>): number[] => [...new Set([...map.keys()].map((key) => key.length))].sort((a, b) => b - a);
    this.#suffixLengths = lengths(this.#suffix);
    this.#prefixLengths = lengths(this.#prefix);
  }

  /** `authority` in lower case. A wildcard stands for at least one character. */
  find(authority: string): V | undefined {
    const exact = this.#exact.get(authority);
    if (exact !== undefined) return exact;
    for (const length of this.#suffixLengths) {
      if (length >= authority.length) continue;
      const host = this.#suffix.get(authority.slice(authority.length - length));
      if (host !== undefined) return host;
    }
    for (const length of this.#prefixLengths) {
      if (length >= authority.length) continue;
      const host = this.#prefix.get(authority.slice(0, length));
      if (host !== undefined) return host;
    }
    return this.#any;
  }

  #add(domain: string, host: V, field: string): void {
    if (domain === '*') {
      if (this.#any !== undefined) throw duplicate(domain, field);
      this.#any = host;
      return;
    }
    const [map, key] = domain.startsWith('*') ? [this.#suffix, domain.slice(1)] : domain.endsWith('*') ? [this.#prefix, domain.slice(0, -1)] : [this.#exact, domain];
    if (key.includes('*')) throw new ConfigError('proxy.field-invalid', field, `"${domain}": a wildcard stands only at the beginning or at the end`);
    if (map.has(key)) throw duplicate(domain, field);
    map.set(key, host);
  }
}

function duplicate(domain: string, field: string): ConfigError {
  return new ConfigError('proxy.field-invalid', field, `two virtual hosts claim the domain "${domain}"`);
}

/** Without ":port"; an IPv6 address keeps its brackets. */
export function stripPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.indexOf(']', colon) >= 0) return authority;
  for (let i = colon + 1; i < authority.length; i++) {
    const c = authority.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return authority;
  }
  return authority.slice(0, colon);
}
