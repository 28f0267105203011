// The connected proxies by namespace and label: whom an object is for is found without asking every one of them.
import type { ProxyNode } from '#base';
import { isOfType, labelsMatch, type ProxyIdentity, type Reach } from '#registry';

/** A stream, as it is at the moment of looking. */
export interface ConnectedProxy {
  readonly node: ProxyNode;
  /** Newest snapshot that it acknowledged completely; only ever grows. */
  readonly watermark: number;
}

export interface IndexedProxy extends ProxyIdentity {
  readonly stream: ConnectedProxy;
  readonly type: string;
}

export class ProxyIndex {
  /** By id. */
  readonly all: readonly IndexedProxy[];
  readonly #whole: Group;
  readonly #byNamespace = new Map<string, Group>();
  readonly #byId = new Map<string, IndexedProxy[]>();
  #behind: { readonly snapshot: number; readonly proxies: readonly IndexedProxy[] } | undefined;

  constructor(streams: readonly ConnectedProxy[]) {
    this.all = streams.map(indexed).sort((a, b) => (a.stream.node.id < b.stream.node.id ? -1 : 1));
    this.#whole = new Group(this.all);
    for (const [namespace, proxies] of groupsOf(this.all, (one) => one.namespace))
      this.#byNamespace.set(namespace, new Group(proxies));
    this.#byId = groupsOf(this.all, (one) => one.stream.node.id);
  }

  /** Each once. */
  reachedBy({ choices, only }: Reach): readonly IndexedProxy[] {
    const lists = choices.map(({ namespace, labels }) => {
      const group = namespace === undefined ? this.#whole : this.#byNamespace.get(namespace);
      return group?.withLabels(labels) ?? [];
    });
    const found = lists.length === 1 ? (lists[0] as readonly IndexedProxy[]) : [...new Set(lists.flat())];
    return only === undefined ? found : found.filter((one) => isOfType(only, one.type));
  }

  /** Two while one takes over from another. */
  withId(id: string): readonly IndexedProxy[] {
    return this.#byId.get(id) ?? [];
  }

  /** Those whose watermark is below `snapshot`. Kept: whoever has come up to it never falls back. */
  behind(snapshot: number): readonly IndexedProxy[] {
    const candidates = this.#behind?.snapshot === snapshot ? this.#behind.proxies : this.all;
    const proxies = candidates.filter(({ stream }) => stream.watermark < snapshot);
    this.#behind = { snapshot, proxies };
    return proxies;
  }
}

class Group {
  readonly #proxies: readonly IndexedProxy[];
  /** `label=value` -> who has it; made when it is first asked for. */
  #byLabel: ReadonlyMap<string, readonly IndexedProxy[]> | undefined;

  constructor(proxies: readonly IndexedProxy[]) {
    this.#proxies = proxies;
  }

  /** Looks only at those who have the rarest of the labels. */
  withLabels(labels: Readonly<Record<string, string>>): readonly IndexedProxy[] {
    const pairs = Object.entries(labels);
    if (pairs.length === 0) return this.#proxies;
    this.#byLabel ??= byLabel(this.#proxies);
    let rarest: readonly IndexedProxy[] | undefined;
    for (const [name, value] of pairs) {
      const found = this.#byLabel.get(`${name}=${value}`) ?? [];
      if (rarest === undefined || found.length < rarest.length) rarest = found;
    }
    if (pairs.length === 1) return rarest ?? [];
    return (rarest ?? []).filter((one) => labelsMatch(labels, one.labels));
  }
}

function indexed(stream: ConnectedProxy): IndexedProxy {
  const { parsed, metadata } = stream.node;
  return {
    stream,
    type: parsed?.type ?? '',
    namespace: metadata.NAMESPACE ?? parsed?.namespace ?? '',
    labels: metadata.LABELS ?? {},
  };
}

function byLabel(proxies: readonly IndexedProxy[]): ReadonlyMap<string, readonly IndexedProxy[]> {
  const found = new Map<string, IndexedProxy[]>();
  for (const one of proxies)
    for (const [name, value] of Object.entries(one.labels)) put(found, `${name}=${value}`, one);
  return found;
}

function groupsOf(proxies: readonly IndexedProxy[], keyOf: (one: IndexedProxy) => string): Map<string, IndexedProxy[]> {
  const found = new Map<string, IndexedProxy[]>();
  for (const one of proxies) put(found, keyOf(one), one);
  return found;
}

function put(groups: Map<string, IndexedProxy[]>, key: string, one: IndexedProxy): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [one]);
  else group.push(one);
}
