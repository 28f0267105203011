// `topsail run` and `topsail gateway`: one workload's agent with the proxy in this very process (design 15), and,
// for `run`, the application as its child, captured as the machine allows (design §3c).
import { join } from 'node:path';
import process from 'node:process';
import { childEnv, HealthProbe, LEAVING, nodeMetadata, readWorkloadSpec, TelemetryReporter } from '#agent';
import { type BoundPort, formatNodeId, type LogLevel } from '#base';
import { createLogger, LogLevels, SystemClock, SystemNet, SystemRandom, serveHttpApi } from '#io';
import { type AgentCapture, startAgentCapture } from './agent-capture.ts';
import type { AgentProxy, AgentProxyOptions } from './agent-proxy.ts';
import { findEnvoy, NO_ENVOY } from './find-envoy.ts';
import { startAgentIdentity } from './agent-identity.ts';
import { agentStatusRoutes, type AppMetrics } from './agent-status.ts';
import { AppProcess } from './app-process.ts';
import { GRPC_BOOTSTRAP_VARIABLE, serveGrpcClient } from './agent-grpc.ts';
import { claimBlock } from './claim-block.ts';
import { readConcurrency } from './concurrency.ts';
import { CLUSTER_DOMAIN } from './cluster-domain.ts';
import { type CaptureTier, chooseTier, ENVOY_UNCAPTURED } from './capture-tier.ts';
import { freePorts } from './free-ports.ts';
import { homeForJoin } from './home.ts';
import { waitForRun } from './read-run.ts';
import { PORT_FOLDER, removeStaleWorkloads } from './stale-records.ts';
import { onShutdown, reportReady } from './supervised.ts';
import { trimHeap } from './trim-heap.ts';
import { VERSION } from './version.ts';
import { type AccessLog, openWorkloadLog } from './workload-log.ts';
import { type Holdings, holderOf, removeRecord, takenBlocks, writeRecord } from './workload-record.ts';

const HOST = '127.0.0.1';
/** What is open may end by itself after SIGTERM; below the supervisor's patience. */
const DRAIN_MS = 1000;
/** The last second's summary. */
const TOLD_WITHIN_MS = 300;

type Flags = Readonly<Record<string, unknown>>;

interface Plan extends Holdings {
  readonly type: 'sidecar' | 'router';
  readonly gatewayPorts: Readonly<Record<string, number>>;
  readonly bindAddress: string;
  /** Where the application shows its own metrics. */
  readonly appMetrics: AppMetrics | undefined;
  readonly logLevel: LogLevel;
  readonly accessLog: AccessLog;
  readonly concurrency: number;
  /** Path of the binary; undefined = our own proxy, in this process. */
  readonly envoy: string | undefined;
}

export async function runWorkload(command: readonly string[], flags: Flags): Promise<number> {
  const plan = await makePlan('sidecar', flags);
  if (typeof plan === 'string') return fail(plan);
  return await runAgent(plan, command);
}

export async function runGateway(flags: Flags): Promise<number> {
  const plan = await makePlan('router', flags);
  if (typeof plan === 'string') return fail(plan);
  return await runAgent(plan, undefined);
}

