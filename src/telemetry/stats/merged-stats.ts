// One page out of several threads' statistics: traffic is summed over the workers, and what each of them counts alike
// because it has the same configuration (clusters, members, updates) is the process's own.

import * as schemas from './block-schemas.ts';
import { HISTOGRAM_SLOTS } from './histogram-buckets.ts';
import type { StatPlace, StatWord } from './shared-stats.ts';
import { type BlockSchema, StatBlock } from './stat-block.ts';
import { CODE_SLOTS, HEAP, type NamedStatFacts } from './stat-memory.ts';
import type { ComputedStat, ExpositionSource, NamedStat, StatStore } from './stat-store.ts';

/** What renders need of a store. */
export interface StatPages {
  blocks(): Iterable<readonly [BlockSchema, Iterable<StatBlock>]>;
  named(): Iterable<NamedStat>;
  computedStats(): Iterable<ComputedStat>;
  sources(): readonly ExpositionSource[];
  resetCounters(): void;
}

const SCHEMAS: ReadonlyMap<string, BlockSchema> = new Map(
  Object.values(schemas)
    .filter((one): one is (typeof schemas)['CLUSTER_BLOCK'] => 'slotCount' in one)
    .map((schema: BlockSchema) => [schema.prefix, schema]),
);

/** Of configuration, health checks, ejections and breakers: the process's own thread counts them for all. */
const OWN =
  /^(assignment_|membership_|update_|version$|warming_state$|max_host_weight$|lb_subsets_active$|health_check\.|outlier_detection\.|circuit_breakers\.)/;
const OWN_SCHEMAS: ReadonlySet<string> = new Set(['cluster_manager', 'listener_manager']);

interface Block {
  readonly schema: BlockSchema;
  readonly tagValues: readonly string[];
  readonly values: Float64Array;
  /** By family. */
  readonly codes: (Float64Array | undefined)[];
}

/** What one worker said of its memory, and what it counts there. */
export class WorkerStats {
  readonly #chunks: SharedArrayBuffer[] = [];
  readonly blocks = new Map<number, Block>();
  readonly named = new Map<string, NamedStatFacts & { readonly values: Float64Array }>();

