// `topsail discovery`: the control plane of one machine. Files -> configuration -> registry -> snapshots -> xDS, beside
// it the authority, the way back, the API and its page. Everything listens on loopback only.
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { apiRoutes, debugRoutes, type RunJson } from '#api';
import { createLogger, gunzip, listenGrpc, serveHttpApi, SystemClock, SystemFs } from '#io';
import type { LogLevel } from '#base';
import { Pusher } from '#push';
import { XdsServer } from '#xds';
import { GrpcServer } from '#wire/grpc';
import { startDiscoveryIdentity, TRUST_DOMAIN } from './discovery-identity.ts';
import { openConfig } from './discovery-config.ts';
import { discoveryMetrics } from './discovery-metrics.ts';
import { DiscoveryTelemetry } from './discovery-telemetry.ts';
import { makeTranslation } from './discovery-translate.ts';
import { DiscoveryBackend } from './discovery-xds.ts';
import { type Home, homeForStart, makeHome } from './home.ts';
import { type Joined, JoinedConfig } from './joined-config.ts';
import { makeMesh } from './mesh-model.ts';
import { ProgramTracker } from './program-tracker.ts';
import { dumpProxy, proxyJson } from './proxy-json.ts';
import { onShutdown, reportReady } from './supervised.ts';
import { trimHeap } from './trim-heap.ts';
import { VERSION } from './version.ts';

const HOST = '127.0.0.1';
const CLUSTER = 'Kubernetes';

export async function discovery(options: Readonly<Record<string, unknown>>): Promise<number> {
  const clock = new SystemClock();
  const fs = new SystemFs();
  const log = createLogger({ level: String(options['logLevel'] ?? 'info') as LogLevel });
  const home = homeForStart(options['home']);
  makeHome(home);
  const startedMs = clock.wallTime();

  const identity = await startDiscoveryIdentity({ clock, fs, log, stateFolder: home.state });
  const telemetry = new DiscoveryTelemetry({ clock, log });
  const pusher = new Pusher({ clock, domain: TRUST_DOMAIN, cluster: CLUSTER });
  const joined = new JoinedConfig({
    clock,
    log,
    changed: (view, diff) => {
      tracker.viewMade(view, config.generation());
      pusher.configChanged(view, diff);
    },
    save: (all) => void fs.writeText(join(home.state, WORKLOADS_FILE), JSON.stringify(all), { mode: 0o600 }),
    restored: restoreWorkloads(home),
  });
  const tracker: ProgramTracker = new ProgramTracker({ clock, streams: () => xds.status(), snapshot: () => pusher.snapshot });
  const backend = new DiscoveryBackend({ clock, log: log.scope('xds'), identity, pusher, joined, translation: makeTranslation(), rejected: (one) => tracker.rejected(one) });
  pusher.subscribe((snapshot, diff) => tracker.snapshotMade(snapshot, diff));
  const xds = new XdsServer({ backend, clock, log: log.scope('xds') });
  xds.onProgress(() => tracker.progressed());
  const config = await openConfig({ folder: String(options['config'] ?? home.config), stateFolder: home.state, fs, clock, log });
  config.subscribe((view, diff) => joined.baseChanged(view, diff));

  const grpc = new GrpcServer({ clock, log, gunzip });
  xds.register(grpc);
  identity.registerMethods(grpc);
  telemetry.register(grpc, identity);
  const serving = identity.serving();
  const xdsListener = await listenGrpc({ host: HOST, port: Number(options['xdsPort'] ?? 15012), tls: serving, log: log.scope('xds') }, (stream) => grpc.accept(stream));
  identity.onServing((context) => xdsListener.setTls(context));

  const token = randomBytes(32).toString('base64url');
  const addresses: Record<string, string> = {};
  const mesh = makeMesh({
    writer: config.writer,
    joined,
    pusher,
    tracker,
    telemetry,
    proxies: () => xds.status().map((sync) => proxyJson(sync, clock)),
    nodes: () => xds.proxies(),
    dump: (node) => dumpProxy(xds.dump(node.id) ?? new Map()),
    isHealthy: (namespace, name) => pusher.registry.workloads.get(`WorkloadEntry/${namespace}/${name}`)?.healthy,
    metrics: () => discoveryMetrics({ xds, pusher, uptimeMs: clock.wallTime() - startedMs, version: VERSION }),
    facts: { version: VERSION, startedMs, pid: process.pid, home: home.folder, addresses },
  });
  const failed = (error: unknown): void => log.scope('api').error('a request failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  const api = await serveHttpApi({ host: HOST, port: Number(options['port'] ?? 20001), routes: apiRoutes(mesh, clock), token, failed });
  const monitoring = await serveHttpApi({ host: HOST, port: Number(options['monitoringPort'] ?? 15014), routes: debugRoutes(mesh), token, failed });
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
  Object.assign(addresses, { 'live graph': run.address, xDS: `${HOST}:${xdsListener.port}`, monitoring: `http://${HOST}:${monitoring.port}` });
  await fs.writeText(home.runJson, `${JSON.stringify(run, undefined, 2)}\n`, { mode: 0o600 });
  log.info('the control plane is ready', { api: run.address, xds: `${HOST}:${xdsListener.port}`, config: home.config });
  trimHeap();
  reportReady({ api: api.port, xds: xdsListener.port });

  return await new Promise((resolve) => {
    onShutdown((reason) => {
      log.info('stopping', { reason });
      for (const one of [api, monitoring, socket, config, joined, xds]) one.close();
      grpc.endAll('the control plane stops');
      rmSync(home.runJson, { force: true });
      rmSync(home.tokenSocket, { force: true });
      void xdsListener.close(200).then(() => {
        resolve(0);
        process.exit(0);
      });
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
