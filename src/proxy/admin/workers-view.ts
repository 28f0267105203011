// The admin pages of a proxy with several threads: this thread's view, with what the workers count added to it.

import type { StreamedAnswer } from '#base';
import type { StatPages } from '#telemetry';
import type { AdminView, ClusterView, HostView } from './admin-view.ts';
import { json } from './answers.ts';

interface Look {
  readonly lane: number;
  readonly threadId: number;
  readonly connections: number;
  readonly memory: { readonly allocated: number; readonly heapSize: number };
  readonly computed: readonly { readonly name: string; readonly kind: 'counter' | 'gauge'; readonly value: number }[];
  readonly hosts: readonly (readonly [cluster: string, hosts: readonly HostView[]])[];
}

/** What the process knows of its workers. */
export interface WorkersView {
  readonly stats: StatPages;
  readonly count: number;
  crashes(): number;
  look(): Promise<readonly Look[]>;
  drainListeners(inboundOnly: boolean): void;
  resetCounters(): void;
}

/** What each worker has for itself, however many there are. */
const NOT_SHARED: readonly string[] = [
  'upstream connection pools: a connection that rests at one worker serves no other, and counts for max_connections meanwhile',
  'load balancing state: round robin positions, active requests that least request compares, response times, slow start',
  'local_rate_limit_per_downstream_connection: a connection is of one worker',
  'TLS sessions: a client that comes back to another worker makes a whole handshake',
  'answers of resolvers, key sets and authorization services',
  'Istio’s metrics and edges of a worker that died: what the others counted stays',
  'overload: each worker sheds its own connections, all by the memory of the process',
];

export function withWorkers(own: AdminView, workers: WorkersView): AdminView {
  let looks: readonly Look[] = [];
  const stats: StatPages = {
    blocks: () => workers.stats.blocks(),
    named: () => workers.stats.named(),
    sources: () => workers.stats.sources(),
    computedStats: () => {
      const added = new Map<string, number>();
      for (const { computed } of looks)
        for (const { name, value } of computed) added.set(name, (added.get(name) ?? 0) + value);
      return Array.from(workers.stats.computedStats(), ({ name, kind, read }) => ({
        name,
        kind,
        read: () => read() + (added.get(name) ?? 0),
      }));
    },
    resetCounters: () => {
      workers.stats.resetCounters();
      workers.resetCounters();
    },
  };
  return {
    ...own,
    stats,
    refresh: async () => {
      looks = await workers.look();
    },
    clusters: () => addHosts(own.clusters(), looks),
    memory: () => {
      const { allocated, heapSize, resident } = own.memory();
      const sum = (read: (look: Look) => number): number => looks.reduce((total, look) => total + read(look), 0);
      return {
        allocated: allocated + sum(({ memory }) => memory.allocated),
        heapSize: heapSize + sum(({ memory }) => memory.heapSize),
        resident,
      };
    },
    drainListeners: (options) => {
      workers.drainListeners(options.inboundOnly);
      own.drainListeners(options);
    },
    workers: () => ({
      concurrency: workers.count,
      crashes: workers.crashes(),
      workers: looks.map(({ lane, threadId, connections, memory }) => ({
        worker: lane,
        threadId,
        connections,
        heapBytes: memory.allocated,
      })),
    }),
  };
}

export function workersPage(view: AdminView): StreamedAnswer {
  const page = view.workers?.();
  if (page === undefined) return json({ concurrency: 1 });
  const { concurrency, crashes, workers } = page;
  return json({ concurrency, crashes, workers, not_shared: NOT_SHARED });
}

/** Hosts that come by requests (original destinations, names of a forward proxy) are known to workers only. */
function* addHosts(clusters: Iterable<ClusterView>, looks: readonly Look[]): Generator<ClusterView> {
  const byCluster = looks.map(({ hosts }) => new Map(hosts));
  for (const cluster of clusters) {
    const sums = new Map(Array.from(cluster.hosts, (host) => [host.key, host]));
    for (const hosts of byCluster)
      for (const host of hosts.get(cluster.name) ?? []) sums.set(host.key, sumOf(sums.get(host.key), host));
    yield { ...cluster, hosts: sums.values() };
  }
}

function sumOf(host: HostView | undefined, more: HostView): HostView {
  if (host === undefined) return more;
  return {
    ...host,
    cxActive: host.cxActive + more.cxActive,
    cxConnectFail: host.cxConnectFail + more.cxConnectFail,
    cxTotal: host.cxTotal + more.cxTotal,
    rqActive: host.rqActive + more.rqActive,
    rqError: host.rqError + more.rqError,
    rqSuccess: host.rqSuccess + more.rqSuccess,
    rqTimeout: host.rqTimeout + more.rqTimeout,
    rqTotal: host.rqTotal + more.rqTotal,
  };
}
