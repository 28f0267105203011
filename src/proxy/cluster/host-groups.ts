// Sorts live hosts into priorities and localities, and each of these by health.

import { HEALTH, type Host, type Locality } from './host.ts';
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
  // Hosts come in the order of their assignment, whose groups share one locality: most are of the same as the one before.
  let sameLocality: Locality | undefined;
  let samePriority = -1;
  let group = draft(0);
  for (const host of hosts) {
    const { priority, locality, localityWeight } = host.spec;
    while (drafts.length <= priority) drafts.push({ set: draft(0), localities: new Map() });
    if ((host.unhealthy & HEALTH.pendingFirstCheck) !== 0) continue;
    const { set, localities } = drafts[priority] as (typeof drafts)[number];
    if (locality !== sameLocality || priority !== samePriority) {
      sameLocality = locality;
      samePriority = priority;
      const key = `${locality.region}/${locality.zone}/${locality.subZone}`;
      const known = localities.get(key);
      group = known ?? draft(localityWeight);
      if (known === undefined) localities.set(key, group);
    }
    put(host, set);
    put(host, group);
  }
  return drafts.map(({ set, localities }) => ({
    all: set.all,
    healthy: set.healthy,
    degraded: set.degraded,
    localities: [...localities.values()] satisfies LocalitySet[],
  }));
}

function put(host: Host, into: Draft): void {
  into.all.push(host);
  if (host.unhealthy === 0) (host.degraded ? into.degraded : into.healthy).push(host);
}

function draft(weight: number): Draft {
  return { weight, all: [], healthy: [], degraded: [] };
}