async function makePlan(type: Plan['type'], flags: Flags): Promise<Plan | string> {
  const text = (name: string): string => String(flags[name] ?? '');
  const list = (name: string): readonly string[] => (flags[name] as readonly string[] | undefined) ?? [];
  const spec = readWorkloadSpec({
    name: text('name'),
    namespace: text('namespace'),
    serviceAccount: text('serviceAccount'),
    labels: text('labels'),
    ports: list('port'),
  });
  if (typeof spec === 'string') return spec;
  const home = homeForJoin(flags['home']);
  if (home === undefined)
    return 'No mesh found: there is no .topsail folder here or above. Start one with "topsail demo", or say where it is with --home or $TOPSAIL_HOME.';
  const envoy = flags['dataPlane'] === 'envoy' ? findEnvoy() : undefined;
  if (flags['dataPlane'] === 'envoy' && envoy === undefined) return NO_ENVOY;
  const holder = holderOf(home, spec);
  if (holder !== undefined)
    return `A workload called ${spec.name} already runs in namespace ${spec.namespace} (process ${holder}). Stop it, or choose another --name.`;
  const gatewayPorts = readBinds(list('bind'));
  if (gatewayPorts === undefined) return '--bind takes PORT=PORT, for example 8080=8080.';
  const sidecar = type === 'sidecar';
  const wanted = (flags['capture'] ?? 'auto') as CaptureTier | 'auto';
  if (envoy !== undefined && wanted !== 'auto' && wanted !== 'none') return ENVOY_UNCAPTURED;
  const concurrency = workersOf(text('concurrency'));
  if (typeof concurrency === 'string') return concurrency;
  if (concurrency > 1 && envoy !== undefined) return ENVOY_CONCURRENCY;
  const chosen = chooseTier(sidecar && envoy === undefined ? wanted : 'none');
  if (typeof chosen === 'string') return chosen;
  const { tier: capture } = chosen;
  if (concurrency > 1 && capture !== 'none') return CAPTURED_CONCURRENCY;
  const bare = sidecar && capture === 'none';
  const ports = await freePorts(2 + (sidecar ? 1 + 2 * spec.ports.length : 0), join(home.run, PORT_FOLDER));
  const [adminPort = 0, statusPort = 0, proxyPort = 0, ...rest] = ports;
  const appPort = Number(flags['appPort'] ?? 0);
  const metricsPath = text('metrics');
  const boundPorts = spec.ports.map(({ port }, i) => ({
    port,
    // Captured, the application has its ports to itself.
    appPort: i === 0 && appPort > 0 ? appPort : bare ? (rest[2 * i] as number) : port,
    boundPort: capture === 'netns' ? port : (rest[2 * i + 1] as number),
  }));
  return {
    spec,
    home,
    type,
    capture,
    boundPorts,
    httpProxyPort: bare ? proxyPort : undefined,
    block: bare && process.platform === 'linux' ? await claimBlock(spec, takenBlocks(home)) : undefined,
    gatewayPorts,
    bindAddress: text('bindAddress') || HOST,
    adminPort,
    statusPort,
    appMetrics:
      metricsPath.startsWith('/') && boundPorts[0] !== undefined
        ? { port: boundPorts[0].appPort, path: metricsPath }
        : undefined,
    logLevel: text('logLevel') as LogLevel,
    accessLog: (flags['accessLog'] ?? 'stdout') as AccessLog,
    concurrency,
    envoy,
  };
}

