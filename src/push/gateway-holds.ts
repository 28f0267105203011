// Which namespace has which hosts at the gateways: the oldest VirtualService of a host has what its pattern covers, at every Gateway that the same workload may run.

import type { ConfigView } from '#config';
import {
  type Gateway,
  hostCovers,
  hostsOverlap,
  isWildcard,
  mayShareWorkload,
  narrowerHost,
  type ResolvedVirtualService,
  sameHost,
} from '#registry';

export interface Hold {
  readonly host: string;
  readonly namespace: string;
  /** The older the smaller. */
  readonly age: number;
}

interface Place {
  readonly gateway: Gateway | undefined;
  readonly exact: Map<string, Hold[]>;
  readonly wild: Hold[];
}

/** Asked and told in the order of age. */
export class GatewayHolds {
  readonly #config: ConfigView;
  readonly #granted: (owner: string, namespace: string) => boolean;
  readonly #places = new Map<string, Place>();
  /** By gateway: those that a workload may run beside it, itself too. */
  readonly #beside = new Map<string, readonly Place[]>();
  #age = 0;

  constructor(
    config: ConfigView,
    /** All names that VirtualServices bind. */
    bound: Iterable<string>,
    granted: (owner: string, namespace: string) => boolean,
  ) {
    this.#config = config;
    this.#granted = granted;
    for (const name of bound) this.#place(name);
  }

  /** Whose older rule decides about some of the host's requests at this gateway. */
  holder({ namespace }: ResolvedVirtualService, gateway: string, host: string): Hold | undefined {
    for (const served of this.#served(gateway, namespace, host))
      for (const place of this.#near(gateway)) {
        const found = this.#firstForeign(overlapping(place, served), served, namespace);
        if (found !== undefined) return found;
      }
    return undefined;
  }

  add({ namespace }: ResolvedVirtualService, gateway: string, host: string): void {
    const { exact, wild } = this.#place(gateway);
    for (const served of this.#served(gateway, namespace, host)) {
      const holds = isWildcard(served) ? wild : (exact.get(served) ?? []);
      if (holds.some((one) => one.namespace === namespace && one.host === served)) continue;
      holds.push({ host: served, namespace, age: this.#age++ });
      if (holds !== wild) exact.set(served, holds);
    }
  }

  /** What was one's own first stays so. */
  #firstForeign(holds: readonly Hold[], host: string, namespace: string): Hold | undefined {
    for (const hold of holds) {
      if (hold.namespace !== namespace && !this.#granted(hold.namespace, namespace)) return hold;
      if (hold.namespace === namespace && hostCovers(hold.host, host)) return undefined;
    }
    return undefined;
  }

  #place(name: string): Place {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const slash = name.indexOf('/');
    const gateway = this.#config.get('Gateway', name.slice(0, slash), name.slice(slash + 1));
    const place: Place = { gateway, exact: new Map(), wild: [] };
    this.#places.set(name, place);
    return place;
  }

  #near(name: string): readonly Place[] {
    const known = this.#beside.get(name);
    if (known !== undefined) return known;
    const own = this.#place(name);
    const meets = ({ gateway }: Place): boolean =>
      gateway !== undefined && own.gateway !== undefined && mayShareWorkload(gateway, own.gateway);
    const near = [...this.#places.values()].filter((one) => one === own || meets(one));
    this.#beside.set(name, near);
    return near;
  }

  /** The host as the gateway's servers narrow it, for this namespace; as it is while nobody knows them. */
  #served(name: string, namespace: string, host: string): readonly string[] {
    const { gateway } = this.#place(name);
    if (gateway === undefined) return [host];
    const found = new Set<string>();
    for (const server of gateway.spec.servers ?? [])
      for (const text of server.hosts ?? []) {
        const slash = text.indexOf('/');
        const place = slash < 0 ? '*' : text.slice(0, slash);
        const admitted = place === '*' || (place === '.' ? gateway.metadata.namespace : place) === namespace;
        const narrow = admitted ? narrowerHost(sameHost(text.slice(slash + 1)), host) : undefined;
        if (narrow !== undefined) found.add(narrow);
      }
    return [...found];
  }
}

/** Holds of which some name is the host's too, oldest first. */
function overlapping({ exact, wild }: Place, host: string): readonly Hold[] {
  const named = isWildcard(host)
    ? [...exact].flatMap(([name, holds]) => (hostCovers(host, name) ? holds : []))
    : (exact.get(host) ?? []);
  const wider = wild.filter((hold) => hostsOverlap(hold.host, host));
  return wider.length === 0 && !isWildcard(host) ? named : [...named, ...wider].sort((a, b) => a.age - b.age);
}
