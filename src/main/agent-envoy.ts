// A real Envoy in the place of our proxy: the agent relays its xDS, serves its secrets and takes its access log over one Unix socket.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import {
  ACCESS_LOG_PATH,
  accessLogMethod,
  envoyBootstrap,
  RELAYED_PATH,
  RemoteSecrets,
  serviceOfCluster,
  TapStation,
  XdsRelay,
} from '#agent';
import { ENVOY_PEER_ENVIRONMENT } from '#base';
import { processMetrics } from './process-metrics.ts';
import { traceEnvironment } from './trace-environment.ts';
import { AgentSecrets, FileSecrets, makeSdsMethods } from '#identity';
import { gunzip, listenGrpc, SystemFs } from '#io';
import {
  EdgeAggregator,
  encodePeerMetadata,
  IstioMetrics,
  localPeer,
  renderPrometheus,
  StatStore,
  StreamReporter,
} from '#telemetry';
import { GrpcServer } from '#wire/grpc';
import type { AgentProxy, AgentProxyOptions } from './agent-proxy.ts';
import { envoyMetricSettings } from './envoy-metric-settings.ts';
import { EnvoyProcess } from './envoy-process.ts';

const LOOK_MS = 100;
/** Series that nobody adds to any more are looked for so often. */
const EXPIRE_MS = 60_000;
/** Names of clusters are looked up once: the environment of the child is made of them. */
const CLUSTERS_PAGE = '/clusters?format=json';

export async function startEnvoyProxy(options: AgentProxyOptions & { readonly binary: string }): Promise<AgentProxy> {
  const { clock, log, identity, metadata } = options;
  const stats = new StatStore();
  const aggregator = new EdgeAggregator();
  const metrics = new IstioMetrics({ istioVersion: metadata.ISTIO_VERSION, node: { ...metadata } });
  stats.addSource(metrics);
  let child: EnvoyProcess | undefined;
  stats.addSource({ renderPrometheus: () => [processMetrics(child?.usage())] });
  const local = localPeer(metadata);
  const taps = new TapStation({ clock, local });
  const reporter = new StreamReporter({ local, metrics, aggregator, taps });
  const relay = new XdsRelay(identity.channel, () => identity.metadata());
  const secrets = new AgentSecrets({
    workload: identity.secrets,
    files: new FileSecrets({ fs: new SystemFs(), log }),
    remote: new RemoteSecrets(),
  });

  const server = new GrpcServer({ clock, log: log.scope('envoy'), gunzip });
  server.register(RELAYED_PATH, relay.method);
  server.register(
    ACCESS_LOG_PATH,
    accessLogMethod(clock, (side, stats) => {
      if (side === 'refused') return reporter.refusals();
      const { rules, tcpReportMs } = envoyMetricSettings(stats, log);
      return reporter.sink(side, rules, tcpReportMs);
    }),
  );
  for (const [path, method] of await makeSdsMethods(secrets, log)) server.register(path, method);

  // A Unix socket's path is short: not below the mesh's own folder, which may lie deep.
  const folder = mkdtempSync(join(tmpdir(), 'topsail-envoy-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, 'agent.sock');
  const bootstrap = join(folder, 'bootstrap.json');
  const listener = await listenGrpc({ host: socket, port: 0, mode: 0o600, log }, (stream) => server.accept(stream));
  writeFileSync(
    bootstrap,
    envoyBootstrap({
      nodeId: options.nodeId,
      cluster: options.cluster,
      metadata,
      adminPort: options.adminPort,
      socket,
    }),
    { mode: 0o600 },
  );
  const env = {
    [ENVOY_PEER_ENVIRONMENT.metadata]: encodePeerMetadata(local),
    [ENVOY_PEER_ENVIRONMENT.id]: options.nodeId,
    ...traceEnvironment(local, metadata),
  };
  const envoy = new EnvoyProcess({
    binary: options.binary,
    bootstrap,
    adminPort: options.adminPort,
    env,
    output: options.output?.descriptor ?? 1,
    clock,
    log,
  });
  child = envoy;

  const expire = (): void => {
    metrics.expire(clock.now());
    expiry = clock.setTimer(EXPIRE_MS, expire, { unref: true });
  };
  let expiry = clock.setTimer(EXPIRE_MS, expire, { unref: true });
  let isReady = false;
  let clusters: readonly string[] = [];
  const ready = (async () => {
    while ((await envoy.admin('/ready')) === undefined)
      await new Promise<void>((resolve) => void clock.setTimer(LOOK_MS, resolve));
    clusters = clusterNames(await envoy.admin(CLUSTERS_PAGE));
    isReady = true;
  })();
  return {
    ready,
    aggregator,
    taps,
    isReady: () => isReady && envoy.pid !== undefined,
    services: () => clusters.map(serviceOfCluster).filter((one) => one !== undefined),
    health: () => ({ ...envoy.usage(), activeConnections: 0, activeRequests: 0 }),
    reportHealth: (problem) => relay.reportHealth(problem),
    prometheus: async (exemplars = false) => [...renderPrometheus(stats, { exemplars })].join(''),
    drain: async (patienceMs) => {
      expiry.cancel();
      await envoy.end(patienceMs);
      await listener.close(0);
    },
  };
}

function clusterNames(page: string | undefined): readonly string[] {
  if (page === undefined) return [];
  const parsed = JSON.parse(page) as { readonly cluster_statuses?: readonly { readonly name?: string }[] };
  return (parsed.cluster_statuses ?? []).map(({ name }) => name ?? '');
}
