// `topsail discovery`: the control plane of one machine. Files -> configuration -> registry -> snapshots -> xDS, beside
// it the authority, the way back, the API and its page. Everything listens on loopback only.
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import {
  apiRoutes,
  authzRoutes,
  caRoutes,
  ConfigHistory,
  debugRoutes,
  generatedRoutes,
  prometheusTraffic,
  proxyLiveRoutes,
  readTraceSource,
  RecentRequests,
  type RunJson,
} from '#api';
import { callHttp, createLogger, gunzip, listenGrpc, serveHttpApi, SystemClock, SystemFs, SystemRandom } from '#io';
import type { LogLevel } from '#base';
import { Pusher } from '#push';
import { XdsServer } from '#xds';
import { GrpcServer } from '#wire/grpc';
import { CLUSTER_DOMAIN } from './cluster-domain.ts';
import { dashboardRoutes } from './discovery-dashboard.ts';
import { openPlatform } from './discovery-platform.ts';
import { acrossObjects, heeded, tryEdit } from './across-objects.ts';
import { authzView } from './authz-view.ts';
import { caView } from './ca-view.ts';
import { DiscoveryKeySets } from './discovery-key-sets.ts';
import { discoveryPlugins, PLUGINS_FOLDER } from './discovery-plugins.ts';
import { DiscoveryLeases } from './discovery-leases.ts';
import { discoveryMetrics } from './discovery-metrics.ts';
import { processMetrics } from './process-metrics.ts';
import { scrapeTargets } from './scrape-targets.ts';
import { keepRetained, restoreRetained } from './discovery-retained.ts';
import { DiscoveryTelemetry } from './discovery-telemetry.ts';
import { makeTranslation } from './discovery-translate.ts';
import { placedTranslation } from './placed-translation.ts';
import { DiscoveryBackend } from './discovery-xds.ts';
import { ExtraRoots } from './extra-roots.ts';
import { generatedView } from './generated-view.ts';
import { IdleTrim } from './idle-trim.ts';
import { type Home, homeForStart, makeHome } from './home.ts';
import { type Joined, JoinedConfig } from './joined-config.ts';
import { KeptText } from './kept-text.ts';
import { makeMesh } from './mesh-model.ts';
import { ProgramTracker } from './program-tracker.ts';
import { CauseLines, clusterOf } from './cause-lines.ts';
import { conditionPlaces } from './condition-places.ts';
import { dumpProxy, proxyJson } from './proxy-json.ts';
import { onShutdown, reportReady } from './supervised.ts';
import { trimHeap } from './trim-heap.ts';
import { followTrustDomain } from './trust-domain.ts';
import { UndeclaredPorts } from './undeclared-port.ts';
import { VERSION } from './version.ts';
import { whatIf } from './what-if.ts';

const HOST = '127.0.0.1';
const CLUSTER = 'Kubernetes';
/** Requests remembered of each proxy, for each class of status. */
const RECENT_PER_SECOND = 2;

