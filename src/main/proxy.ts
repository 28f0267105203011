// `topsail proxy`: the data plane alone, started as Envoy is, from a bootstrap file; and startProxy for the agent's process.

import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import type { LeaseLines } from '#agent';
import type { Clock, Logger, LogLevel, Net, Random } from '#base';
import { TYPE_URL } from '#base';
import type { SecretSource } from '#identity';
import {
  createLogger,
  LogLevels,
  openLogSink,
  ProcessSockets,
  SystemClock,
  SystemFs,
  SystemNet,
  SystemRandom,
  trimMalloc,
} from '#io';
import type { Drawer } from '#leases';
import { type ExtensionRegistry, LogFiles, Proxy, type ProxySelf, type Sharing, type StreamReset } from '#proxy';
import { StatStore, type StreamReporter } from '#telemetry';
import { proxyModules } from './proxy-modules.ts';
import { compileSooner } from './compile-sooner.ts';
import { readConcurrency } from './concurrency.ts';
import { readBootstrapApart } from './bootstrap-process.ts';
import { ProxySources } from './proxy-ads.ts';
import { serveProxyAdmin } from './proxy-admin.ts';
import { ProxyHandOver } from './proxy-hand-over.ts';
import type { ProxyWorkers } from './proxy-workers.ts';
import { memoryShare } from './memory-share.ts';
import type { BootstrapText } from './bootstrap-place.ts';
import type { BootstrapParts } from './read-bootstrap.ts';
import { plainThreads, type ThreadNet } from './thread-net.ts';
import type { ReportingOrder } from './worker-reporting.ts';
import { IdleProgram } from './idle-program.ts';
import { trimHeap } from './trim-heap.ts';

export interface StartProxyOptions {
  /** What a bootstrap file brings; undefined = nothing static. */
  readonly bootstrap?: BootstrapParts;
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
  readonly secrets: SecretSource;
  readonly stats?: StatStore;
  /** What telemetry says of this proxy. */
  readonly self?: ProxySelf;
  /** Metrics and summaries of finished streams. */
  readonly reporter?: StreamReporter;
  /** Filters and sinks; default: all that this build has. */
  readonly extensions?: ExtensionRegistry;
  /** Opens access logs by their path; default: as the path says. */
  readonly openLog?: typeof openLogSink;
  /** Memory in use as a share of what the process may have; default: by its container and heap. */
  readonly memory?: () => number;
  /** Which streams are reset when memory is short; default: as the bootstrap says. */
  readonly streamReset?: StreamReset | undefined;
  /** Threads that carry the traffic; default 1: this one. */
  readonly concurrency?: number;
  /** Needed with `concurrency`. */
  readonly threads?: ThreadNet;
  readonly logLevel?: LogLevel;
  /** With `concurrency`, in an agent: what its workers count finished streams into, and their environment. */
  readonly reporting?: ReportingOrder & { readonly environment: Readonly<Record<string, string>> };
  /** In a worker: what it shares with the others. */
  readonly sharing?: Sharing;
  /** In an agent: draws on limits that all proxies share, */
  readonly leases?: Drawer;
  /** and takes to the control plane what workers ask for. */
  readonly leaseLines?: LeaseLines;
  /** Brings resources: called once, when static ones are applied. */
  readonly feed?: (proxy: Proxy) => void;
}

export interface ProxyHandle {
  readonly proxy: Proxy;
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
  /** Listener name -> bound addresses. */
  addresses(): ReadonlyMap<string, readonly { readonly address: string; readonly port: number }[]>;
  /** Access logs: reopened after a rotation. */
  reopenLogs(): void;
  /** Everything that was logged is written. */
  flushLogs(): Promise<void>;
  /** Undefined where this thread carries the traffic. */
  readonly workers: ProxyWorkers | undefined;
  /** `succeeded`: another process accepts on the same sockets. */
  drain(limitMs: number, succeeded?: boolean): Promise<void>;
  close(): void;
}

