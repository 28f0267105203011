// `topsail run` and `topsail gateway`: one workload's agent with the proxy in this very process (design 15), and,
// for `run`, the application as its child, captured as the machine allows (design §3c).
import { existsSync } from 'node:fs';
import process from 'node:process';
import { childEnv, HealthProbe, LEAVING, nodeMetadata, TelemetryReporter } from '#agent';
import { type BoundPort, formatNodeId } from '#base';
import {
  createLogger,
  ListenerBook,
  LogLevels,
  ProcessSockets,
  SystemClock,
  SystemNet,
  SystemRandom,
  serveHttpApi,
} from '#io';
import { type AgentCapture, startAgentCapture } from './agent-capture.ts';
import { type Inheritance, readInheritance } from './agent-inheritance.ts';
import { makePlan, type Plan } from './agent-plan.ts';
import type { AgentProxy, AgentProxyOptions } from './agent-proxy.ts';
import { AgentReplacement, endStandIn, followAgent } from './agent-replacement.ts';
import { startAgentIdentity } from './agent-identity.ts';
import { agentStatusRoutes } from './agent-status.ts';
import { type App, AppProcess } from './app-process.ts';
import { GRPC_BOOTSTRAP_VARIABLE, serveGrpcClient } from './agent-grpc.ts';
import { holdBlock } from './claim-block.ts';
import { CLUSTER_DOMAIN } from './cluster-domain.ts';
import { InheritedApp } from './inherited-app.ts';
import { onPath } from './on-path.ts';
import { waitForRun } from './read-run.ts';
import { removeStaleWorkloads } from './stale-records.ts';
import { onShutdown, reportReady } from './supervised.ts';
import { plainThreads } from './thread-net.ts';
import { trimHeap } from './trim-heap.ts';
import { VERSION } from './version.ts';
import { WorkloadHealth } from './workload-health.ts';
import { openWorkloadLog } from './workload-log.ts';
import { removeRecord, writeRecord } from './workload-record.ts';

const HOST = '127.0.0.1';
/** What is open may end by itself after SIGTERM; below the supervisor's patience. */
const DRAIN_MS = 1000;
/** The last second's summary. */
const TOLD_WITHIN_MS = 300;

type Flags = Readonly<Record<string, unknown>>;

export async function runWorkload(command: readonly string[], flags: Flags): Promise<number> {
  return await runPlanned('sidecar', flags, command);
}

export async function runGateway(flags: Flags): Promise<number> {
  return await runPlanned('router', flags, undefined);
}

async function runPlanned(type: Plan['type'], flags: Flags, command: readonly string[] | undefined): Promise<number> {
  const inherited = readInheritance();
  const program = command?.[0] ?? '';
  if (command !== undefined && inherited === undefined && onPath(program) === undefined && !existsSync(program)) {
    fail(`${program}: command not found. Name a program on $PATH, or give its path.`);
    return 127;
  }
  const plan = await makePlan(type, flags, inherited);
  if (typeof plan === 'string') return fail(plan);
  return await runAgent(plan, command, inherited);
}

