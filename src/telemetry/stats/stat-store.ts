// The proxy's statistics: blocks per cluster, listener and connection manager, single named stats for
// filters, and computed ones. Names and labels are Envoy's; rendering stands in render-*.ts.

import { CLUSTER_BLOCK, HTTP_BLOCK, LISTENER_BLOCK, LISTENER_HTTP_BLOCK, TCP_BLOCK } from './block-schemas.ts';
import { HISTOGRAM_SLOTS, observeAt } from './histogram-buckets.ts';
import { MAX_NAMED_STATS } from './limits.ts';
import { type BlockSchema, StatBlock, type StatKind, type StatTag } from './stat-block.ts';
import { HEAP, type StatMemory } from './stat-memory.ts';

/** How a single stat's name is split into a Prometheus family and labels. */
export interface StatNaming {
  /** The name with tag values cut out ("http.ext_authz.ok"); the name itself when left out. */
  readonly family?: string;
  readonly tags?: readonly StatTag[];
}

export interface NamedStat {
  readonly name: string;
  readonly family: string;
  readonly tags: readonly StatTag[];
  readonly kind: StatKind;
  readonly values: Float64Array;
}

export interface ComputedStat {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly read: () => number;
}

/** Other producers of Prometheus text (Istio's metrics): pieces of whole lines. */
export interface ExpositionSource {
  renderPrometheus(usedOnly: boolean, exemplars: boolean): Iterable<string>;
}

export class Counter {
  readonly values: Float64Array;
  constructor(values: Float64Array) {
    this.values = values;
  }
  inc(): void {
    (this.values[0] as number)++;
  }
  add(amount: number): void {
    (this.values[0] as number) += amount;
  }
  get value(): number {
    return (this.values[0] as number) + 0;
  }
}

export class Gauge extends Counter {
  dec(): void {
    (this.values[0] as number)--;
  }
  set(value: number): void {
    this.values[0] = value + 0;
  }
}

export class Histogram {
  readonly values: Float64Array;
  constructor(values: Float64Array) {
    this.values = values;
  }
  observe(value: number): void {
    observeAt(this.values, 0, value);
  }
}

export class StatStore {
  readonly #blocks = new Map<BlockSchema, Map<string, StatBlock>>();
  readonly #named = new Map<string, NamedStat>();
  readonly #computed = new Map<string, ComputedStat>();
  readonly #sources: ExpositionSource[] = [];
  readonly #readers: (() => void)[] = [];
  readonly #memory: StatMemory;

  constructor(memory: StatMemory = HEAP) {
    this.#memory = memory;
  }

  /** The block of this kind and these tag values; made on first use, shared afterwards. Give it back with `release`. */
  block(schema: BlockSchema, ...tagValues: readonly string[]): StatBlock {
    let bySchema = this.#blocks.get(schema);
    if (bySchema === undefined) this.#blocks.set(schema, (bySchema = new Map()));
    const key = tagValues.join('\u0000');
    const found = bySchema.get(key);
    if (found !== undefined) {
      found.references++;
      return found;
    }
    const made = new StatBlock(schema, tagValues, this.#memory);
    bySchema.set(key, made);
    return made;
  }

  cluster(name: string): StatBlock {
    return this.block(CLUSTER_BLOCK, name);
  }

  http(statPrefix: string): StatBlock {
    return this.block(HTTP_BLOCK, statPrefix);
  }

  /** `address` is the bound one as Envoy writes it: "0.0.0.0_15006". */
  listener(address: string): StatBlock {
    return this.block(LISTENER_BLOCK, address);
  }

  listenerHttp(address: string, statPrefix: string): StatBlock {
    return this.block(LISTENER_HTTP_BLOCK, address, statPrefix);
  }

  tcp(statPrefix: string): StatBlock {
    return this.block(TCP_BLOCK, statPrefix);
  }

  /** Drops one owner's hold. An edit takes the new hold before it releases the old one, so counts go on. */
  release(block: StatBlock): void {
    if (--block.references > 0) return;
    if (this.#blocks.get(block.schema)?.delete(block.tagValues.join('\u0000')) === true)
      this.#memory.freed(block.values);
  }

  counter(name: string, naming: StatNaming = {}): Counter {
    return new Counter(this.#name(name, 'counter', naming, 1));
  }

  gauge(name: string, naming: StatNaming = {}): Gauge {
    return new Gauge(this.#name(name, 'gauge', naming, 1));
  }

  histogram(name: string, naming: StatNaming = {}): Histogram {
    return new Histogram(this.#name(name, 'histogram', naming, HISTOGRAM_SLOTS));
  }

  /** A stat that is asked for its value when somebody looks: memory, uptime. */
  computed(name: string, kind: 'counter' | 'gauge', read: () => number): void {
    this.#computed.set(name, { name, kind, read });
  }

  /** Adds what another producer prints to the Prometheus page. */
  addSource(source: ExpositionSource): void {
    this.#sources.push(source);
  }

  /** Called before somebody looks at the blocks: gauges of what is counted elsewhere are set then. */
  beforeReading(update: () => void): void {
    this.#readers.push(update);
  }

  /** All blocks by schema: for rendering. */
  blocks(): Iterable<readonly [BlockSchema, Iterable<StatBlock>]> {
    for (const update of this.#readers) update();
    return [...this.#blocks].map(([schema, blocks]) => [schema, blocks.values()] as const);
  }

  named(): Iterable<NamedStat> {
    return this.#named.values();
  }

  computedStats(): Iterable<ComputedStat> {
    return this.#computed.values();
  }

  sources(): readonly ExpositionSource[] {
    return this.#sources;
  }

  /** `/reset_counters`: counters and histograms go back to 0, gauges stay. */
  resetCounters(): void {
    for (const blocks of this.#blocks.values()) {
      for (const block of blocks.values()) {
        for (const counts of block.codeCounts) counts?.fill(0);
        for (const entry of block.schema.entries) {
          if (entry.kind === 'gauge') continue;
          block.values.fill(-0, entry.slot, entry.slot + (entry.kind === 'histogram' ? HISTOGRAM_SLOTS : 1));
        }
      }
    }
    for (const stat of this.#named.values()) if (stat.kind !== 'gauge') stat.values.fill(-0);
  }

  #name(name: string, kind: StatKind, naming: StatNaming, slots: number): Float64Array {
    const found = this.#named.get(name);
    if (found !== undefined) {
      if (found.kind !== kind)
        throw new TypeError(`Statistic ${name} is a ${found.kind} and was asked for as a ${kind}.`);
      return found.values;
    }
    // Above the bound a stat still counts for its holder, and is not shown; how many are hidden is.
    if (this.#named.size >= MAX_NAMED_STATS) {
      this.#hidden++;
      if (this.#hidden === 1) this.computed('server.stats_hidden', 'gauge', () => this.#hidden);
      return new Float64Array(slots).fill(-0);
    }
    const facts = { name, family: naming.family ?? name, tags: naming.tags ?? [], kind };
    const values = this.#memory.named(facts, slots);
    this.#named.set(name, { ...facts, values });
    return values;
  }

  #hidden = 0;
}
