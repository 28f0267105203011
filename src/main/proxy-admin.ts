// Serves a proxy's admin pages on loopback: what the process knows (memory, certificates, log levels) joined to what the proxy knows.
import { X509Certificate } from 'node:crypto';
import process from 'node:process';
import type { BoundListener, Clock, Logger } from '#base';
import { MESH_ROOTS, type SecretSource, type SecretValue, WORKLOAD_CERTIFICATE } from '#identity';
import { type LogLevels, serveAdminHttp } from '#io';
import {
  type AdminView,
  type CertificatePairView,
  type CertificateView,
  createAdminHandler,
  makeAdminView,
  type ServerState,
  type WorkersView,
} from '#proxy';
import { DumpProcesses } from './dump-processes.ts';
import type { ProxyHandle } from './proxy.ts';
import type { ProxyWorkers } from './proxy-workers.ts';
import { VERSION } from './version.ts';

export interface ProxyAdminOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly handle: ProxyHandle;
  readonly host: string;
  readonly port: number;
  readonly node: {
    readonly id: string;
    readonly cluster: string;
    readonly metadata: Readonly<Record<string, unknown>>;
  };
  /** Command-line options by Envoy's names. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  readonly bootstrap: Uint8Array;
  readonly secrets: SecretSource;
  /** Undefined: levels are fixed. */
  readonly levels: LogLevels | undefined;
  ready(): boolean;
  quit(): void;
  /** What is started to render a dump; default: this program. */
  readonly renderer?: readonly string[];
  /** How long that one rests after a page. */
  readonly rendererRestMs?: number | undefined;
}

export interface ProxyAdmin {
  readonly port: number;
  readonly view: AdminView;
  close(): void;
}

export async function serveProxyAdmin(options: ProxyAdminOptions): Promise<ProxyAdmin> {
  const { clock, handle, levels, log } = options;
  const startedMs = clock.now();
  const startedWallMs = clock.wallTime();
  const certificates = new WatchedCertificates(options.secrets);
  const state = (): ServerState =>
    handle.proxy.services.draining() ? 'DRAINING' : options.ready() ? 'LIVE' : 'INITIALIZING';
  const dumps = new DumpProcesses({ clock, log, command: options.renderer, restMs: options.rendererRestMs });
  const view = makeAdminView(handle.proxy, {
    server: () => ({
      version: `topsail/${VERSION}`,
      state: state(),
      uptimeMs: clock.now() - startedMs,
      options: options.options,
      node: options.node,
    }),
    memory: () => {
      const { heapUsed, heapTotal, rss } = process.memoryUsage();
      return { allocated: heapUsed, heapSize: heapTotal, resident: rss };
    },
    certificates: () => certificates.pairs(),
    bootstrap: () => ({ bytes: options.bootstrap, updatedWallMs: startedWallMs }),
    logLevels: () => levels?.all() ?? new Map(),
    setLogLevel: (scope, level) => {
      handle.workers?.setLogLevel(scope, level);
      return levels?.set(scope, level) ?? false;
    },
    reopenLogs: () => handle.reopenLogs(),
    workers: handle.workers === undefined ? undefined : workersView(handle.workers),
    quit: () => options.quit(),
    dumpApart: dumps.render,
  });
  const failed = (error: unknown): void =>
    log.error('an admin page failed', { reason: error instanceof Error ? error.message : String(error) });
  const bound: BoundListener = await serveAdminHttp(
    { host: options.host, port: options.port },
    createAdminHandler(view),
    failed,
  );
  return {
    port: bound.port,
    view,
    close: () => {
      certificates.close();
      bound.close();
      dumps.close();
    },
  };
}

function workersView(workers: ProxyWorkers): WorkersView {
  return {
    stats: workers.stats,
    count: workers.count,
    crashes: () => workers.crashes,
    look: () => workers.look(),
    drainListeners: (inboundOnly) => workers.drainListeners(inboundOnly),
    resetCounters: () => workers.resetCounters(),
  };
}

/** The workload's certificate and roots, as they are now. */
class WatchedCertificates {
  #chain = '';
  #roots = '';
  readonly #ends: readonly (() => void)[];

  constructor(secrets: SecretSource) {
    const take = (value: SecretValue): void => {
      if (value.kind === 'certificate') this.#chain = value.certChainPem;
      else if (value.kind === 'trust') this.#roots = value.rootsPem;
    };
    this.#ends = [WORKLOAD_CERTIFICATE, MESH_ROOTS].map((name) => secrets.subscribe(name, take));
  }

  *pairs(): Iterable<CertificatePairView> {
    if (this.#chain === '' && this.#roots === '') return;
    yield { ca: certificatesOf(this.#roots, MESH_ROOTS), chain: certificatesOf(this.#chain, WORKLOAD_CERTIFICATE) };
  }

  close(): void {
    for (const end of this.#ends) end();
  }
}

function certificatesOf(pem: string, path: string): CertificateView[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((one) => {
    const read = new X509Certificate(one);
    const names = (read.subjectAltName ?? '').split(', ');
    const sans = (kind: string): string[] =>
      names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length));
    return {
      path,
      serialNumber: read.serialNumber.toLowerCase(),
      uriSans: sans('URI:'),
      dnsSans: sans('DNS:'),
      notBeforeMs: Date.parse(read.validFrom),
      notAfterMs: Date.parse(read.validTo),
    };
  });
}
