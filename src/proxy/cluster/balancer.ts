// Chooses a host: priority by health, then locality by weight, then the policy among its hosts. Reads the live hosts at every pick.

import { type Clock, type Random, runInSlices, type Steps } from '#base';
import type { ClusterHosts } from './cluster-hosts.ts';
import type { Host } from './host.ts';
import { boundedLoad } from './lb/bounded-load.ts';
import { EdfScheduler } from './lb/edf.ts';
import { leastRequest } from './lb/least-request.ts';
import { maglev } from './lb/maglev.ts';
import { peakEwma } from './lb/peak-ewma.ts';
import type { Picker, PickerContext } from './lb/picker.ts';
import { randomPick } from './lb/random.ts';
import { ringHash } from './lb/ring-hash.ts';
import { roundRobin } from './lb/round-robin.ts';
import { subsetOf } from './lb/subset.ts';
import { slowStartFactor } from './lb/slow-start.ts';
import type { LbSettings } from './lb-settings.ts';
import type { PickContext } from './pick-context.ts';
import { type LocalitySet, type PriorityLoads, type PrioritySet, spreadLoad } from './priority.ts';
import { groupHosts } from './host-groups.ts';

type Source = 'healthy' | 'degraded' | 'all';

export class Balancer {
  readonly #settings: LbSettings;
  readonly #hosts: ClusterHosts;
  readonly #clock: Clock;
  readonly #random: Random;
  #version = -1;
  #sets: readonly PrioritySet[] = [];
  #loads: PriorityLoads = { healthy: [], degraded: [], panic: [] };
  /** Made on first use, thrown away when hosts or health change. */
  #pickers = new Map<string, Picker>();
  /** The last whole table of each hashing policy. */
  readonly #settled = new Map<string, Picker>();
  /** Until then some host is in slow start, and equal weights are not equal. */
  #slowUntilMs = 0;

  readonly #panicked: () => void;

  /** `panicked`: too few hosts are well, or there is none. */
  constructor(
    settings: LbSettings,
    hosts: ClusterHosts,
    clock: Clock,
    random: Random,
    panicked: () => void = () => {},
  ) {
    this.#settings = settings;
    this.#hosts = hosts;
    this.#clock = clock;
    this.#random = random;
    this.#panicked = panicked;
  }

