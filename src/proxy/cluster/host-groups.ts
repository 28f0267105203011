// Sorts live hosts into priorities and localities, and each of these by health.

import { HEALTH, type Host } from './host.ts';
import type { LocalitySet, PrioritySet } from './priority.ts';

interface Draft {
  weight: number;
  readonly all: Host[];
  readonly healthy: Host[];
  readonly degraded: Host[];
}

/** One entry per priority from 0 to the highest in use. Hosts that wait for their first check count as absent. */
export function groupHosts(hosts: Iterable<Host>): readonly PrioritySet[] {
  const drafts: { readonly set: Draft; readonly localities: Map<string, Draft> }[] = [];
  for (const host of hosts) {
    const { priority, locality, localityWeight } = host.spec;
    while (drafts.length <= priority) drafts.push({ set: draft(0), localities: new Map() });
    if ((host.unhealthy & HEALTH.pendingFirstCheck) !== 0) continue;
    const { set, localities } = drafts[priority] as (typeof drafts)[number];
    const key = `${locality.region}/${locality.zone}/${locality.subZone}`;
    let group = localities.get(key);
    if (group === undefined) localities.set(key, (group = draft(localityWeight)));
    for (const into of [set, group]) {
      into.all.push(host);
      if (host.unhealthy === 0) (host.degraded ? into.degraded : into.healthy).push(host);
    }
  }
  return drafts.map(({ set, localities }) => ({
    all: set.all,
    healthy: set.healthy,
    degraded: set.degraded,
    localities: [...localities.values()] satisfies LocalitySet[],
  }));
}

function draft(weight: number): Draft {
  return { weight, all: [], healthy: [], degraded: [] };
}