/** Throws an Error that names the resource when a static one is refused or can't be bound. */
export async function startProxy(options: StartProxyOptions): Promise<ProxyHandle> {
  compileSooner();
  const stats = options.stats ?? new StatStore();
  const logs = new LogFiles({ open: options.openLog ?? openLogSink, clock: options.clock, stats });
  const workers = (options.concurrency ?? 1) > 1 ? await prepareWorkers(options, stats) : undefined;
  const extensions = options.extensions ?? (await import('./proxy-extensions.ts')).allExtensions(logs);
  const proxy = await Proxy.create({
    ...options,
    stats,
    extensions,
    ...(workers === undefined
      ? {}
      : {
          net: (options.threads as ThreadNet).holding,
          sharing: workers.sharing,
          mirror: (...batch) => workers.mirror(...batch),
        }),
    setV8Flag: setFlagsFromString,
    modules: proxyModules(),
    memory: options.memory ?? memoryShare({ given: process.env['TOPSAIL_MEMORY_LIMIT'] }),
    streamReset: options.streamReset ?? options.bootstrap?.streamReset,
    shrink: () => {
      trimHeap();
      trimMalloc();
    },
  });
  let adminAddress: ProxyHandle['adminAddress'];
  try {
    if (options.bootstrap !== undefined) {
      await applyStatic(proxy, options.bootstrap);
      adminAddress = options.bootstrap.adminAddress;
    }
    await workers?.start(proxy);
  } catch (error) {
    // What is open already would keep the process, and serve.
    proxy.close();
    await workers?.close();
    throw error;
  }
  options.feed?.(proxy);
  // One for the process: pages are not a thread's.
  const program =
    options.sharing === undefined ? new IdleProgram({ clock: options.clock, log: options.log }) : undefined;
  return {
    proxy,
    adminAddress,
    addresses: () => new Map([...proxy.listeners.all()].map((l) => [l.snapshot.name, l.addresses])),
    workers,
    flushLogs: () => logs.flushAll(),
    reopenLogs: () => (workers === undefined ? logs.reopenAll() : workers.reopenLogs()),
    drain: async (limitMs, succeeded = false) => {
      await Promise.all([proxy.drain(limitMs, succeeded), workers?.drain(limitMs, succeeded)]);
      await logs.flushAll();
    },
    close: () => {
      program?.close();
      proxy.close();
      void workers?.close();
    },
  };
}

/** Throws an Error that names what was refused or can't be bound. */
async function applyStatic(proxy: Proxy, { clusters, listeners }: BootstrapParts): Promise<void> {
  for (const [typeUrl, resources] of [
    [TYPE_URL.cluster, clusters],
    [TYPE_URL.listener, listeners],
  ] as const) {
    const rejects = proxy.applyResources(typeUrl, resources, []);
    const list = typeUrl === TYPE_URL.cluster ? 'clusters' : 'listeners';
    const place = (name: string): string =>
      `static_resources.${list}[${resources.findIndex((one) => one.name === name)}]`;
    if (rejects.length > 0) throw new Error(rejects.map((r) => `${place(r.name)}: ${r.name}: ${r.detail}`).join('\n'));
  }
  const unbound = await proxy.config.settled();
  if (unbound.size > 0) throw new Error([...unbound].map(([name, reason]) => `listener ${name}: ${reason}`).join('\n'));
}

async function prepareWorkers(options: StartProxyOptions, stats: StatStore): Promise<ProxyWorkers> {
  if (options.threads === undefined) throw new TypeError('startProxy: concurrency needs threads');
  const [{ ProxyWorkers }, { WorkerLogs }] = await Promise.all([
    import('./proxy-workers.ts'),
    import('./worker-logs.ts'),
  ]);
  const { metadata = {}, serviceName = '', nodeId = '', address = '' } = options.self ?? {};
  return new ProxyWorkers({
    count: options.concurrency ?? 1,
    clock: options.clock,
    log: options.log,
    stats,
    secrets: options.secrets,
    threads: options.threads,
    logs: new WorkerLogs(options.openLog),
    self: { metadata, serviceName, nodeId, address, environment: options.reporting?.environment ?? {} },
    logLevel: options.logLevel ?? 'info',
    streamReset: options.streamReset ?? options.bootstrap?.streamReset,
    reporting: options.reporting,
    leaseLines: options.leaseLines,
  });
}

const DRAIN_S = 10;

async function withPlace(problem: string, texts: readonly BootstrapText[]): Promise<string> {
  return (await import('./bootstrap-place.ts')).placed(problem, texts);
}

