// One immutable state of the configuration: tables by kind, shared between states as long as nothing of the kind changed.

import type { Complaint } from '../model/complaint.ts';
import type { KindName, SpecOf } from '../model/kinds.ts';
import { byAge, type ConfigObject, objectKey } from '../model/object.ts';
import type { ConfigView, StatusInput } from '../model/view.ts';

type Table = ReadonlyMap<string, ConfigObject>;

const NONE: readonly never[] = Object.freeze([]);

/** The objects of one kind; lists are sorted when they are first asked for. */
export class KindTable {
  readonly objects: Table;
  #all: readonly ConfigObject[] | undefined;
  #byNamespace: Map<string, readonly ConfigObject[]> | undefined;

  constructor(objects: Table) {
    this.objects = objects;
  }

  list(namespace?: string): readonly ConfigObject[] {
    this.#all ??= Object.freeze([...this.objects.values()].sort(byAge));
    if (namespace === undefined) return this.#all;
    this.#byNamespace ??= Map.groupBy(this.#all, (object) => object.metadata.namespace);
    return this.#byNamespace.get(namespace) ?? NONE;
  }
}

export class FrozenView implements ConfigView {
  readonly generation: number;
  readonly complaints: readonly Complaint[];
  readonly statusInputs: ReadonlyMap<string, StatusInput>;
  readonly tables: ReadonlyMap<string, KindTable>;

  constructor(
    generation: number,
    tables: ReadonlyMap<string, KindTable>,
    statusInputs: ReadonlyMap<string, StatusInput>,
    complaints: readonly Complaint[],
  ) {
    this.generation = generation;
    this.tables = tables;
    this.statusInputs = statusInputs;
    this.complaints = complaints;
  }

  list<K extends KindName>(kind: K, namespace?: string): readonly ConfigObject<SpecOf<K>>[] {
    return (this.tables.get(kind)?.list(namespace) ?? NONE) as readonly ConfigObject<SpecOf<K>>[];
  }

  get<K extends KindName>(kind: K, namespace: string, name: string): ConfigObject<SpecOf<K>> | undefined {
    return this.tables.get(kind)?.objects.get(objectKey(kind, namespace, name)) as ConfigObject<SpecOf<K>> | undefined;
  }

  *all(): Iterable<ConfigObject> {
    for (const table of this.tables.values()) yield* table.list();
  }
}

export const EMPTY_VIEW: FrozenView = new FrozenView(0, new Map(), new Map(), NONE);

/** A view of plain objects, for tests and for tools that need no store. */
export function viewOf(objects: Iterable<ConfigObject>, generation = 1): ConfigView {
  const byKind = Map.groupBy(objects, (object) => object.kind);
  const tables = new Map(
    [...byKind].map(([kind, list]) => [kind, new KindTable(new Map(list.map((object) => [object.key, object])))]),
  );
  return new FrozenView(generation, tables, new Map(), NONE);
}
