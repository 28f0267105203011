// What a host written in configuration means in the mesh: its services, or the known name nearest to it.

import { nearest } from '#base';
import { resolveHost, type Service, type ServiceIndex } from '#registry';

/** So many different unknown hosts are compared with all names: each snapshot pays for it. */
const MOST_COMPARED = 20;

export interface FoundHost {
  /** The full name. */
  readonly host: string;
  /** The host that it is another name of (ExternalName); `services` are that one's then. */
  readonly otherNameOf: string | undefined;
  /** Of every namespace that has the host; none of its own where a wildcard's service covers it; undefined where nobody declares it. */
  readonly services: readonly Service[] | undefined;
  /** Of a host that nobody declares: what was meant, in the form in which it was written. */
  readonly near: string | undefined;
}

export class KnownHosts {
  readonly #services: ServiceIndex;
  readonly #near = new Map<string, string | undefined>();

  constructor(services: ServiceIndex) {
    this.#services = services;
  }

  find(written: string, namespace: string): FoundHost {
    const { aliases, byHost, domain } = this.#services;
    const host = resolveHost(written, namespace, { domain, exists: (one) => byHost.has(one) });
    const otherNameOf = aliases.get(host);
    const services = byHost.get(otherNameOf ?? host) ?? (this.#isCovered(host) ? [] : undefined);
    if (services !== undefined) return { host, otherNameOf, services, near: undefined };
    if (!this.#near.has(host) && this.#near.size < MOST_COMPARED) this.#near.set(host, this.#nearestTo(host));
    const near = this.#near.get(host);
    return { host, otherNameOf, services, near: near === undefined ? near : `${near}${written.replace(/^[^.]*/, '')}` };
  }

  /** The service of the same namespace, or domain, whose first label is nearest to that of `host`. */
  #nearestTo(host: string): string | undefined {
    const { byHost, domain } = this.#services;
    const dot = host.indexOf('.');
    if (dot < 0) return undefined;
    const rest = host.slice(dot);
    // `revews.shop` is as good as a whole name; `gogle.com` is one.
    const rests = [rest, `${rest.replace(/^(\.[^.]+)\.svc$/, '$1')}.svc.${domain}`];
    const names: string[] = [];
    for (const known of byHost.keys()) {
      const knownDot = known.indexOf('.');
      if (rests.includes(known.slice(knownDot))) names.push(known.slice(0, knownDot));
    }
    return nearest(host.slice(0, dot), names);
  }

  #isCovered(host: string): boolean {
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1))
      if (this.#services.byHost.has(`*${host.slice(dot)}`)) return true;
    return false;
  }
}
