// Who has given labels, of a namespace or of all, found without looking at everybody.

import type { Choice, ProxyIdentity } from './policies.ts';
import { labelsMatch } from './visibility.ts';

export class LabelIndex<T extends ProxyIdentity> {
  readonly all: readonly T[];
  readonly #whole: Group<T>;
  #byNamespace: ReadonlyMap<string, Group<T>> | undefined;

  constructor(all: readonly T[]) {
    this.all = all;
    this.#whole = new Group(all);
  }

  /** Undefined: of all. */
  inNamespace(namespace: string | undefined): readonly T[] {
    return this.#group(namespace)?.members ?? [];
  }

  chosenBy({ namespace, labels }: Choice): readonly T[] {
    return this.#group(namespace)?.withLabels(labels) ?? [];
  }

  #group(namespace: string | undefined): Group<T> | undefined {
    if (namespace === undefined) return this.#whole;
    this.#byNamespace ??= new Map(
      [...Map.groupBy(this.all, (one) => one.namespace)].map(([place, members]) => [place, new Group(members)]),
    );
    return this.#byNamespace.get(namespace);
  }
}

class Group<T extends ProxyIdentity> {
  readonly members: readonly T[];
  /** `label=value` -> who has it; made when it is first asked for. */
  #byLabel: ReadonlyMap<string, readonly T[]> | undefined;

  constructor(members: readonly T[]) {
    this.members = members;
  }

  /** Looks only at those who have the rarest of the labels. */
  withLabels(labels: Readonly<Record<string, string>>): readonly T[] {
    const pairs = Object.entries(labels);
    if (pairs.length === 0) return this.members;
    this.#byLabel ??= byLabel(this.members);
    let rarest: readonly T[] | undefined;
    for (const [name, value] of pairs) {
      const found = this.#byLabel.get(`${name}=${value}`) ?? [];
      if (rarest === undefined || found.length < rarest.length) rarest = found;
    }
    // A label's name may hold no `=`; what a client says of itself may.
    return (rarest ?? []).filter((one) => labelsMatch(labels, one.labels));
  }
}

function byLabel<T extends ProxyIdentity>(members: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const one of members) {
    for (const [name, value] of Object.entries(one.labels)) {
      const pair = `${name}=${value}`;
      const group = found.get(pair);
      if (group === undefined) found.set(pair, [one]);
      else group.push(one);
    }
  }
  return found;
}