  take(word: StatWord): void {
    switch (word.kind) {
      case 'chunk':
        this.#chunks.push(word.buffer);
        return;
      case 'block': {
        const schema = SCHEMAS.get(word.prefix);
        if (schema === undefined) return;
        this.blocks.set(word.id, { schema, tagValues: word.tagValues, values: this.#at(word.at), codes: [] });
        return;
      }
      case 'codes': {
        const block = this.blocks.get(word.id);
        if (block !== undefined) block.codes[word.family] = this.#at(word.at);
        return;
      }
      case 'named':
        this.named.set(word.stat.name, { ...word.stat, values: this.#at(word.at) });
        return;
      case 'freed':
        this.blocks.delete(word.id);
    }
  }

  /** Of the clusters that it calls. */
  *clusterNames(): Iterable<string> {
    for (const { schema, tagValues } of this.blocks.values())
      if (schema === schemas.CLUSTER_BLOCK) yield tagValues[0] ?? '';
  }

  #at({ chunk, slot, slots }: StatPlace): Float64Array {
    return new Float64Array(this.#chunks[chunk] as SharedArrayBuffer, slot * 8, slots);
  }
}

export class MergedStats implements StatPages {
  readonly #own: StatStore;
  readonly #workers: () => Iterable<WorkerStats>;
  /** What workers that are gone had counted. */
  readonly #before = new WorkerStats();
  #nextId = 1;

  constructor(own: StatStore, workers: () => Iterable<WorkerStats>) {
    this.#own = own;
    this.#workers = workers;
  }

  /** A worker ended: its counters stay, its gauges were about what ended with it. */
  keep(worker: WorkerStats): void {
    for (const block of worker.blocks.values()) {
      const values = block.values.slice();
      for (const { kind, slot } of block.schema.entries) if (kind === 'gauge') values[slot] = -0;
      this.#before.blocks.set(this.#nextId++, {
        ...block,
        values,
        codes: block.codes.map((counts) => counts?.slice()),
      });
    }
    for (const [name, stat] of worker.named) {
      if (stat.kind === 'gauge') continue;
      const known = this.#before.named.get(name);
      if (known === undefined) this.#before.named.set(name, { ...stat, values: stat.values.slice() });
      else add(known.values, stat.values);
    }
    this.#fold();
  }

  *blocks(): Iterable<readonly [BlockSchema, Iterable<StatBlock>]> {
    const bySchema = new Map<BlockSchema, Map<string, StatBlock>>();
    const sums = (schema: BlockSchema): Map<string, StatBlock> => {
      let known = bySchema.get(schema);
      if (known === undefined) bySchema.set(schema, (known = new Map()));
      return known;
    };
    for (const [schema, blocks] of this.#own.blocks()) {
      for (const block of blocks) {
        const sum = new StatBlock(schema, block.tagValues, HEAP);
        sum.values.set(block.values);
        sum.addCodes(block.codeCounts);
        sums(schema).set(keyOf(block), sum);
      }
    }
    const living = [...this.#workers()];
    for (const { blocks } of [...living, this.#before]) {
      for (const block of blocks.values()) {
        const known = sums(block.schema);
        let sum = known.get(keyOf(block));
        // What is gone from the configuration is gone from the page.
        if (sum === undefined && blocks === this.#before.blocks) continue;
        if (sum === undefined) known.set(keyOf(block), (sum = new StatBlock(block.schema, block.tagValues, HEAP)));
        addBlock(sum, block);
      }
    }
    for (const [schema, blocks] of bySchema) yield [schema, blocks.values()];
  }

  *named(): Iterable<NamedStat> {
    const sums = new Map<string, NamedStat>();
    for (const stat of this.#own.named()) sums.set(stat.name, { ...stat, values: stat.values.slice() });
    for (const { named } of [...this.#workers(), this.#before]) {
      for (const stat of named.values()) {
        const sum = sums.get(stat.name);
        if (sum === undefined) sums.set(stat.name, { ...stat, values: stat.values.slice() });
        else add(sum.values, stat.values);
      }
    }
    yield* sums.values();
  }

  computedStats(): Iterable<ComputedStat> {
    return this.#own.computedStats();
  }

  sources(): readonly ExpositionSource[] {
    return this.#own.sources();
  }

  /** Of what this thread counts and what is kept; workers are told by whoever calls. */
  resetCounters(): void {
    this.#own.resetCounters();
    this.#before.blocks.clear();
    this.#before.named.clear();
  }

  /** One block of a kind and name is enough, however many workers have ended. */
  #fold(): void {
    const byName = new Map<string, Block>();
    for (const [id, block] of this.#before.blocks) {
      const name = `${block.schema.prefix}\0${keyOf(block)}`;
      const known = byName.get(name);
      if (known === undefined) {
        byName.set(name, block);
        continue;
      }
      add(known.values, block.values);
      block.codes.forEach((counts, family) => {
        if (counts !== undefined) add((known.codes[family] ??= new Float64Array(CODE_SLOTS)), counts);
      });
      this.#before.blocks.delete(id);
    }
  }
}

function keyOf({ tagValues }: { readonly tagValues: readonly string[] }): string {
  return tagValues.join('\0');
}

function addBlock(sum: StatBlock, { schema, values, codes }: Block): void {
  if (!OWN_SCHEMAS.has(schema.prefix)) {
    for (const { name, kind, slot } of schema.entries) {
      if (OWN.test(name)) continue;
      const slots = kind === 'histogram' ? HISTOGRAM_SLOTS : 1;
      for (let i = slot; i < slot + slots; i++) (sum.values[i] as number) += values[i] as number;
    }
  }
  sum.addCodes(codes);
}

function add(sum: Float64Array, values: Float64Array): void {
  for (let i = 0; i < sum.length; i++) (sum[i] as number) += values[i] as number;
}
