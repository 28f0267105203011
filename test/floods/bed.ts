// What every flood runs against: a proxy in a process of its own, an application behind it, and a client that must not notice.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { cluster, httpListener } from '../proxy-life/config.ts';
import { freePort } from '../mesh/test-ports.ts';
import { ProxyProcess } from '../proxy-life/proxy-process.ts';
import type { Latency } from './bystander.ts';

/** Short, so that what holds things is cut within a test's time. */
const LIMITS = {
  request_headers_timeout: '1s',
  stream_idle_timeout: '1s',
  request_timeout: '2s',
  common_http_protocol_options: { idle_timeout: '1.5s' },
};
const ROUTES = [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }];

export class FloodBed {
  /** Where floods go that hold things: what waits is cut soon. */
  readonly port: number;
  /** Where floods go that do too much: no time-out may come before the limit that must end them. */
  readonly busyPort: number;
  readonly #others: number;
  readonly #proxy: ProxyProcess;
  readonly #bystander: Worker;

  private constructor(
    [port, busyPort, others]: readonly [number, number, number],
    proxy: ProxyProcess,
    bystander: Worker,
  ) {
    this.port = port;
    this.busyPort = busyPort;
    this.#others = others;
    this.#proxy = proxy;
    this.#bystander = bystander;
  }

  static async start(): Promise<FloodBed> {
    const bystander = new Worker(new URL('./bystander.ts', import.meta.url));
    const [app] = (await once(bystander, 'message')) as [number];
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const proxy = await ProxyProcess.start({
      // The other client has its own door: limits that are short for an attacker are too short for a machine in need.
      listeners: [
        httpListener('flood', ports[0], ROUTES, LIMITS),
        httpListener('busy', ports[1], ROUTES),
        httpListener('others', ports[2], ROUTES),
      ],
      clusters: [cluster('app', [app])],
    });
    const bed = new FloodBed(ports, proxy, bystander);
    await bed.quietly(2000);
    return bed;
  }

  /** Ends everything that was started. */
  async stop(): Promise<void> {
    await this.#bystander.terminate();
    await this.#proxy.end('SIGKILL');
  }

  get alive(): boolean {
    return this.#proxy.alive;
  }

  /** Private memory of the proxy, bytes: what a flood could make grow. */
  memory(): number {
    return this.#proxy.memory();
  }

  stats(): Promise<ReadonlyMap<string, number>> {
    return this.#proxy.stats();
  }

  /** The other client's latency while `work` runs. */
  async beside<T>(
    work: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly latency: Latency; readonly peak: number }> {
    let peak = 0;
    let over = false;
    this.#bystander.postMessage({ start: this.#others });
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
}