async function runAgent(
  plan: Plan,
  command: readonly string[] | undefined,
  inherited: Inheritance | undefined,
): Promise<number> {
  const { spec, home } = plan;
  const standsIn = inherited?.role === 'stand-in';
  const clock = new SystemClock();
  const random = new SystemRandom();
  const books = { outside: new ListenerBook(inherited?.outside), inside: new ListenerBook(inherited?.inside) };
  const net = new SystemNet(undefined, books.outside);
  const levels = new LogLevels(plan.logLevel);
  const output = openWorkloadLog(plan.accessLog, home, spec);
  const log = createLogger({ level: plan.logLevel, levels, write: output.write });
  if (!standsIn) removeStaleWorkloads(home.run);
  let capture: AgentCapture | undefined;
  let app: App | undefined = inherited?.app === undefined || standsIn ? undefined : new InheritedApp(inherited.app);
  let stop = async (exitStatus: number): Promise<void> => {
    await endStandIn(inherited, clock);
    capture?.close();
    if (!standsIn) removeRecord(plan);
    process.exit(exitStatus);
  };
  onShutdown((reason) => {
    log.info('stopping', { reason });
    void stop(command === undefined || standsIn ? 0 : 128 + 15);
  }, !standsIn);
  if (standsIn) followAgent(inherited.agent, clock, () => void stop(0));
  try {
    if (plan.capture !== 'none')
      capture = await startAgentCapture({
        tier: plan.capture,
        outside: net,
        boundPorts: plan.boundPorts,
        log,
        books,
        inherited: inherited?.namespace === undefined ? undefined : { remains: inherited.namespace, owns: !standsIn },
      });
  } catch (error) {
    return fail(
      `--capture ${plan.capture}: ${error instanceof Error ? error.message : String(error)}. Use --capture none to run without.`,
    );
  }
  if (inherited !== undefined && !standsIn && plan.block !== undefined) await holdBlock(plan.block);
  if (!standsIn) writeRecord(plan, capture?.netns, app?.pid);
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
  const names = capture?.names(spec.namespace, CLUSTER_DOMAIN);
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
    adminPort: standsIn ? 0 : plan.adminPort,
    concurrency: plan.concurrency,
    threads: capture?.threads() ?? plainThreads(net, new ProcessSockets({ book: books.outside })),
    levels,
    output,
    ...(names === undefined ? {} : { names }),
  });
  const grpcPath = process.env[GRPC_BOOTSTRAP_VARIABLE];
  const grpcEnv =
    grpcPath === undefined || command === undefined || standsIn
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
  const replacement = new AgentReplacement({
    plan,
    clock,
    log,
    inherited,
    books,
    capture,
    app: () => (app === undefined ? undefined : { pid: app.pid, program: command?.[0] ?? '' }),
    leave: async (drainMs) => {
      await Promise.all([proxy.drain(drainMs, true), capture?.endDns()]);
      await reporter.finish(TOLD_WITHIN_MS);
      status.close();
      identity.close();
    },
  });
  const status = await serveHttpApi({
    host: HOST,
    port: standsIn ? 0 : plan.statusPort,
    routes: agentStatusRoutes({
      proxy,
      app: () => app,
      metrics: plan.appMetrics,
      net: capture?.app ?? net,
      clock,
      epoch: inherited?.epoch ?? 0,
      replaceProxy: (changed) => replacement.begin(changed),
    }),
  });
  let probe: HealthProbe | undefined;
  let stopping = false;
  const leave = stop;
  stop = async (exitStatus) => {
    if (stopping) return;
    stopping = true;
    // The workload goes on where only we leave.
    if (!standsIn) proxy.reportHealth(LEAVING);
    probe?.close();
    await Promise.all([
      app?.end(DRAIN_MS),
      replacement.end(),
      standsIn ? capture?.endDns() : undefined,
      standsIn ? proxy.drain(replacement.drainMs, true) : proxy.drain(DRAIN_MS),
    ]);
    await reporter.finish(TOLD_WITHIN_MS);
    status.close();
    identity.close();
    await leave(exitStatus);
  };
  await proxy.ready;
  if (names !== undefined) await capture?.serveDns({ clock, random, names });
  const health = new WorkloadHealth((problem) => void (stopping || proxy.reportHealth(problem)));
  if (!standsIn) capture?.guardRules(clock, (reason) => health.exposed(reason));
  reporter.start();
  const first = plan.boundPorts[0];
  if (command === undefined || first === undefined) health.app(undefined);
  if (command !== undefined && inherited === undefined) {
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
  }
  replacement.ready();
  void app?.ended.then(({ status: exitStatus, text }) => {
    if (stopping) return;
    if (exitStatus === 0) log.info('the application ended', { how: text });
    else log.error('the application ended', { how: text });
    void stop(exitStatus);
  });
  if (command !== undefined && first !== undefined) {
    // Resolves at the application's first answer; its end is told by `ended`.
    await new Promise<void>((answered) => {
      const changed = (healthy: boolean, reason: string): void => {
        health.app(healthy ? undefined : reason);
        if (healthy) answered();
      };
      const silent = (seconds: number): void =>
        log.warn('waiting for the program to listen', notListening(first, seconds));
      probe = new HealthProbe({ clock, net: capture?.app ?? net, port: first.appPort, changed, silent });
      probe.start();
    });
  }
  log.info('the workload is in the mesh', {
    identity: `spiffe://${identity.trustDomain}/ns/${spec.namespace}/sa/${spec.serviceAccount}`,
    capture: plan.capture,
  });
  trimHeap();
  if (!standsIn) reportReady({ capture: plan.capture, admin: plan.adminPort, status: plan.statusPort });
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

/** Loads only the one that runs. */
async function startDataPlane(binary: string | undefined, options: AgentProxyOptions): Promise<AgentProxy> {
  if (binary === undefined) return (await import('./agent-proxy.ts')).startAgentProxy(options);
  return (await import('./agent-envoy.ts')).startEnvoyProxy({ ...options, binary });
}

function fail(message: string): number {
  process.stderr.write(`error: ${message}\n`);
  return 1;
}
