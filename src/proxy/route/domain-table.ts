// Which virtual host serves an authority: exact name, then longest suffix (*.a), then longest prefix (a.*), then "*" (Envoy's VirtualHost.domains).

import type { Steps } from '#base';
import { ConfigError } from '../errors.ts';

/** About 0.1 ms, at ten domains each. */
const HOSTS_PER_STEP = 50;

/** One domain of a virtual host, read once: tables are rebuilt when a single host changes. */
export interface DomainPattern {
  readonly kind: 'exact' | 'suffix' | 'prefix' | 'any';
  /** In lower case, without its wildcard. */
  readonly text: string;
}

/** A star that is neither first nor last is a letter, as in Envoy: no host is called so. */
export function parseDomain(domain: string): DomainPattern {
  const name = domain.toLowerCase();
  if (name === '*') return { kind: 'any', text: '' };
  const kind = name.startsWith('*') ? 'suffix' : name.endsWith('*') ? 'prefix' : 'exact';
  return { kind, text: kind === 'suffix' ? name.slice(1) : kind === 'prefix' ? name.slice(0, -1) : name };
}

export class DomainTable<V> {
  readonly #exact = new Map<string, V>();
  readonly #suffix = new Map<string, V>();
  readonly #prefix = new Map<string, V>();
  #suffixLengths: readonly number[] = [];
  #prefixLengths: readonly number[] = [];
  #any: V | undefined;

  /** Throws when two hosts claim one domain. */
  static *inSteps<V>(
    entries: Iterable<readonly [patterns: readonly DomainPattern[], host: V]>,
    field: string,
  ): Steps<DomainTable<V>> {
    const table = new DomainTable<V>();
    let count = 0;
    for (const [patterns, host] of entries) {
      for (const pattern of patterns) table.#add(pattern, host, field);
      if (++count % HOSTS_PER_STEP === 0) yield;
    }
    const lengths = (map: Map<string, V>): number[] =>
      [...new Set([...map.keys()].map((key) => key.length))].sort((a, b) => b - a);
    table.#suffixLengths = lengths(table.#suffix);
    table.#prefixLengths = lengths(table.#prefix);
    return table;
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

  #add({ kind, text }: DomainPattern, host: V, field: string): void {
    if (kind === 'any') {
      if (this.#any !== undefined) throw duplicate('*', field);
      this.#any = host;
      return;
    }
    const map = kind === 'exact' ? this.#exact : kind === 'suffix' ? this.#suffix : this.#prefix;
    const size = map.size;
    map.set(text, host);
    if (map.size === size) throw duplicate(text, field);
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
