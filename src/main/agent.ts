// `topsail run` and `topsail gateway`: one workload's agent with the proxy in this very process (design 15), and,
// for `run`, the application as its child, in interception mode NONE (design §3c.3).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { childEnv, HealthProbe, loopbackBlock, nodeMetadata, readWorkloadSpec, TelemetryReporter, type WorkloadSpec } from '#agent';
import { type BoundPort, formatNodeId, type LogLevel } from '#base';
import { createLogger, SystemClock, SystemNet, SystemRandom, serveHttpApi } from '#io';
import { startAgentProxy } from './agent-proxy.ts';
import { startAgentIdentity } from './agent-identity.ts';
import { agentStatusRoutes } from './agent-status.ts';
import { AppProcess } from './app-process.ts';
import { freePorts } from './free-ports.ts';
import { type Home, homeForJoin } from './home.ts';
import { identify } from './process-identity.ts';
import { waitForRun } from './read-run.ts';
import { WORKLOAD_FOLDER } from './stale-records.ts';
import { onShutdown, reportReady } from './supervised.ts';
import { trimHeap } from './trim-heap.ts';
import { VERSION } from './version.ts';

const HOST = '127.0.0.1';
/** What is open may end by itself after SIGTERM; below the supervisor's patience. */
const DRAIN_MS = 1000;

type Flags = Readonly<Record<string, unknown>>;

interface Plan {
  readonly spec: WorkloadSpec;
  readonly home: Home;
  readonly type: 'sidecar' | 'router';
  readonly boundPorts: readonly BoundPort[];
  readonly httpProxyPort: number | undefined;
  readonly block: string | undefined;
  readonly gatewayPorts: Readonly<Record<string, number>>;
  readonly adminPort: number;
  readonly statusPort: number;
  readonly logLevel: LogLevel;
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
  const spec = readWorkloadSpec({ name: text('name'), namespace: text('namespace'), serviceAccount: text('serviceAccount'), labels: text('labels'), ports: list('port') });
  if (typeof spec === 'string') return spec;
  const home = homeForJoin(flags['home']);
  if (home === undefined) return 'No mesh found: there is no .topsail folder here or above. Start one with "topsail demo", or say where it is with --home or $TOPSAIL_HOME.';
  const gatewayPorts = readBinds(list('bind'));
  if (gatewayPorts === undefined) return '--bind takes PORT=PORT, for example 8080=8080.';
  const sidecar = type === 'sidecar';
  const ports = await freePorts(2 + (sidecar ? 1 + 2 * spec.ports.length : 0));
  const [adminPort = 0, statusPort = 0, proxyPort = 0, ...rest] = ports;
  const appPort = Number(flags['appPort'] ?? 0);
  return {
    spec,
    home,
    type,
    boundPorts: spec.ports.map(({ port }, i) => ({ port, appPort: i === 0 && appPort > 0 ? appPort : (rest[2 * i] as number), boundPort: rest[2 * i + 1] as number })),
    httpProxyPort: sidecar ? proxyPort : undefined,
    block: sidecar && process.platform === 'linux' ? loopbackBlock(spec, takenBlocks(home)) : undefined,
    gatewayPorts,
    adminPort,
    statusPort,
    logLevel: text('logLevel') as LogLevel,
  };
}

