// `topsail demo`: a whole mesh on this machine under one supervisor: control plane, gateway, bookshop, light load.
import { join } from 'node:path';
import process from 'node:process';
import { callHttp } from '#io';
import { type CaptureTier, chooseTier, ENVOY_UNCAPTURED } from './capture-tier.ts';
import { type DemoPorts, demoPorts, freeBase, takenPorts } from './demo-ports.ts';
import { readyScreen } from './demo-screen.ts';
import { startDemoLoad } from './demo-load.ts';
import { demoSettles } from './demo-settles.ts';
import { bookshopSpecs, discoverySpec, gatewaySpec } from './demo-processes.ts';
import { type Home, homeForStart, makeHome, rootFolder } from './home.ts';
import { PORT_FOLDER, removeRecords, removeStale, runningSupervisor, writeRecords } from './stale-records.ts';
import { onShutdown } from './supervised.ts';
import { type ReadyFacts, Supervisor } from './supervisor.ts';
import { fullDisk, systemFailure } from './system-failure.ts';
import { findEnvoy, NO_ENVOY } from './find-envoy.ts';
import { claimPorts } from './free-ports.ts';
import { watchLauncher } from './watch-launcher.ts';

const READY_WITHIN_MS = 60_000;
/** Longer than that no page waits: its own answer tells more. */
const SETTLED_WITHIN_MS = 10_000;
const PAGE_WITHIN_MS = 15_000;

export async function demo(options: Readonly<Record<string, unknown>>): Promise<number> {
  const problem = unsupported(options);
  if (problem !== undefined) return fail(problem);
  const base = options['portBase'] === undefined ? undefined : Number(options['portBase']);
  if (base !== undefined && !(Number.isInteger(base) && base >= 1024 && base <= 65_000))
    return fail(`--port-base ${String(options['portBase'])} is no port: give a number from 1024 to 65000.`);
  const home = homeForStart(options['home']);
  const other = runningSupervisor(home.run);
  if (other !== undefined)
    return fail(
      `A mesh already runs in ${home.folder} (process ${other}). Stop that one, or give another folder with --home.`,
    );
  const stale = removeStale(home.run);
  if (stale > 0) say(`Ended ${stale} ${stale === 1 ? 'process' : 'processes'} that an earlier run left behind.`);
  const ports = demoPorts(base);
  const taken = await takenPorts(ports);
  if (taken.length > 0) return fail(await takenText(taken));
  makeHome(home);
  return await run(home, ports, {
    load: options['load'] !== false,
    capture: String(options['capture'] ?? 'auto'),
    envoy: options['dataPlane'] === 'envoy',
    tracing: String(options['tracing'] ?? ''),
    prometheus: String(options['prometheus'] ?? ''),
  });
}

/** Where the dashboard reads what the mesh does not keep; '' = nowhere. */
interface Sources {
  readonly tracing: string;
  readonly prometheus: string;
}

async function run(
  home: Home,
  ports: DemoPorts,
  options: { readonly load: boolean; readonly capture: string; readonly envoy: boolean } & Sources,
): Promise<number> {
  const root = rootFolder();
  // Keys and certificates are only needed on the first start.
  const { seedConfig } = await import('./seed-config.ts');
  if (seedConfig(home.config, join(root, 'examples/bookshop'), Date.now()))
    say(`Wrote the bookshop's configuration to ${home.config}`);
  const supervisor = new Supervisor({
    logFolder: home.logs,
    node: process.execPath,
    entry: [process.argv[1] as string],
    say,
    changed: (running) => writeRecords(home.run, running),
  });
  // Its gateway listens only when it has its configuration; until then nobody else may choose those ports.
  const release = claimPorts(Object.values(ports) as number[], join(home.run, PORT_FOLDER));
  const cleanUp = (): void => {
    release();
    removeRecords(home.run);
  };
  let load: { stop(): void } | undefined;
  let stopping = false;
  const stopped = new Promise<number>((resolve) => {
    const stop = (reason: string): void => {
      stopping = true;
      say(`Stopping: ${reason}`);
      load?.stop();
      void supervisor.stop().then(() => {
        cleanUp();
        say('Stopped.');
        resolve(0);
      });
    };
    watchLauncher(onShutdown(stop));
  });
  try {
    const started = performance.now();
    const capture = await startAll(supervisor, home, ports, {
      root,
      capture: options.capture,
      envoy: options.envoy,
      tracing: options.tracing,
      prometheus: options.prometheus,
    });
    const up = demoSettles(home, SETTLED_WITHIN_MS).then(() => pageAnswers(ports.http));
    const answered = await Promise.race([up, stopped.then(() => false)]);
    if (stopping) process.exit(await stopped);
    if (!answered)
      say(
        `The page does not answer yet at http://127.0.0.1:${ports.http}/productpage. Look at "./topsail check --home ${home.folder}".`,
      );
    if (options.load) load = startDemoLoad(ports.http);
    process.stdout.write(
      readyScreen({
        ports,
        home: home.folder,
        capture,
        load: options.load,
        envoy: options.envoy,
        seconds: (performance.now() - started) / 1000,
      }),
    );
  } catch (error) {
    // What ends because it was told to is no failure.
    if (stopping) process.exit(await stopped);
    const said = systemFailure(error) ?? (error instanceof Error ? error.message : String(error));
    process.stderr.write(`error: ${[said, fullDisk(home.folder)].filter((line) => line !== undefined).join('\n')}\n`);
    await supervisor.stop();
    cleanUp();
    return 1;
  }
  const status = await stopped;
  // The interval of a late timer must not hold us: everything that was ours is over.
  process.exit(status);
}

async function startAll(
  supervisor: Supervisor,
  home: Home,
  ports: DemoPorts,
  options: { readonly root: string; readonly capture: string; readonly envoy: boolean } & Sources,
): Promise<string> {
  const parts = { home, ports, ...options };
  await supervisor.start(discoverySpec(parts), READY_WITHIN_MS);
  const facts: ReadyFacts[] = await Promise.all(
    [gatewaySpec(parts), ...bookshopSpecs(parts)].map((spec) => supervisor.start(spec, READY_WITHIN_MS)),
  );
  return String(facts.at(-1)?.['capture'] ?? 'none');
}

/** The proof that all parts work together. */
async function pageAnswers(port: number): Promise<boolean> {
  const end = Date.now() + PAGE_WITHIN_MS;
  while (Date.now() < end) {
    const answer = await callHttp({
      target: { host: '127.0.0.1', port },
      method: 'GET',
      path: '/productpage',
      timeoutMs: 2000,
    });
    if (answer?.status === 200) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

function unsupported(options: Readonly<Record<string, unknown>>): string | undefined {
  if (options['dataPlane'] === 'envoy' && findEnvoy() === undefined) return NO_ENVOY;
  const capture = (options['capture'] ?? 'auto') as CaptureTier | 'auto';
  if (options['dataPlane'] === 'envoy' && capture !== 'auto' && capture !== 'none') return ENVOY_UNCAPTURED;
  const chosen = chooseTier(capture);
  return typeof chosen === 'string' ? chosen : undefined;
}

async function takenText(taken: readonly number[]): Promise<string> {
  const which = taken.length === 1 ? `Port ${taken[0]} is` : `Ports ${taken.join(', ')} are`;
  const base = await freeBase();
  return `${which} taken by another process. ${base === undefined ? 'Choose others with --port-base.' : `Choose free ones: --port-base ${base}`}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(message: string): number {
  process.stderr.write(`error: ${message}\n`);
  return 1;
}
