// `topsail proxy`: the data plane alone, started as Envoy is, from a bootstrap file; and startProxy for the agent's process.

import process from 'node:process';
import type { Clock, Logger, LogLevel, Net, Random } from '#base';
import { TYPE_URL } from '#base';
import { FileSecrets, type SecretSource } from '#identity';
import { createLogger, openLogSink, SystemClock, SystemFs, SystemNet, SystemRandom } from '#io';
import { ExtensionRegistry, LogFiles, Proxy } from '#proxy';
import { StatStore, type StreamReporter } from '#telemetry';
import { readBootstrapApart } from './bootstrap-thread.ts';
import type { BootstrapParts } from './read-bootstrap.ts';

export interface StartProxyOptions {
  /** What a bootstrap file brings; undefined = nothing static. */
  readonly bootstrap?: BootstrapParts;
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
  readonly secrets: SecretSource;
  readonly stats?: StatStore;
  /** Metrics and summaries of finished streams. */
  readonly reporter?: StreamReporter;
  /** Filters and sinks; default: all that this build has. */
  readonly extensions?: ExtensionRegistry;
  /** Brings resources: called once, when static ones are applied. */
  readonly feed?: (proxy: Proxy) => void;
}

export interface ProxyHandle {
  readonly proxy: Proxy;
  readonly dynamic: boolean;
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
  /** Listener name -> bound addresses. */
  addresses(): ReadonlyMap<string, readonly { readonly address: string; readonly port: number }[]>;
  /** Access logs: reopened after a rotation. */
  readonly logs: LogFiles;
  drain(limitMs: number): Promise<void>;
  close(): void;
}

/** Throws an Error that names the resource when a static one is refused or can't be bound. */
export async function startProxy(options: StartProxyOptions): Promise<ProxyHandle> {
  const stats = options.stats ?? new StatStore();
  const logs = new LogFiles({ open: openLogSink, clock: options.clock, stats });
  const extensions = options.extensions ?? (await import('./proxy-extensions.ts')).allExtensions(logs);
  const proxy = await Proxy.create({ ...options, stats, extensions });
  let dynamic = false;
  let adminAddress: ProxyHandle['adminAddress'];
  if (options.bootstrap !== undefined) {
    const parts = options.bootstrap;
    dynamic = parts.dynamic;
    adminAddress = parts.adminAddress;
    for (const [typeUrl, resources] of [[TYPE_URL.cluster, parts.clusters], [TYPE_URL.listener, parts.listeners]] as const) {
      const rejects = proxy.applyResources(typeUrl, resources, []);
      if (rejects.length > 0) throw new Error(rejects.map((r) => `${r.name}: ${r.detail}`).join('\n'));
    }
    const unbound = await proxy.config.settled();
    if (unbound.size > 0) throw new Error([...unbound].map(([name, reason]) => `listener ${name}: ${reason}`).join('\n'));
  }
  options.feed?.(proxy);
  return {
    proxy,
    dynamic,
    adminAddress,
    addresses: () => new Map([...proxy.listeners.all()].map((l) => [l.snapshot.name, l.addresses])),
    logs,
    drain: async (limitMs) => {
      await proxy.drain(limitMs);
      await logs.flushAll();
    },
    close: () => proxy.close(),
  };
}

const DRAIN_MS = 10_000;

export async function proxyCommand(options: Readonly<Record<string, unknown>>): Promise<number> {
  const text = (name: string, fallback: string): string => (typeof options[name] === 'string' ? options[name] : fallback);
  const path = text('configPath', text('config', ''));
  const inline = text('configYaml', '');
  const log = createLogger({ level: levelOf(text('logLevel', 'info')) });
  const fs = new SystemFs();
  const content = inline !== '' ? inline : await fs.readText(path);
  if (content === undefined || (path === '' && inline === '')) {
    process.stderr.write(`error: ${path === '' ? 'no configuration: give -c FILE' : `${path}: no such file`}\n`);
    return 1;
  }
  let handle: ProxyHandle;
  try {
    handle = await startProxy({
      bootstrap: await readBootstrapApart(content),
      clock: new SystemClock(), random: new SystemRandom(), net: new SystemNet(), log,
      secrets: new FileSecrets({ fs, log }),
    });
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    return 1;
  }
  if (text('mode', '') === 'validate') {
    process.stdout.write(`configuration '${path}' OK\n`);
    handle.close();
    return 0;
  }
  for (const [name, bound] of handle.addresses()) for (const { address, port } of bound) log.info('listening', { listener: name, address: `${address}:${port}` });
  process.on('SIGUSR1', () => handle.logs.reopenAll());
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  log.info('draining');
  await handle.drain(DRAIN_MS);
  handle.close();
  return 0;
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
