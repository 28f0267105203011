// A block: all counters, gauges and histograms of one cluster, listener or connection manager in one
// Float64Array, described once per kind by a schema. An increment is one array store (about 1 ns).
//
// A slot that was never written holds -0, which adds like 0: so "used" costs no flag (Envoy's `usedonly`).

import { HISTOGRAM_SLOTS, observeAt } from './histogram-buckets.ts';
import { HEAP, type StatMemory } from './stat-memory.ts';

export type StatKind = 'counter' | 'gauge' | 'histogram';
/** Prometheus label and value. */
export type StatTag = readonly [label: string, value: string];

export interface StatEntry {
  /** As Envoy prints it after the block's prefix: "upstream_rq_2xx". */
  readonly name: string;
  /** With its own tags cut out: "upstream_rq_xx". */
  readonly family: string;
  readonly tags: readonly StatTag[];
  readonly kind: StatKind;
  readonly slot: number;
  /** Printed only once it was written (Envoy makes such stats on first use). */
  readonly lazy: boolean;
}

export interface BlockSchema<Name extends string = string> {
  /** '$' stands for a tag's value, in order: "cluster.$", "listener.$.http.$". */
  readonly prefix: string;
  /** Labels of the values in `prefix`, in order. */
  readonly labels: readonly string[];
  readonly entries: readonly StatEntry[];
  readonly slots: Readonly<Record<Name, number>>;
  readonly slotCount: number;
  /** Families that count every status code apart ("upstream_rq" gives upstream_rq_200). */
  readonly codes: readonly string[];
}

export interface BlockDefinition<C extends string, G extends string, H extends string> {
  readonly prefix: string;
  readonly labels: readonly string[];
  readonly counters: readonly C[];
  readonly gauges?: readonly G[];
  readonly histograms?: readonly H[];
  /** Names (or beginnings that end in '.') that are printed only once used. */
  readonly lazy?: readonly string[];
  readonly codes?: readonly string[];
}

export function defineBlock<const C extends string, const G extends string = never, const H extends string = never>(
  definition: BlockDefinition<C, G, H>,
): BlockSchema<C | G | H> {
  const entries: StatEntry[] = [];
  const slots: Record<string, number> = {};
  const lazy = definition.lazy ?? [];
  let next = 0;
  const add = (name: string, kind: StatKind): void => {
    const isLazy = lazy.some((l) => (l.endsWith('.') ? name.startsWith(l) : name === l));
    entries.push({ name, ...cutTags(name), kind, slot: next, lazy: isLazy });
    slots[name] = next;
    next += kind === 'histogram' ? HISTOGRAM_SLOTS : 1;
  };
  for (const name of definition.counters) add(name, 'counter');
  for (const name of definition.gauges ?? []) add(name, 'gauge');
  for (const name of definition.histograms ?? []) add(name, 'histogram');
  return {
    prefix: definition.prefix,
    labels: definition.labels,
    entries,
    // Copied whole, since V8 keeps what was filled name by name as a hash table, and a request reads a dozen slots.
    slots: { ...slots } as Readonly<Record<C | G | H, number>>,
    slotCount: next,
    codes: definition.codes ?? [],
  };
}

/** Envoy's default tag extraction for what a block's own names hold: the response code class. */
function cutTags(name: string): { readonly family: string; readonly tags: readonly StatTag[] } {
  const match = /^(.*_)([1-5])xx$/.exec(name);
  if (match === null) return { family: name, tags: [] };
  return { family: `${match[1]}xx`, tags: [['envoy_response_code_class', match[2] as string]] };
}

export class StatBlock {
  readonly schema: BlockSchema;
  /** Full prefix with values put in: "cluster.outbound|9080||reviews.default.svc.cluster.local". */
  readonly prefix: string;
  readonly tagValues: readonly string[];
  readonly values: Float64Array;
  /** Count per status code 100..599 of each of the schema's `codes`, made on the first one. */
  readonly codeCounts: (Float64Array | undefined)[];
  /** The labels as Prometheus prints them; made by the first scrape. */
  labelText: string | undefined = undefined;
  /** How many owners hold this block; the store drops it at 0. */
  references = 1;
  readonly #memory: StatMemory;

  constructor(schema: BlockSchema, tagValues: readonly string[], memory: StatMemory = HEAP) {
    this.schema = schema;
    this.tagValues = tagValues;
    this.codeCounts = schema.codes.map(() => undefined);
    let i = 0;
    this.prefix = schema.prefix.replace(/\$/g, () => tagValues[i++] ?? '');
    this.#memory = memory;
    this.values = memory.block(schema, tagValues);
  }

  inc(slot: number): void {
    (this.values[slot] as number)++;
  }

  dec(slot: number): void {
    (this.values[slot] as number)--;
  }

  add(slot: number, amount: number): void {
    (this.values[slot] as number) += amount;
  }

  set(slot: number, value: number): void {
    this.values[slot] = value + 0;
  }

  get(slot: number): number {
    return (this.values[slot] as number) + 0;
  }

  observe(slot: number, value: number): void {
    observeAt(this.values, slot, value);
  }

  /** Counts a status code in a family, by its place in the schema's `codes`; what is no status code is not counted. */
  countCode(status: number, family = 0): void {
    if (status < 100 || status > 599) return;
    const counts = (this.codeCounts[family] ??= this.#memory.codes(this.values, family));
    (counts[status - 100] as number)++;
  }

  /** Counts of the same block elsewhere. */
  addCodes(families: readonly (Float64Array | undefined)[]): void {
    families.forEach((counts, family) => {
      if (counts === undefined) return;
      const sum = (this.codeCounts[family] ??= this.#memory.codes(this.values, family));
      for (let i = 0; i < counts.length; i++) (sum[i] as number) += counts[i] as number;
    });
  }
}

/** Whether a slot was ever written. */
export function isUsed(values: Float64Array, slot: number): boolean {
  return !Object.is(values[slot], -0);
}