  /** Undefined: no host may take it (flag UH). */
  pick(context: PickContext): Host | undefined {
    this.#refresh();
    if (this.#settings.subsetFallback !== undefined) {
      const inSubset = subsetOf(context.metadataMatch);
      const chosen = inSubset === undefined ? undefined : this.#pickInSubset(inSubset);
      if (chosen !== undefined || this.#settings.subsetFallback === 'none') return chosen;
    }
    let host: Host | undefined;
    for (let attempt = 0; attempt <= context.attempts; attempt++) {
      const hash = context.hash ?? this.#random.uint32();
      host = this.#pickOnce(hash, attempt, context.usedPriorities);
      if (host === undefined || context.avoid === undefined || !context.avoid(host)) return host;
    }
    return host;
  }

  /** At random: a policy's tables are not kept per subset. */
  #pickInSubset(inSubset: (host: Host) => boolean): Host | undefined {
    for (const set of this.#sets) {
      const hosts = set.healthy.filter(inSubset);
      if (hosts.length > 0) return hosts[this.#random.uint32() % hosts.length];
    }
    return undefined;
  }

  /** Loads and panic of the priorities as they are now, for the admin pages. */
  get loads(): PriorityLoads {
    this.#refresh();
    return this.#loads;
  }

  #refresh(): void {
    const slowEnded = this.#slowUntilMs !== 0 && this.#clock.now() >= this.#slowUntilMs;
    if (this.#version === this.#hosts.version && !slowEnded) return;
    this.#version = this.#hosts.version;
    this.#sets = groupHosts(this.#hosts.all());
    this.#loads = this.#spread(undefined);
    this.#pickers = new Map();
    this.#slowUntilMs = this.#lastSlowStart();
  }

  #spread(excluded: ReadonlySet<number> | undefined): PriorityLoads {
    const { overprovisioning, weightedHealth } = this.#hosts;
    return spreadLoad(this.#sets, {
      overprovisioning,
      weightedHealth,
      panicThreshold: this.#settings.panicThreshold,
      excluded,
    });
  }

  #lastSlowStart(): number {
    const slow = this.#settings.slowStart;
    if (slow === undefined) return 0;
    let last = 0;
    const now = this.#clock.now();
    for (const host of this.#hosts.all())
      if (host.warmSinceMs + slow.windowMs > now) last = Math.max(last, host.warmSinceMs + slow.windowMs);
    return last;
  }

  #pickOnce(hash: number, attempt: number, used: ReadonlySet<number> | undefined): Host | undefined {
    const loads = used === undefined || used.size === 0 ? this.#loads : this.#loadsWithout(used);
    // Hash policies must find the same priority again for the same request.
    const point = (hash % 100) + 1;
    const chosen = choosePriority(loads, point);
    if (chosen === undefined) {
      if (this.#settings.panicThreshold > 0) this.#panicked();
      return undefined;
    }
    const set = this.#sets[chosen.priority] as PrioritySet;
    let source: Source = chosen.source;
    if (loads.panic[chosen.priority] === true) {
      this.#panicked();
      if (this.#settings.failOnPanic) return undefined;
      source = 'all';
    }
    if (this.#settings.localityWeighted && source !== 'all' && !this.#isHashing())
      return this.#pickInLocality(set, chosen.priority, source, hash, attempt);
    return this.#picker(pickerKey(chosen.priority, source), set[source], set, source).pick(hash, attempt);
  }

  /** All priorities again when none but the used ones can take anything. */
  #loadsWithout(used: ReadonlySet<number>): PriorityLoads {
    const loads = this.#spread(used);
    return loads.panic.some(Boolean) || loads.healthy.every((load) => load === 0) ? this.#loads : loads;
  }

  #isHashing(): boolean {
    return this.#settings.policy.kind === 'ring-hash' || this.#settings.policy.kind === 'maglev';
  }

  #pickInLocality(
    set: PrioritySet,
    priority: number,
    source: 'healthy' | 'degraded',
    hash: number,
    attempt: number,
  ): Host | undefined {
    const key = `${priority}/${source}/localities`;
    let chooser = this.#pickers.get(key);
    if (chooser === undefined) {
      const usable = set.localities.filter((locality) => this.#localityShare(locality, source) > 0);
      if (usable.length === 0)
        return this.#picker(pickerKey(priority, source), set[source], set, source).pick(hash, attempt);
      const scheduler = new EdfScheduler(
        usable,
        (locality) => this.#localityShare(locality, source),
        () => this.#random.float(),
      );
      const inner = new Map(usable.map((locality, i) => [locality, `${key}/${i}`]));
      chooser = {
        pick: (h, n) => {
          const locality = scheduler.next() as LocalitySet;
          return this.#picker(inner.get(locality) as string, locality[source], set, source).pick(h, n);
        },
      };
      this.#pickers.set(key, chooser);
    }
    return chooser.pick(hash, attempt);
  }

  /** A locality's weight, less what its sick hosts can no longer take. */
  #localityShare(locality: LocalitySet, source: Source): number {
    if (locality.all.length === 0) return 0;
    return (
      locality.weight * Math.min(1, (this.#hosts.overprovisioning * locality[source].length) / locality.all.length)
    );
  }

  #picker(key: string, hosts: readonly Host[], set: PrioritySet, source: Source): Picker {
    const known = this.#pickers.get(key);
    if (known !== undefined) return known;
    const made = this.#make(key, hosts, set, source);
    this.#pickers.set(key, made);
    return made;
  }

  #make(key: string, hosts: readonly Host[], set: PrioritySet, source: Source): Picker {
    const { policy, slowStart, hashBalanceFactor } = this.#settings;
    if (hosts.length === 0) return { pick: () => undefined };
    const weightOf =
      slowStart === undefined || this.#slowUntilMs === 0
        ? this.#isHashing() && this.#settings.localityWeighted
          ? this.#mixedWeights(set, source)
          : (host: Host): number => host.spec.weight
        : (host: Host): number => host.spec.weight * slowStartFactor(host, this.#clock.now(), slowStart);
    const first = hosts[0] as Host;
    const context: PickerContext = {
      random: this.#random,
      clock: this.#clock,
      weightOf,
      equalWeights: this.#slowUntilMs === 0 && hosts.every((host) => host.spec.weight === first.spec.weight),
    };
    switch (policy.kind) {
      case 'round-robin':
      case 'original-dst':
        return roundRobin(hosts, context);
      case 'least-request':
        return leastRequest(hosts, context, policy);
      case 'random':
        return randomPick(hosts, context);
      case 'peak-ewma':
        return peakEwma(hosts, context);
      case 'ring-hash':
        return bound(hosts, this.#inSlices(key, ringHash(hosts, context, policy), hosts, source), hashBalanceFactor);
      case 'maglev':
        return bound(hosts, this.#inSlices(key, maglev(hosts, context, policy), hosts, source), hashBalanceFactor);
    }
  }

  /**
   * The tables of hashing policies take tens of ms where hosts are many: until a new one is made beside the traffic,
   * the former one chooses as far as its hosts still are there.
   */
  #inSlices(key: string, table: Steps<Picker>, hosts: readonly Host[], source: Source): Picker {
    const made = runInSlices(this.#whileCurrent(table), this.#clock);
    if (!(made instanceof Promise)) return this.#settle(key, made as Picker);
    const former = this.#settled.get(key);
    let current: Picker = {
      pick: (hash, attempt) => {
        const host = former?.pick(hash, attempt);
        const usable = host !== undefined && !host.removed && (source === 'all' || host.unhealthy === 0);
        return usable ? host : hosts[(hash + attempt) % hosts.length];
      },
    };
    void made.then((picker) => {
      if (picker !== undefined) current = this.#settle(key, picker);
    });
    return { pick: (hash, attempt) => current.pick(hash, attempt) };
  }

  #settle(key: string, picker: Picker): Picker {
    this.#settled.set(key, picker);
    return picker;
  }

  /** Undefined: the hosts changed meanwhile, and another table is being made. */
  *#whileCurrent(table: Steps<Picker>): Steps<Picker | undefined> {
    const version = this.#version;
    while (version === this.#version) {
      const step = table.next();
      if (step.done === true) return step.value;
      yield;
    }
    return undefined;
  }

  /** One table holds all localities: a host weighs its part of its locality's share. */
  #mixedWeights(set: PrioritySet, source: Source): (host: Host) => number {
    const weights = new Map<Host, number>();
    for (const locality of set.localities) {
      const share = source === 'all' ? locality.weight : this.#localityShare(locality, source);
      const total = locality[source].reduce((sum, host) => sum + host.spec.weight, 0);
      for (const host of locality[source]) weights.set(host, (share * host.spec.weight) / total);
    }
    return (host) => weights.get(host) || 1e-9;
  }
}

function bound(hosts: readonly Host[], picker: Picker, factor: number): Picker {
  return factor === 0 ? picker : boundedLoad(hosts, picker, factor);
}

function choosePriority(
  loads: PriorityLoads,
  point: number,
): { readonly priority: number; readonly source: 'healthy' | 'degraded' } | undefined {
  let reached = 0;
  for (let i = 0; i < loads.healthy.length; i++) {
    reached += loads.healthy[i] as number;
    if (point <= reached) return { priority: i, source: 'healthy' };
  }
  for (let i = 0; i < loads.degraded.length; i++) {
    reached += loads.degraded[i] as number;
    if (point <= reached) return { priority: i, source: 'degraded' };
  }
  return undefined;
}

const KEYS: Readonly<Record<Source, string[]>> = { healthy: [], degraded: [], all: [] };

/** One string each: one made for every pick would be hashed every time. Priorities are few. */
function pickerKey(priority: number, source: Source): string {
  return (KEYS[source][priority] ??= `${priority}/${source}`);
}
