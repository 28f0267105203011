// What a workload's agent is to do, from its command line and what the machine allows: ports, capture, names.
import { join } from 'node:path';
import process from 'node:process';
import { readWorkloadSpec } from '#agent';
import type { BoundPort, LogLevel } from '#base';
import type { Inheritance } from './agent-inheritance.ts';
import type { AppMetrics } from './agent-status.ts';
import { claimBlock } from './claim-block.ts';
import { type CaptureTier, chooseTier, ENVOY_UNCAPTURED } from './capture-tier.ts';
import { readConcurrency } from './concurrency.ts';
import { findEnvoy, NO_ENVOY } from './find-envoy.ts';
import { freePorts } from './free-ports.ts';
import { homeForJoin } from './home.ts';
import { PORT_FOLDER } from './stale-records.ts';
import type { AccessLog } from './workload-log.ts';
import { type Holdings, holderOf, takenBlocks } from './workload-record.ts';

const HOST = '127.0.0.1';

type Flags = Readonly<Record<string, unknown>>;

export interface Plan extends Holdings {
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

/** A sentence where it can't be. `inherited`: what the process before this one had stays as it is. */
export async function makePlan(type: Plan['type'], flags: Flags, inherited?: Inheritance): Promise<Plan | string> {
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
    return 'No mesh found: there is no .topsail folder here or above. Start one with "topsail demo" (in a checkout: "npm start"), or say where it is with --home or $TOPSAIL_HOME.';
  const envoy = flags['dataPlane'] === 'envoy' ? findEnvoy() : undefined;
  if (flags['dataPlane'] === 'envoy' && envoy === undefined) return NO_ENVOY;
  const holder = inherited === undefined ? holderOf(home, spec) : undefined;
  if (holder !== undefined)
    return `A workload called ${spec.name} already runs in namespace ${spec.namespace} (process ${holder}). Stop it, or choose another --name.`;
  const gatewayPorts = readBinds(list('bind'));
  if (gatewayPorts === undefined) return '--bind takes PORT=PORT, for example 8080=8080.';
  const sidecar = type === 'sidecar';
  const wanted = (flags['capture'] ?? 'auto') as CaptureTier | 'auto';
  if (envoy !== undefined && wanted !== 'auto' && wanted !== 'none') return ENVOY_UNCAPTURED;
  const concurrency = workersOf(inherited?.changed.concurrency ?? text('concurrency'));
  if (typeof concurrency === 'string') return concurrency;
  if (concurrency > 1 && envoy !== undefined) return ENVOY_CONCURRENCY;
  const metricsPath = text('metrics');
  const rest = {
    spec,
    home,
    type,
    gatewayPorts,
    bindAddress: text('bindAddress') || HOST,
    logLevel: (inherited?.changed.logLevel ?? text('logLevel')) as LogLevel,
    accessLog: (flags['accessLog'] ?? 'stdout') as AccessLog,
    concurrency,
    envoy,
  };
  const metricsOf = (port: BoundPort | undefined): AppMetrics | undefined =>
    metricsPath.startsWith('/') && port !== undefined ? { port: port.appPort, path: metricsPath } : undefined;
  if (inherited !== undefined)
    return { ...rest, ...inherited.plan, appMetrics: metricsOf(inherited.plan.boundPorts[0]) };
  const chosen = chooseTier(sidecar && envoy === undefined ? wanted : 'none');
  if (typeof chosen === 'string') return chosen;
  const { tier: capture } = chosen;
  const bare = sidecar && capture === 'none';
  const ports = await freePorts(2 + (sidecar ? 1 + 2 * spec.ports.length : 0), join(home.run, PORT_FOLDER));
  const [adminPort = 0, statusPort = 0, proxyPort = 0, ...pairs] = ports;
  const appPort = Number(flags['appPort'] ?? 0);
  const boundPorts = spec.ports.map(({ port }, i) => ({
    port,
    // Captured, the application has its ports to itself.
    appPort: i === 0 && appPort > 0 ? appPort : bare ? (pairs[2 * i] as number) : port,
    boundPort: capture === 'netns' ? port : (pairs[2 * i + 1] as number),
  }));
  return {
    ...rest,
    capture,
    boundPorts,
    httpProxyPort: bare ? proxyPort : undefined,
    block: bare && process.platform === 'linux' ? await claimBlock(spec, takenBlocks(home)) : undefined,
    adminPort,
    statusPort,
    appMetrics: metricsOf(boundPorts[0]),
  };
}

const ENVOY_CONCURRENCY = '--concurrency is of our own proxy: with --data-plane envoy leave it out.';

function workersOf(text: string): number | string {
  try {
    return readConcurrency(text);
  } catch (error) {
    return (error as Error).message;
  }
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
