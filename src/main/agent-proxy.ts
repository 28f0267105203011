// The proxy inside the agent's process: fed by ADS over the agent's channel, with the agent's certificates.
import process from 'node:process';
import { LeaseStream, type MeshNames, RemoteSecrets, type ServiceAddress, serviceOfCluster, TapStation } from '#agent';
import { type Clock, type Logger, type Net, type NodeMetadata, type Random, TYPE_URL } from '#base';
import { followWants } from '#proxy';
import { AgentSecrets, FileSecrets } from '#identity';
import { Drawer } from '#leases';
import { type LogLevels, ProcessSockets, SystemFs } from '#io';
import {
  EdgeAggregator,
  IstioMetrics,
  type ProxyHealthReading,
  localPeer,
  renderPrometheus,
  StatStore,
  StreamReporter,
} from '#telemetry';
import { type ApplyBatch, DiscoveryClient, type Reject, type XdsBatch } from '#xds';
import type { AgentIdentity } from './agent-identity.ts';
import { GatheredReporting } from './gathered-reporting.ts';
import { serveProxyAdmin } from './proxy-admin.ts';
import { startProxy } from './proxy.ts';
import { processMetrics } from './process-metrics.ts';
import { plainThreads, type ThreadNet } from './thread-net.ts';
import { traceEnvironment } from './trace-environment.ts';
import { VERSION } from './version.ts';
import { installPeerMetadata } from './worker-reporting.ts';
import type { WorkloadLog } from './workload-log.ts';

export interface AgentProxyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
  readonly identity: AgentIdentity;
  readonly nodeId: string;
  readonly cluster: string;
  readonly metadata: NodeMetadata;
  readonly adminPort: number;
  /** What the log levels of the admin page change. */
  readonly levels?: LogLevels;
  /** Where access logs go; default: as the mesh's configuration says. */
  readonly output?: Pick<WorkloadLog, 'open' | 'descriptor'>;
  /** Threads that carry the traffic; default 1: this one. */
  readonly concurrency?: number;
  /** How they get at the network; default: at the host's. */
  readonly threads?: ThreadNet;
  /** The workload's DNS, which the control plane's name table feeds. */
  readonly names?: MeshNames;
}

export interface AgentProxy {
  /** First whole configuration and bound listeners. */
  readonly ready: Promise<void>;
  readonly aggregator: Pick<EdgeAggregator, 'flush'>;
  readonly taps: TapStation;
  isReady(): boolean;
  services(): readonly ServiceAddress[];
  health(): ProxyHealthReading;
  /** Undefined: the application is well. */
  reportHealth(problem: string | undefined): void;
  /** With exemplars it is no Prometheus text any more: for OpenMetrics only. */
  prometheus(exemplars?: boolean): Promise<string>;
  /** `succeeded`: another process accepts on the same sockets. */
  drain(patienceMs: number, succeeded?: boolean): Promise<void>;
}

const LOOK_MS = 20;
const EXPIRE_MS = 60_000;
const LOOPBACK = '127.0.0.1';