async function runAgent(plan: Plan, command: readonly string[] | undefined): Promise<number> {
  const { spec, home } = plan;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const net = new SystemNet();
  const levels = new LogLevels(plan.logLevel);
  const output = openWorkloadLog(plan.accessLog, home, spec);
  const log = createLogger({ level: plan.logLevel, levels, write: output.write });
  removeStaleWorkloads(home.run);
  let capture: AgentCapture | undefined;
  let app: AppProcess | undefined;
  let stop = async (exitStatus: number): Promise<void> => {
    capture?.close();
    removeRecord(plan);
    process.exit(exitStatus);
  };
  onShutdown((reason) => {
    log.info('stopping', { reason });
    void stop(command === undefined ? 0 : 128 + 15);
  });
  try {
    if (plan.capture !== 'none')
      capture = await startAgentCapture({ tier: plan.capture, outside: net, boundPorts: plan.boundPorts, log });
  } catch (error) {
    return fail(
      `--capture ${plan.capture}: ${error instanceof Error ? error.message : String(error)}. Use --capture none to run without.`,
    );
  }
  writeRecord(plan, capture?.netns, undefined);
  const run = await waitForRun(home, log);
  const identity = await startAgentIdentity({
    clock,
    random,
    log,
    spec,
    tokenSocket: run.tokenSocket,
    xds: run.xds,
    version: VERSION,
  });
  const ip = capture?.address ?? HOST;
  const facts = {
    ip,
    ...(plan.envoy === undefined ? {} : { dataPlane: 'envoy' as const }),
    capture: plan.capture,
    boundPorts: plan.boundPorts,
    httpProxyPort: plan.httpProxyPort,
    loopbackBlock: plan.block,
    gatewayPorts: plan.gatewayPorts,
  };
  const metadata = {
    ...nodeMetadata(spec, facts),
    ...(plan.type === 'router' ? { TOPSAIL_GATEWAY_BIND: plan.bindAddress } : {}),
  };
  const nodeId = formatNodeId({
    type: plan.type,
    ip,
    workload: spec.name,
    namespace: spec.namespace,
    domain: CLUSTER_DOMAIN,
  });
  const names = await capture?.serveDns({ clock, random, namespace: spec.namespace, domain: CLUSTER_DOMAIN });
  const cluster = `${metadata.LABELS['service.istio.io/canonical-name'] ?? spec.name}.${spec.namespace}`;
  const proxy = await startDataPlane(plan.envoy, {
    clock,
    random,
    net: capture?.net ?? net,
    log,
    identity,
    nodeId,
    cluster,
    metadata,
    adminPort: plan.adminPort,
    concurrency: plan.concurrency,
    levels,
    output,
    ...(names === undefined ? {} : { names }),
  });
  const grpcPath = process.env[GRPC_BOOTSTRAP_VARIABLE];
  const grpcEnv =
    grpcPath === undefined || command === undefined
      ? {}
      : await serveGrpcClient({ clock, log, identity, nodeId, cluster, metadata, path: grpcPath });
  const reporter = new TelemetryReporter({
    clock,
    channel: identity.channel,
    aggregator: proxy.aggregator,
    taps: proxy.taps,
    health: () => proxy.health(),
    hello: {
      nodeId,
      workload: spec.name,
      namespace: spec.namespace,
      canonicalService: metadata.LABELS['service.istio.io/canonical-name'] ?? '',
      version: metadata.LABELS['version'] ?? '',
      proxyVersion: VERSION,
      capture: plan.capture,
    },
  });
  const status = await serveHttpApi({
    host: HOST,
    port: plan.statusPort,
    routes: agentStatusRoutes({ proxy, app: () => app, metrics: plan.appMetrics, net: capture?.app ?? net, clock }),
  });
  let probe: HealthProbe | undefined;
  let stopping = false;
  const leave = stop;
  stop = async (exitStatus) => {
    if (stopping) return;
    stopping = true;
    proxy.reportHealth(LEAVING);
    probe?.close();
    await Promise.all([app?.end(DRAIN_MS), proxy.drain(DRAIN_MS)]);
    await reporter.finish(TOLD_WITHIN_MS);
    status.close();
    identity.close();
    await leave(exitStatus);
  };
  await proxy.ready;
  reporter.start();
  const first = plan.boundPorts[0];
  if (command === undefined || first === undefined) proxy.reportHealth(undefined);
  if (command !== undefined) {
    const ofMesh = childEnv(spec, {
      appPorts: new Map(plan.boundPorts.map((one) => [one.port, one.appPort])),
      httpProxyPort: plan.httpProxyPort,
      loopbackBlock: plan.block ?? '127.0',
      services: proxy.services(),
      domain: CLUSTER_DOMAIN,
    });
    const env = { ...ofMesh, ...grpcEnv };
    app =
      capture === undefined
        ? AppProcess.spawn(command, env)
        : new AppProcess(capture.start(command, env), command[0] ?? '');
    writeRecord(plan, capture?.netns, app.pid);
    void app.ended.then(({ status: exitStatus, text }) => {
      if (stopping) return;
      if (exitStatus === 0) log.info('the application ended', { how: text });
      else log.error('the application ended', { how: text });
      void stop(exitStatus);
    });
    if (first !== undefined) {
      // Resolves at the application's first answer; its end is told by `ended`.
      await new Promise<void>((answered) => {
        const changed = (healthy: boolean, reason: string): void => {
          proxy.reportHealth(healthy ? undefined : reason);
          if (healthy) answered();
        };
        const silent = (seconds: number): void =>
          log.warn('waiting for the program to listen', notListening(first, seconds));
        probe = new HealthProbe({ clock, net: capture?.app ?? net, port: first.appPort, changed, silent });
        probe.start();
      });
    }
  }
  log.info('the workload is in the mesh', {
    identity: `spiffe://${identity.trustDomain}/ns/${spec.namespace}/sa/${spec.serviceAccount}`,
    capture: plan.capture,
  });
  trimHeap();
  reportReady({ capture: plan.capture, admin: plan.adminPort, status: plan.statusPort });
  return await new Promise<never>(() => {});
}

/** Until then no request comes to it. */
function notListening({ port, appPort }: BoundPort, seconds: number): Readonly<Record<string, string | number>> {
  const remedy =
    port === appPort
      ? `let it listen on ${port}, or leave --port out where it serves nothing`
      : `let it listen on $PORT, which is ${appPort} and stands for ${port}; or say with --app-port where it listens`;
  return { port: appPort, seconds, remedy };
}

const CAPTURED_CONCURRENCY =
  '--concurrency: sockets of a captured workload belong to one thread. Give --capture none with it, or leave it out.';
const ENVOY_CONCURRENCY = '--concurrency is of our own proxy: with --data-plane envoy leave it out.';

function workersOf(text: string): number | string {
  try {
    return readConcurrency(text);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Loads only the one that runs. */
async function startDataPlane(binary: string | undefined, options: AgentProxyOptions): Promise<AgentProxy> {
  if (binary === undefined) return (await import('./agent-proxy.ts')).startAgentProxy(options);
  return (await import('./agent-envoy.ts')).startEnvoyProxy({ ...options, binary });
}

function readBinds(texts: readonly string[]): Record<string, number> | undefined {
  const ports: Record<string, number> = {};
  for (const text of texts) {
    const found = /^(\d{1,5})=(\d{1,5})$/.exec(text);
    if (found === null) return undefined;
    ports[found[1] as string] = Number(found[2]);
  }
  return ports;
}

function fail(message: string): number {
  process.stderr.write(`error: ${message}\n`);
  return 1;
}
