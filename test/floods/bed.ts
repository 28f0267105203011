// What every flood runs against: a proxy in a process of its own, an application behind it, and a client that must not notice.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { meshEntry } from '../mesh/mesh.ts';
import type { Latency } from './bystander.ts';

const TYPE = 'type.googleapis.com';

export class FloodBed {
  readonly port: number;
  readonly adminPort: number;
  readonly #proxy: ChildProcess;
  readonly #bystander: Worker;

  private constructor(port: number, adminPort: number, proxy: ChildProcess, bystander: Worker) {
    this.port = port;
    this.adminPort = adminPort;
    this.#proxy = proxy;
    this.#bystander = bystander;
  }

  static async start(): Promise<FloodBed> {
    const bystander = new Worker(new URL('./bystander.ts', import.meta.url));
    const [apps] = (await once(bystander, 'message')) as [{ readonly h1: number; readonly h2: number }];
    const [port, adminPort] = [await freePort(), await freePort()];
    const folder = mkdtempSync(join(tmpdir(), 'topsail-flood-'));
    const config = join(folder, 'bootstrap.json');
    writeFileSync(config, JSON.stringify(bootstrap(port, adminPort, apps)));
    const args = [meshEntry(), 'proxy', '-c', config];
    const proxy = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const bed = new FloodBed(port, adminPort, proxy, bystander);
    await bed.#ready();
    rmSync(folder, { recursive: true, force: true });
    await bed.quietly(2000);
    return bed;
  }

  /** Ends everything that was started. */
  async stop(): Promise<void> {
    await this.#bystander.terminate();
    const gone = once(this.#proxy, 'exit');
    this.#proxy.kill('SIGKILL');
    await gone;
  }

  get alive(): boolean {
    return this.#proxy.exitCode === null && this.#proxy.signalCode === null;
  }

  /** Private memory of the proxy, bytes: what a flood could make grow. */
  memory(): number {
    const status = readFileSync(`/proc/${this.#proxy.pid}/status`, 'utf8');
    return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  }

  async stats(): Promise<ReadonlyMap<string, number>> {
    const answer = await fetch(`http://127.0.0.1:${this.adminPort}/stats`);
    const lines = (await answer.text()).split('\n');
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(':')), Number(line.slice(line.lastIndexOf(':') + 1))]),
    );
  }

  /** The other client's latency while `work` runs. */
  async beside<T>(
    work: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly latency: Latency; readonly peak: number }> {
    let peak = 0;
    let over = false;
    this.#bystander.postMessage({ start: this.port });
    const watch = (async () => {
      while (!over && this.alive) {
        peak = Math.max(peak, this.memory());
        await sleep(20);
      }
    })();
    const result = await work();
    over = true;
    await watch;
    this.#bystander.postMessage({ stop: true });
    const [latency] = (await once(this.#bystander, 'message')) as [Latency];
    return { result, latency, peak };
  }

  async quietly(ms: number): Promise<Latency> {
    return (await this.beside(() => sleep(ms))).latency;
  }

  async #ready(): Promise<void> {
    for (const end = performance.now() + 30_000; performance.now() < end; await sleep(50)) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/small`).catch(() => undefined);
      if (answer?.status === 200) return;
    }
    throw new Error('the proxy did not start');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function bootstrap(port: number, adminPort: number, apps: { readonly h1: number; readonly h2: number }): object {
  const address = (at: number): object => ({ socket_address: { address: '127.0.0.1', port_value: at } });
  const cluster = (name: string, at: number, extra: object = {}): object => ({
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: {
      thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }],
    },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(at) } }] }] },
    ...extra,
  });
  const manager = {
    '@type': `${TYPE}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'flood',
    request_headers_timeout: '1s',
    stream_idle_timeout: '1s',
    request_timeout: '2s',
    common_http_protocol_options: { idle_timeout: '1.5s' },
    route_config: {
      name: 'r',
      virtual_hosts: [
        { name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }] },
      ],
    },
    http_filters: [
      { name: 'router', typed_config: { '@type': `${TYPE}/envoy.extensions.filters.http.router.v3.Router` } },
    ],
  };
  return {
    node: { id: 'flood', cluster: 'flood' },
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: [
        { name: 'l', address: address(port), filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }] },
      ],
      clusters: [cluster('app', apps.h1)],
    },
  };
}
