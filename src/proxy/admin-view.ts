// What the admin pages read, taken from the running proxy: listeners, clusters with their live hosts, resources as they came.

import { type LogLevel, TYPE_URL } from '#base';
import { appendMessages } from '#proto/light.ts';
import type {
  AdminView,
  ClusterView,
  DumpedKind,
  DumpedResource,
  HostView,
  ListenerView,
  ServerFacts,
  ThresholdView,
} from './admin/index.ts';
import { type Breaker, HEALTH, type Host } from './cluster/index.ts';
import { withWorkers, type WorkersView } from './admin/workers-view.ts';
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

/** envoy.config.route.v3.RouteConfiguration.virtual_hosts */
const VIRTUAL_HOSTS = 2;

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
    clusters: () => Array.from(proxy.clusters.all(), clusterView),
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

function clusterView(cluster: Cluster): ClusterView {
  const { message } = cluster.settings;
  return {
    name: cluster.name,
    observabilityName: message.altStatName === '' ? cluster.name : message.altStatName,
    addedViaApi: true,
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

function resources(proxy: Proxy, kind: DumpedKind): DumpedResource[] {
  const warming = new Set(proxy.config.warmingListeners);
  return [...(proxy.config.held().get(TYPE_OF[kind]) ?? [])].map(([name, held]) => ({
    name,
    version: held.version,
    bytes: kind === 'route' ? withVirtualHosts(proxy, name, held.bytes) : held.bytes,
    updatedWallMs: held.updatedWallMs,
    isStatic: held.version === '',
    state: kind === 'listener' && warming.has(name) ? 'warming' : 'active',
  }));
}

/** As if those that came by themselves had come with it. */
function withVirtualHosts(proxy: Proxy, table: string, bytes: Uint8Array): Uint8Array {
  const hosts = [...(proxy.config.held().get(TYPE_URL.virtualHost) ?? [])]
    .filter(([name]) => name.startsWith(`${table}/`))
    .map(([, held]) => held.bytes);
  return hosts.length === 0 ? bytes : appendMessages(bytes, VIRTUAL_HOSTS, hosts);
}

function unready(proxy: Proxy): string[] {
  const missing: string[] = [];
  if (!proxy.config.held().has(TYPE_URL.cluster)) missing.push('CDS');
  if (!proxy.config.held().has(TYPE_URL.listener)) missing.push('LDS');
  for (const name of proxy.clusters.missingEndpoints()) missing.push(`EDS ${name}`);
  for (const name of proxy.config.warmingListeners) missing.push(`RDS of ${name}`);
  return missing;
}
