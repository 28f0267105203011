// How load spreads over priorities by their health, and which of them panic (Envoy: load balancing, priority levels and panic threshold).

import type { Host } from './host.ts';

export interface LocalitySet {
  readonly weight: number;
  readonly all: readonly Host[];
  readonly healthy: readonly Host[];
  readonly degraded: readonly Host[];
}

export interface PrioritySet {
  readonly all: readonly Host[];
  readonly healthy: readonly Host[];
  readonly degraded: readonly Host[];
  readonly localities: readonly LocalitySet[];
}

export interface PriorityLoads {
  /** Per cent of the load on the healthy (degraded) hosts of each priority; together 100, or 0 when nothing is available. */
  readonly healthy: readonly number[];
  readonly degraded: readonly number[];
  readonly panic: readonly boolean[];
}

export interface PrioritySettings {
  readonly overprovisioning: number;
  readonly weightedHealth: boolean;
  /** 0 turns panic off. */
  readonly panicThreshold: number;
  /** Priorities that get nothing (a retry that leaves them). */
  readonly excluded?: ReadonlySet<number> | undefined;
}

export function spreadLoad(sets: readonly PrioritySet[], settings: PrioritySettings): PriorityLoads {
  const availability = (hosts: (set: PrioritySet) => readonly Host[]): number[] =>
    sets.map((set, i) => {
      if (settings.excluded?.has(i) === true) return 0;
      const total = amount(set.all, settings.weightedHealth);
      return total === 0
        ? 0
        : Math.min(
            100,
            Math.floor((settings.overprovisioning * 100 * amount(hosts(set), settings.weightedHealth)) / total),
          );
    });
  const healthy = availability((set) => set.healthy);
  const degraded = availability((set) => set.degraded);
  const total = Math.min(100, sum(healthy) + sum(degraded));
  if (total === 0 && settings.panicThreshold > 0) return totalPanic(sets);

  const healthyLoad = distribute(healthy, 100, total);
  const degradedLoad = distribute(degraded, 100 - sum(healthyLoad), total);
  const rest = 100 - sum(healthyLoad) - sum(degradedLoad);
  // What rounding left over goes to the first that has any.
  if (total > 0 && rest > 0) {
    const first = healthyLoad.findIndex((load) => load > 0);
    if (first >= 0) healthyLoad[first] = (healthyLoad[first] as number) + rest;
    else degradedLoad[degradedLoad.findIndex((load) => load > 0)]! += rest;
  }
  return {
    healthy: healthyLoad,
    degraded: degradedLoad,
    panic: sets.map((set) => total < 100 && isPanicking(set, settings.panicThreshold)),
  };
}

function distribute(availability: readonly number[], available: number, total: number): number[] {
  let left = available;
  return availability.map((share) => {
    const load = total === 0 ? 0 : Math.min(left, Math.floor((share * 100) / total));
    left -= load;
    return load;
  });
}

function isPanicking(set: PrioritySet, threshold: number): boolean {
  if (set.all.length === 0) return threshold > 0;
  return (100 * (set.healthy.length + set.degraded.length)) / set.all.length < threshold;
}

/** Nothing is healthy anywhere: every host takes part, priorities by their size. */
function totalPanic(sets: readonly PrioritySet[]): PriorityLoads {
  const hosts = sets.reduce((count, set) => count + set.all.length, 0);
  const healthy = sets.map((set) => (hosts === 0 ? 0 : Math.floor((100 * set.all.length) / hosts)));
  const first = sets.findIndex((set) => set.all.length > 0);
  if (first >= 0) healthy[first] = (healthy[first] as number) + 100 - sum(healthy);
  return { healthy, degraded: sets.map(() => 0), panic: sets.map(() => true) };
}

function amount(hosts: readonly Host[], weighted: boolean): number {
  return weighted ? hosts.reduce((total, host) => total + host.spec.weight, 0) : hosts.length;
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const n of numbers) total += n;
  return total;
}
