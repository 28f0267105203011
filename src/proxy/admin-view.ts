// What the admin pages read, taken from the running proxy: listeners, clusters with their live hosts, resources as they came.

import { type LogLevel, TYPE_URL } from '#base';
import type { AdminView, ClusterView, HostView, ListenerView, ServerFacts, ThresholdView } from './admin/index.ts';
import { type Breaker, HEALTH, type Host } from './cluster/index.ts';
import { withWorkers, type WorkersView } from './admin/workers-view.ts';
import type { DumpApart, DumpedKind, DumpedResource } from './dump/dump-view.ts';
import type { Proxy } from './proxy.ts';
import type { Cluster } from './upstream/cluster.ts';

/** What the process knows and the proxy does not. */
export interface ProcessView {
  server(): ServerFacts;
  memory(): ReturnType<AdminView['memory']>;
  certificates(): ReturnType<AdminView['certificates']>;
  bootstrap(): ReturnType<AdminView['bootstrap']>;
  logLevels(): ReadonlyMap<string, LogLevel>;
  setLogLevel(scope: string | undefined, level: LogLevel): boolean;
  reopenLogs(): void;
  quit(): void;
  readonly dumpApart?: DumpApart | undefined;
  /** Undefined where one thread serves. */
  readonly workers?: WorkersView | undefined;
}

const TYPE_OF: Readonly<Record<DumpedKind, string>> = {
  listener: TYPE_URL.listener,
  cluster: TYPE_URL.cluster,
  route: TYPE_URL.route,
  endpoint: TYPE_URL.endpoint,
  secret: TYPE_URL.secret,
};

export function makeAdminView(proxy: Proxy, process: ProcessView): AdminView {
  const { workers } = process;
  if (workers === undefined) return ownView(proxy, process);
  return withWorkers(ownView(proxy, process), workers);
}

function ownView(proxy: Proxy, process: ProcessView): AdminView {
  return {
    stats: proxy.services.stats,
    server: () => process.server(),
    listeners: () => listenerViews(proxy),
    clusters: () => clusterViews(proxy),
    certificates: () => process.certificates(),
    bootstrap: () => process.bootstrap(),
    resources: (kind) => resources(proxy, kind),
    memory: () => process.memory(),
    unready: () => unready(proxy),
    logLevels: () => process.logLevels(),
    setLogLevel: (scope, level) => process.setLogLevel(scope, level),
    drainListeners: ({ inboundOnly }) => {
      for (const listener of proxy.listeners.all())
        if (!inboundOnly || listener.snapshot.direction === 'inbound') listener.drain();
    },
    reopenLogs: () => process.reopenLogs(),
    quit: () => process.quit(),
    dumpApart: process.dumpApart,
  };
}

function listenerViews(proxy: Proxy): ListenerView[] {
  return [...proxy.listeners.all()].map(({ snapshot, addresses }) => {
    const [first, ...rest] = addresses;
    return {
      name: snapshot.name,
      address: first?.address ?? snapshot.host,
      port: first?.port ?? snapshot.port,
      additional: rest,
    };
  });
}

function clusterViews(proxy: Proxy): ClusterView[] {
  const held = proxy.config.held().get(TYPE_URL.cluster);
  return Array.from(proxy.clusters.all(), (cluster) => clusterView(cluster, held?.get(cluster.name)?.version !== ''));
}

function clusterView(cluster: Cluster, addedViaApi: boolean): ClusterView {
  const { message } = cluster.settings;
  return {
    name: cluster.name,
    observabilityName: message.altStatName === '' ? cluster.name : message.altStatName,
    addedViaApi,
    thresholds: { default: thresholds(cluster.breakers.default), high: thresholds(cluster.breakers.high) },
    hosts: [...cluster.allHosts()].map(hostView),
  };
}

function thresholds(breaker: Breaker): ThresholdView {
  return {
    maxConnections: breaker.maxConnections,
    maxPendingRequests: breaker.maxPending,
    maxRequests: breaker.maxRequests,
    maxRetries: breaker.maxRetries,
  };
}

export function hostView(host: Host): HostView {
  const { spec } = host;
  return {
    key: host.key,
    address: spec.internalListener === '' ? spec.address : `envoy://${spec.internalListener}`,
    port: spec.port,
    hostname: spec.hostname,
    healthFlags: healthFlags(host),
    weight: spec.weight,
    priority: spec.priority,
    canary: false,
    region: spec.locality.region,
    zone: spec.locality.zone,
    subZone: spec.locality.subZone,
    successRate: -1,
    cxActive: host.activeConnections,
    cxConnectFail: host.connectFailures,
    cxTotal: host.totalConnections,
    rqActive: host.activeRequests,
    rqError: host.errorRequests,
    rqSuccess: host.successRequests,
    rqTimeout: host.timeoutRequests,
    rqTotal: host.totalRequests,
  };
}

/** As Envoy's /clusters prints them. */
function healthFlags(host: Host): string {
  let text = '';
  if ((host.unhealthy & HEALTH.activeFailed) !== 0) text += '/failed_active_hc';
  if ((host.unhealthy & HEALTH.ejected) !== 0) text += '/failed_outlier_check';
  if ((host.unhealthy & HEALTH.assignment) !== 0) text += '/failed_eds_health';
  if ((host.unhealthy & HEALTH.pendingFirstCheck) !== 0) text += '/pending_active_hc';
  return text;
}

/** As they were when the first was taken; each is made when it is asked for. */
function* resources(proxy: Proxy, kind: DumpedKind): Generator<DumpedResource> {
  const all = [...(proxy.config.held().get(TYPE_OF[kind]) ?? [])];
  const warming = new Set(kind === 'listener' ? proxy.config.warmingListeners : []);
  const hosts = kind === 'route' ? virtualHosts(proxy) : new Map<string, Uint8Array[]>();
  for (const [name, held] of all) {
    const own = hosts.get(name);
    yield {
      name,
      version: held.version,
      bytes: held.bytes,
      ...(own === undefined ? {} : { virtualHosts: own }),
      updatedWallMs: held.updatedWallMs,
      isStatic: held.version === '',
      state: warming.has(name) ? 'warming' : 'active',
    };
  }
}

/** Those that came by themselves, by their table: "table/host", and either may have a slash in it. */
function virtualHosts(proxy: Proxy): Map<string, Uint8Array[]> {
  const byTable = new Map<string, Uint8Array[]>();
  for (const [name, { bytes }] of proxy.config.held().get(TYPE_URL.virtualHost) ?? []) {
    for (let end = name.indexOf('/'); end >= 0; end = name.indexOf('/', end + 1)) {
      const table = name.slice(0, end);
      const list = byTable.get(table);
      if (list === undefined) byTable.set(table, [bytes]);
      else list.push(bytes);
    }
  }
  return byTable;
}

function unready(proxy: Proxy): string[] {
  const missing: string[] = [];
  if (!proxy.config.held().has(TYPE_URL.cluster)) missing.push('CDS');
  if (!proxy.config.held().has(TYPE_URL.listener)) missing.push('LDS');
  for (const name of proxy.clusters.missingEndpoints()) missing.push(`EDS ${name}`);
  for (const name of proxy.config.warmingListeners) missing.push(`RDS of ${name}`);
  return missing;
}