export async function discovery(options: Readonly<Record<string, unknown>>): Promise<number> {
  const clock = new SystemClock();
  const fs = new SystemFs();
  const log = createLogger({ level: String(options['logLevel'] ?? 'info') as LogLevel });
  const home = homeForStart(options['home']);
  makeHome(home);
  const startedMs = clock.wallTime();

  const platform = await openPlatform({ clock, fs, log, home, options });
  const { identity } = platform;
  const telemetry = new DiscoveryTelemetry({ clock, log });
  const pusher = new Pusher({
    clock,
    domain: CLUSTER_DOMAIN,
    cluster: CLUSTER,
    trustDomain: identity.authority.trustDomain,
    retained: restoreRetained(home),
    given: () => platform.givenAddresses?.() ?? new Map(),
  });
  const allow = (options['jwksAllow'] ?? []) as readonly string[];
  const keySets = new DiscoveryKeySets({ clock, log, pusher, allow });
  const plugins = discoveryPlugins({ clock, log, pusher, options, folder: join(home.state, PLUGINS_FOLDER) });
  const extraRoots = new ExtraRoots({ clock, log: log.scope('ca'), identity, allow });
  const workloads = new KeptText(fs, log, join(home.state, WORKLOADS_FILE));
  const joined = new JoinedConfig({
    clock,
    log,
    changed: (view, diff) => {
      tracker.viewMade(view, config.generation());
      pusher.configChanged(view, diff);
      keySets.configChanged(view);
      plugins.configChanged(view);
    },
    save: (all) => workloads.save(JSON.stringify(all)),
    restored: restoreWorkloads(home),
  });
  const tracker: ProgramTracker = new ProgramTracker({
    clock,
    streams: () => xds.connected(),
    snapshot: () => pusher.snapshot,
  });
  const translation = placedTranslation(makeTranslation(), platform.localityOf);
  const backend = new DiscoveryBackend({
    clock,
    log: log.scope('xds'),
    identity,
    pusher,
    joined,
    translation,
    rejected: (one) => tracker.rejected(one),
  });
  pusher.subscribe((snapshot, diff) => tracker.snapshotMade(snapshot, diff));
  pusher.subscribe((snapshot) => extraRoots.snapshotMade(snapshot));
  pusher.subscribe(followTrustDomain(identity, log.scope('ca')));
  const xds = new XdsServer({ backend, clock, log: log.scope('xds') });
  xds.onProgress(() => {
    tracker.progressed();
    if (pusher.settling)
      pusher.sendersAcknowledged(
        Math.min(pusher.snapshot?.number ?? 0, ...xds.connected().map(({ watermark }) => watermark)),
      );
  });
  const leases = new DiscoveryLeases({
    clock,
    log,
    random: new SystemRandom(),
    snapshot: () => pusher.snapshot,
    connected: () => xds.connected(),
    replicas: () => (platform.replicas === undefined ? 1 : platform.replicas()),
  });
  pusher.subscribe((snapshot, diff) => {
    if (diff.configuration) leases.snapshotMade(snapshot);
  });
  xds.onProgress(() => leases.progressed());
  keepRetained(pusher, home, fs);
  const config = await platform.openConfig((changes) => pusher.podsChanged(changes));
  const history = new ConfigHistory({ clock, textOf: config.texts.textOf });
  config.subscribe(history.changed);
  config.subscribe((view, diff) => joined.baseChanged(view, diff));

  const grpc = new GrpcServer({ clock, log, gunzip });
  xds.register(grpc);
  identity.registerMethods(grpc);
  telemetry.register(grpc, identity);
  leases.register(grpc, identity);
  const serving = identity.serving();
  const xdsListener = await listenGrpc(
    { host: platform.host, port: Number(options['xdsPort'] ?? 15012), tls: serving, log: log.scope('xds') },
    (stream) => grpc.accept(stream),
  );
  identity.onServing((context) => xdsListener.setTls(context));

  const metrics = (): string =>
    discoveryMetrics({
      xds,
      pusher,
      uptimeMs: clock.wallTime() - startedMs,
      version: VERSION,
      certificates: identity.counts,
    }) + processMetrics();
  const token = randomBytes(32).toString('base64url');
  const addresses: Record<string, string> = {};
  const texts = { view: () => joined.view, textOf: config.texts.textOf };
  const causes = new CauseLines(texts);
  const mesh = makeMesh({
    writer: config.writer,
    generation: config.generation,
    joined,
    pusher,
    tracker,
    telemetry,
    proxies: () => xds.status().map((sync) => proxyJson(sync, clock)),
    nodes: () => xds.proxies(),
    dump: async (node) => {
      const dump = xds.dump(node.id) ?? new Map();
      const parts = await dumpProxy(dump);
      return { ...parts, causes: causes.ofDump(parts, dump) };
    },
    placed: conditionPlaces(texts),
    isHealthy: (namespace, name) => pusher.registry.workloads.get(`WorkloadEntry/${namespace}/${name}`)?.healthy,
    metrics,
    facts: { version: VERSION, startedMs, pid: process.pid, home: home.folder, addresses },
  });
  const undeclared = new UndeclaredPorts();
  telemetry.taps.undeclared = (record) =>
    pusher.snapshot === undefined ? undefined : undeclared.find(record, pusher.snapshot.services);
  const failed = (error: unknown): void =>
    log
      .scope('api')
      .error('a request failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  const tracing = readTraceSource(String(options['tracing'] ?? ''));
  const prometheus = prometheusTraffic(String(options['prometheus'] ?? ''), callHttp);
  const seen = { pusher, nodes: () => xds.proxies(), wallTime: () => clock.wallTime() };
  const pages = dashboardRoutes({
    clock,
    fs,
    token,
    traffic: telemetry.graph,
    routes: telemetry.routes,
    taps: telemetry.taps,
    causesOf: (hop) => causes.ofHop(hop, clusterOf(xds, hop)),
    recent: new RecentRequests(telemetry.taps, clock, Number(options['recentRequests'] ?? RECENT_PER_SECOND)),
    whatIf: whatIf({
      snapshot: () => pusher.snapshot,
      registry: () => pusher.registry.view,
      nodes: seen.nodes,
      wallTime: seen.wallTime,
      traffic: telemetry.graph,
    }),
    texts: config.texts,
    checks: {
      tryEdit: (documents) => tryEdit({ ...seen, cluster: CLUSTER, textOf: config.texts.textOf }, documents),
      heeded: (complaints, after) => heeded(pusher, seen.nodes, complaints, after),
    },
    history,
    logFolder: home.logs,
    tracing,
    prometheus,
  });
  const api = await serveHttpApi({
    host: HOST,
    port: Number(options['port'] ?? 20001),
    routes: [
      ...pages,
      ...apiRoutes(mesh, clock),
      ...authzRoutes(
        authzView({ snapshot: () => pusher.snapshot, nodes: () => xds.proxies(), edges: () => mesh.edges() }),
      ),
      ...caRoutes(caView(identity, clock)),
      ...generatedRoutes(
        generatedView({ clock, snapshot: () => pusher.snapshot, nodes: () => xds.proxies(), translation }),
      ),
      ...proxyLiveRoutes(mesh.proxies, callHttp),
    ],
    token,
    failed,
  });
  const monitoring = await serveHttpApi({
    host: HOST,
    port: Number(options['monitoringPort'] ?? 15014),
    routes: [...debugRoutes(mesh), scrapeTargets(home.run, () => run.monitoringPort)],
    token,
    failed,
  });
  const socket = await serveHttpApi({ host: home.tokenSocket, port: 0, routes: identity.tokenRoutes, failed });
  const run: RunJson = {
    pid: process.pid,
    version: VERSION,
    address: `http://${HOST}:${api.port}`,
    token,
    xds: { host: HOST, port: xdsListener.port },
    monitoringPort: monitoring.port,
    tokenSocket: home.tokenSocket,
    startedMs,
  };
  Object.assign(addresses, {
    'live graph': run.address,
    xDS: `${HOST}:${xdsListener.port}`,
    monitoring: `http://${HOST}:${monitoring.port}`,
    ...(prometheus === undefined ? {} : { prometheus: prometheus.url }),
  });
  await fs.writeText(home.runJson, `${JSON.stringify(run, undefined, 2)}\n`, { mode: 0o600 });
  log.info('the control plane is ready', { api: run.address, xds: `${HOST}:${xdsListener.port}`, config: home.config });
  await platform.serving({
    tracker,
    config,
    metrics,
    snapshot: () => pusher.snapshot,
    findings: () => acrossObjects(pusher, xds.proxies()),
    heeded: (complaints) => heeded(pusher, () => xds.proxies(), complaints),
  });
  trimHeap();
  const trim = new IdleTrim(clock);
  reportReady({ api: api.port, xds: xdsListener.port });

  return await new Promise((resolve) => {
    const stop = (): void => {
      for (const one of [api, monitoring, socket, config, joined, keySets, plugins, extraRoots, xds, leases, trim])
        one.close();
      grpc.endAll('the control plane stops');
      rmSync(home.runJson, { force: true });
      rmSync(home.tokenSocket, { force: true });
      void Promise.all([xdsListener.close(200), platform.close()]).then(() => {
        resolve(0);
        process.exit(0);
      });
    };
    onShutdown((reason) => {
      log.info('stopping', { reason });
      if (platform.leaveMs === undefined) stop();
      else clock.setTimer(platform.leaveMs, stop);
    });
  });
}

const WORKLOADS_FILE = 'workloads.json';

/** Those that were joined when an earlier control plane ended; their proxies come back on their own. */
function restoreWorkloads(home: Home): readonly Joined[] {
  try {
    return JSON.parse(readFileSync(join(home.state, WORKLOADS_FILE), 'utf8')) as readonly Joined[];
  } catch {
    return [];
  }
}