export async function proxyCommand(options: Readonly<Record<string, unknown>>): Promise<number> {
  const text = (name: string, fallback: string): string =>
    typeof options[name] === 'string' ? options[name] : fallback;
  const path = text('configPath', text('config', ''));
  const inline = text('configYaml', '');
  const levels = new LogLevels(levelOf(text('logLevel', 'info')));
  const log = createLogger({ level: 'info', levels });
  const fs = new SystemFs();
  const content = path === '' ? undefined : await fs.readText(path);
  if ((content === undefined && path !== '') || (path === '' && inline === '')) {
    const problem = path === '' ? 'no configuration: give -c FILE, or --config-yaml TEXT' : `${path}: no such file`;
    process.stderr.write(`error: ${problem}\n`);
    return 1;
  }
  const texts = [
    { name: path, text: content ?? '' },
    { name: '--config-yaml', text: inline },
  ].filter(({ text: written }) => written !== '');
  let handle: ProxyHandle;
  let bootstrap: BootstrapParts;
  let concurrency: number;
  let drainMs: number;
  let handOver: ProxyHandOver | undefined;
  const handOverPath = text('handOverSocket', '');
  const sockets = new ProcessSockets();
  const clock = new SystemClock();
  const random = new SystemRandom();
  const validates = text('mode', 'serve') === 'validate';
  let sources: ProxySources;
  try {
    concurrency = readConcurrency(text('concurrency', ''));
    const read = await readBootstrapApart(texts.map((one) => one.text)).catch(async (error: Error) => {
      throw new Error(await withPlace(error.message, texts));
    });
    bootstrap = named(read, text('serviceNode', ''), text('serviceCluster', ''));
    for (const field of bootstrap.without) log.warn('bootstrap setting has no effect', { field });
    sources = new ProxySources({ bootstrap, clock, random, log });
    drainMs = readDrainTime(text('drainTimeS', ''));
    handOver =
      handOverPath === '' || validates
        ? undefined
        : await ProxyHandOver.begin({ path: handOverPath, sockets, clock, log });
    const net = validates ? unbinding(new SystemNet()) : new SystemNet(handOver === undefined ? undefined : sockets);
    const metrics =
      bootstrap.node.metadata['NAMESPACE'] === undefined
        ? undefined
        : (await import('./proxy-metrics.ts')).proxyMetrics(bootstrap.node, clock);
    handle = await startProxy({
      bootstrap,
      clock,
      random,
      net,
      log,
      secrets: sources.secrets,
      concurrency: validates ? 1 : concurrency,
      threads: plainThreads(net, sockets),
      logLevel: levelOf(text('logLevel', 'info')),
      self: selfOf(bootstrap),
      ...metrics?.options,
    });
    metrics?.show(handle);
    if (handOver?.hasPredecessor === true) {
      sources.follow(handle.proxy);
      await handOver.serving(() => isReady(handle, bootstrap));
    }
  } catch (error) {
    const { message } = error as Error;
    const refused = message.startsWith('static_resources.');
    process.stderr.write(`error: ${refused ? await withPlace(message, texts) : message}\n`);
    handOver?.close();
    return 1;
  }
  const { secrets } = sources;
  if (validates) {
    process.stdout.write(`configuration '${inline === '' ? path : '--config-yaml'}' OK\n`);
    handle.close();
    return 0;
  }
  for (const [name, bound] of handle.addresses())
    for (const { address, port } of bound) log.info('listening', { listener: name, address: `${address}:${port}` });
  process.on('SIGUSR1', () => handle.reopenLogs());
  const ended = Promise.withResolvers<void>();
  let succeeded = false;
  process.once('SIGTERM', ended.resolve);
  process.once('SIGINT', ended.resolve);
  let admin: { readonly port: number; close(): void } | undefined;
  if (handle.adminAddress !== undefined) {
    const options = {
      config_path: path,
      service_node: text('serviceNode', bootstrap.node.id),
      service_cluster: text('serviceCluster', bootstrap.node.cluster),
      log_level: text('logLevel', 'info'),
      concurrency,
    };
    try {
      admin = await serveProxyAdmin({
        clock,
        log,
        handle,
        secrets,
        levels,
        ...handle.adminAddress,
        node: bootstrap.node,
        options,
        bootstrap: bootstrap.bytes,
        ready: () => isReady(handle, bootstrap),
        quit: ended.resolve,
      });
      log.info('listening', { listener: 'admin', address: `${handle.adminAddress.host}:${admin.port}` });
    } catch (error) {
      process.stderr.write(
        `error: the admin port ${handle.adminAddress.host}:${handle.adminAddress.port} can not be bound: ${(error as Error).message}\n`,
      );
      handle.close();
      return 1;
    }
  }
  if (handOver?.hasPredecessor !== true) sources.follow(handle.proxy);
  await handOver?.offer(() => {
    succeeded = true;
    admin?.close();
    ended.resolve();
  });
  trimHeap();
  await ended.promise;
  log.info('draining');
  handOver?.close();
  await handle.drain(drainMs, succeeded);
  admin?.close();
  sources.close();
  handle.close();
  return 0;
}

/** As its node says, in the environment that it was started in. */
function selfOf({ node: { id, cluster, metadata } }: BootstrapParts): ProxySelf {
  return {
    metadata,
    serviceName: cluster,
    nodeId: id,
    address: '',
    environment: (name) => process.env[name],
  };
}

function readDrainTime(text: string): number {
  if (text === '') return DRAIN_S * 1000;
  if (!/^\d{1,6}$/.test(text)) throw new Error(`--drain-time-s: "${text}" is no number of seconds`);
  return Number(text) * 1000;
}

function isReady(handle: ProxyHandle, bootstrap: BootstrapParts): boolean {
  const { config } = handle.proxy;
  return (bootstrap.ads === undefined ? config.listening : config.ready) && handle.workers?.settled !== false;
}

/** Validation takes no port: another proxy may be serving there. */
function unbinding(net: Net): Net {
  return {
    connect: (options, handler) => net.connect(options, handler),
    resolve: (host) => net.resolve(host),
    listen: async ({ host, port }) => ({ address: host, port, close: () => {} }),
  };
}

/** The command line's word on the node wins over the file's, as in Envoy. */
function named(bootstrap: BootstrapParts, id: string, cluster: string): BootstrapParts {
  const { node } = bootstrap;
  return {
    ...bootstrap,
    node: { ...node, ...(id === '' ? {} : { id }), ...(cluster === '' ? {} : { cluster }) },
  };
}

function levelOf(name: string): LogLevel {
  switch (name) {
    case 'trace':
    case 'debug':
      return 'debug';
    case 'warning':
    case 'warn':
      return 'warn';
    case 'error':
    case 'critical':
    case 'off':
      return 'error';
    default:
      return 'info';
  }
}