async function runAgent(plan: Plan, command: readonly string[] | undefined): Promise<number> {
  const { spec, home } = plan;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const net = new SystemNet();
  const log = createLogger({ level: plan.logLevel });
  record(plan, undefined);
  const run = await waitForRun(home, log);
  const identity = await startAgentIdentity({ clock, random, log, spec, tokenSocket: run.tokenSocket, xds: run.xds, version: VERSION });
  const facts = { ip: HOST, boundPorts: plan.boundPorts, httpProxyPort: plan.httpProxyPort, loopbackBlock: plan.block, gatewayPorts: plan.gatewayPorts };
  const metadata = nodeMetadata(spec, facts);
  const nodeId = formatNodeId({ type: plan.type, ip: HOST, workload: spec.name, namespace: spec.namespace, domain: identity.trustDomain });
  const proxy = await startAgentProxy({ clock, random, net, log, identity, nodeId, cluster: `${metadata.LABELS['service.istio.io/canonical-name'] ?? spec.name}.${spec.namespace}`, metadata, adminPort: plan.adminPort });
  const reporter = new TelemetryReporter({
    clock,
    channel: identity.channel,
    aggregator: proxy.aggregator,
    health: () => proxy.health(),
    hello: {
      nodeId, workload: spec.name, namespace: spec.namespace, canonicalService: metadata.LABELS['service.istio.io/canonical-name'] ?? '',
      version: metadata.LABELS['version'] ?? '', proxyVersion: VERSION, capture: 'none',
    },
  });
  const status = await serveHttpApi({ host: HOST, port: plan.statusPort, routes: agentStatusRoutes({ proxy, app: () => app }) });
  let app: AppProcess | undefined;
  let probe: HealthProbe | undefined;
  let stopping = false;
  const stop = async (exitStatus: number): Promise<never> => {
    stopping = true;
    proxy.reportHealth('the workload stops');
    probe?.close();
    await Promise.all([app?.end(DRAIN_MS), proxy.drain(DRAIN_MS)]);
    reporter.close();
    status.close();
    identity.close();
    process.exit(exitStatus);
  };
  onShutdown((reason) => {
    log.info('stopping', { reason });
    void stop(app === undefined ? 0 : 128 + 15);
  });
  await proxy.ready;
  reporter.start();
  const first = plan.boundPorts[0];
  if (command === undefined || first === undefined) proxy.reportHealth(undefined);
  if (command !== undefined) {
    const env = childEnv(spec, {
      appPorts: new Map(plan.boundPorts.map((one) => [one.port, one.appPort])),
      httpProxyPort: plan.httpProxyPort ?? 0, loopbackBlock: plan.block ?? '127.0', services: proxy.services(), domain: identity.trustDomain,
    });
    app = new AppProcess(command, env);
    record(plan, app.pid);
    void app.ended.then(({ status: exitStatus, text }) => {
      if (stopping) return;
      log.error('the application ended', { how: text });
      void stop(exitStatus);
    });
    if (first !== undefined) {
      // Resolves at the application's first answer; its end is told by `ended`.
      await new Promise<void>((answered) => {
        const changed = (healthy: boolean, reason: string): void => {
          proxy.reportHealth(healthy ? undefined : reason);
          if (healthy) answered();
        };
        probe = new HealthProbe({ clock, net, port: first.appPort, changed });
        probe.start();
      });
    }
  }
  log.info('the workload is in the mesh', { identity: `spiffe://${identity.trustDomain}/ns/${spec.namespace}/sa/${spec.serviceAccount}`, capture: 'none' });
  trimHeap();
  reportReady({ capture: 'none', admin: plan.adminPort, status: plan.statusPort });
  return await new Promise<never>(() => {});
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

/** What this workload holds, for `topsail` commands and for the next start's clean-up. */
function record(plan: Plan, appPid: number | undefined): void {
  const folder = join(plan.home.run, WORKLOAD_FOLDER);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { spec, block, boundPorts, httpProxyPort, adminPort, statusPort } = plan;
  const app = appPid === undefined ? undefined : identify(appPid);
  const text = JSON.stringify({ name: spec.name, namespace: spec.namespace, pid: process.pid, app, block, boundPorts, httpProxyPort, adminPort, statusPort });
  writeFileSync(join(folder, `${spec.name}.${spec.namespace}.json`), text, { mode: 0o600 });
}

function takenBlocks(home: Home): ReadonlySet<string> {
  const folder = join(home.run, WORKLOAD_FOLDER);
  const taken = new Set<string>();
  try {
    for (const name of readdirSync(folder)) {
      const { block, pid } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { block?: string; pid: number };
      if (block !== undefined && identify(pid) !== undefined) taken.add(block);
    }
  } catch {
    // The folder is made by the first workload.
  }
  return taken;
}

function fail(message: string): number {
  process.stderr.write(`error: ${message}\n`);
  return 1;
}