export async function startAgentProxy(options: AgentProxyOptions): Promise<AgentProxy> {
  const { clock, random, net, log, identity, metadata } = options;
  const remote = new RemoteSecrets();
  const stats = new StatStore();
  const aggregator = new EdgeAggregator();
  const secrets = new AgentSecrets({
    workload: identity.secrets,
    files: new FileSecrets({ fs: new SystemFs(), log }),
    remote,
  });
  const metrics = new IstioMetrics({ istioVersion: metadata.ISTIO_VERSION, node: { ...metadata } });
  stats.addSource({ renderPrometheus: () => [processMetrics(), options.names?.metrics.render() ?? ''] });
  const local = localPeer(metadata);
  const taps = new TapStation({ clock, local });
  const told = traceEnvironment(local, metadata);
  const self = { metadata, nodeId: options.nodeId };
  const concurrency = options.concurrency ?? 1;
  const leases = new Drawer(clock);
  const leaseStream = new LeaseStream({
    clock,
    channel: identity.channel,
    metadata: () => identity.metadata(),
    nodeId: options.nodeId,
    threads: concurrency,
  });
  const line = leaseStream.open(leases);
  leases.onAsks = (asks) => line.draw(asks);
  leases.onFirstLimit = () => leaseStream.start();
  const handle = await startProxy({
    leases,
    leaseLines: leaseStream,
    clock,
    random,
    net,
    log,
    secrets,
    stats,
    ...(options.output === undefined ? {} : { openLog: options.output.open }),
    self: {
      metadata: { ...metadata },
      serviceName: options.cluster,
      nodeId: options.nodeId,
      address: (metadata.INSTANCE_IPS ?? '').split(',')[0] ?? '',
      environment: (name) => told[name] ?? process.env[name],
    },
    reporter: new StreamReporter({ local, metrics, aggregator, taps }),
    concurrency,
    threads: options.threads ?? plainThreads(net, new ProcessSockets()),
    reporting: { ...self, environment: told },
    ...(options.levels === undefined ? {} : { logLevel: options.levels.all().get('') ?? 'info' }),
  });
  const { proxy, workers } = handle;
  installPeerMetadata(proxy, self);
  const gathered = workers === undefined ? undefined : new GatheredReporting(workers, clock, local);
  stats.addSource(gathered ?? metrics);
  const admin = await serveProxyAdmin({
    clock,
    log,
    handle,
    secrets: identity.secrets,
    levels: options.levels,
    host: LOOPBACK,
    port: options.adminPort,
    bootstrap: new Uint8Array(0),
    node: { id: options.nodeId, cluster: options.cluster, metadata: { ...metadata } },
    options: { service_node: options.nodeId, service_cluster: options.cluster, concurrency },
    ready: () => isReady,
    // The same way out as a signal's.
    quit: () => void process.kill(process.pid, 'SIGTERM'),
  });
  const expire = (): void => {
    metrics.expire(clock.now());
    expiry = clock.setTimer(EXPIRE_MS, expire, { unref: true });
  };
  let expiry = clock.setTimer(EXPIRE_MS, expire, { unref: true });
  let isReady = false;
  // Virtual hosts by themselves: a changed route moves one of them and not a whole table.
  const vhds = process.env['TOPSAIL_VHDS'] !== 'false';
  const seen = new Set<string>();
  const applyAny = (batch: XdsBatch): ReturnType<ApplyBatch> => {
    if (batch.typeUrl === TYPE_URL.nameTable) return applyNames(options.names, batch);
    return batch.typeUrl === TYPE_URL.secret
      ? remote.apply(batch)
      : proxy.applyInSlices(batch.typeUrl, batch.added, batch.removed);
  };
  const apply: ApplyBatch = (batch) => {
    const rejects = applyAny(batch);
    if (rejects instanceof Promise) return rejects.finally(() => void seen.add(batch.typeUrl));
    seen.add(batch.typeUrl);
    return rejects;
  };
  const client = new DiscoveryClient({
    channel: identity.channel,
    clock,
    random,
    log: log.scope('xds'),
    metadata: () => identity.metadata(),
    node: () => ({
      id: options.nodeId,
      cluster: options.cluster,
      metadata: { ...metadata, TOPSAIL_ADMIN_PORT: admin.port, ...(vhds ? { TOPSAIL_VHDS: true } : {}) },
      locality: { region: '', zone: '', subZone: '' },
      userAgent: `topsail/${VERSION}`,
    }),
    apply,
  });
  followWants(proxy, client);
  remote.onWants = (names) => client.subscribe(TYPE_URL.secret, names);
  client.subscribeAll(TYPE_URL.cluster);
  client.subscribeAll(TYPE_URL.listener);
  if (vhds) client.subscribeAll(TYPE_URL.virtualHost);
  if (options.names !== undefined) client.subscribeAll(TYPE_URL.nameTable);
  client.start();

  const hasAll = (): boolean => {
    if (options.names !== undefined && !seen.has(TYPE_URL.nameTable)) return false;
    if (!seen.has(TYPE_URL.cluster) || !seen.has(TYPE_URL.listener) || proxy.config.warmingListeners.length > 0)
      return false;
    if (workers?.settled === false) return false;
    const { endpoints, routes } = proxy.config.wants();
    return (endpoints.size === 0 || seen.has(TYPE_URL.endpoint)) && (routes.size === 0 || seen.has(TYPE_URL.route));
  };
  const ready = (async () => {
    while (!hasAll()) await new Promise<void>((resolve) => void clock.setTimer(LOOK_MS, resolve));
    const unbound = await proxy.config.settled();
    for (const [listener, reason] of unbound) log.error('a listener could not be bound', { listener, reason });
    isReady = true;
  })();
  return {
    ready,
    aggregator: gathered ?? aggregator,
    taps: gathered?.taps ?? taps,
    isReady: () => isReady,
    services: () => Array.from(proxy.clusters.names(), serviceOfCluster).filter((one) => one !== undefined),
    health: () => {
      const { user, system } = process.cpuUsage();
      return {
        cpuSeconds: (user + system) / 1e6,
        rssBytes: process.memoryUsage.rss(),
        activeConnections: gathered?.connections ?? proxy.listeners.connectionCount,
        activeRequests: 0,
      };
    },
    reportHealth: (problem) => client.reportHealth(problem),
    prometheus: async (exemplars = false) => {
      await workers?.look();
      return [...renderPrometheus(workers?.stats ?? stats, { exemplars })].join('');
    },
    drain: async (patienceMs, succeeded = false) => {
      await handle.drain(patienceMs, succeeded);
      await gathered?.gather();
      expiry.cancel();
      admin.close();
      client.close();
      leaseStream.close();
      handle.close();
    },
  };
}

function applyNames(names: MeshNames | undefined, batch: XdsBatch): readonly Reject[] {
  const rejects: Reject[] = [];
  for (const { name, bytes } of batch.added) {
    try {
      names?.update(bytes);
    } catch (error) {
      rejects.push({ name, detail: `no name table: ${error instanceof Error ? error.message : String(error)}` });
    }
  }
  return rejects;
}
