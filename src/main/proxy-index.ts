// The connected proxies by namespace and label: whom an object is for is found without asking every one of them.
import type { ProxyNode } from '#base';
import { isOfType, LabelIndex, type ProxyIdentity, type Reach } from '#registry';

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
  readonly #labels: LabelIndex<IndexedProxy>;
  readonly #byId: ReadonlyMap<string, readonly IndexedProxy[]>;
  #behind: { readonly snapshot: number; readonly proxies: readonly IndexedProxy[] } | undefined;

  constructor(streams: readonly ConnectedProxy[]) {
    this.all = streams.map(indexed).sort((a, b) => (a.stream.node.id < b.stream.node.id ? -1 : 1));
    this.#labels = new LabelIndex(this.all);
    this.#byId = Map.groupBy(this.all, (one) => one.stream.node.id);
  }

  /** Each once. */
  reachedBy({ choices, only }: Reach): readonly IndexedProxy[] {
    const lists = choices.map((choice) => this.#labels.chosenBy(choice));
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

function indexed(stream: ConnectedProxy): IndexedProxy {
  const { parsed, metadata } = stream.node;
  return {
    stream,
    type: parsed?.type ?? '',
    namespace: metadata.NAMESPACE ?? parsed?.namespace ?? '',
    labels: metadata.LABELS ?? {},
  };
}
