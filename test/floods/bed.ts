// What every flood runs against: a proxy in a process of its own, an application behind it, and a client that must not notice.
//
// Attackers are this thread, the application that they ask another one, the client with its own application a third, the proxy a
// process: on two cores they take time from each other, which on a network they would not. So what the client sees under attack is
// compared with what it sees beside threads that burn as much CPU as attackers and their application did, and send nothing
// (`burning`): what is left is the proxy's doing.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { cluster, httpListener } from '../proxy-life/config.ts';
import { freePort } from '../mesh/test-ports.ts';
import { ProxyProcess } from '../proxy-life/proxy-process.ts';
import { burn, threadMs } from './burn.ts';
import type { Latency } from './bystander.ts';

/** Short, so that what holds things is cut within a test's time. */
const LIMITS = {
  request_headers_timeout: '1s',
  stream_idle_timeout: '1s',
  request_timeout: '2s',
  common_http_protocol_options: { idle_timeout: '1.5s' },
};
const ROUTES = [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }];

/** What others saw while something went on. */
export interface Beside {
  readonly latency: Latency;
  readonly seconds: number;
  /** Cores that were used by the attackers, */
  readonly ownCores: number;
  /** by their application, */
  readonly appCores: number;
  /** and by the proxy. */
  readonly proxyCores: number;
  /** The proxy's private memory at the worst moment, bytes. */
  readonly peak: number;
}

export class FloodBed {
  /** Where floods go that hold things: what waits is cut soon. */
  readonly port: number;
  /** Where floods go that do too much: no time-out may come before the limit that must end them. */
  readonly busyPort: number;
  readonly #others: number;
  readonly #proxy: ProxyProcess;
  readonly #bystander: Worker;
  readonly #app: Worker;

  private constructor(
    [port, busyPort, others]: readonly [number, number, number],
    proxy: ProxyProcess,
    bystander: Worker,
    app: Worker,
  ) {
    this.port = port;
    this.busyPort = busyPort;
    this.#others = others;
    this.#proxy = proxy;
    this.#bystander = bystander;
    this.#app = app;
  }

  static async start(): Promise<FloodBed> {
    const bystander = new Worker(new URL('./bystander.ts', import.meta.url));
    const attacked = new Worker(new URL('./attacked-app.ts', import.meta.url));
    const [[own], [app]] = (await Promise.all([once(bystander, 'message'), once(attacked, 'message')])) as [
      [number],
      [number],
    ];
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const proxy = await ProxyProcess.start({
      // The other client has its own door: limits that are short for an attacker are too short for a machine in need.
      listeners: [
        httpListener('flood', ports[0], ROUTES, LIMITS),
        httpListener('busy', ports[1], ROUTES),
        httpListener('others', ports[2], [{ match: { prefix: '/' }, route: { cluster: 'own', timeout: '0s' } }]),
      ],
      clusters: [cluster('app', [app]), cluster('own', [own])],
    });
    const bed = new FloodBed(ports, proxy, bystander, attacked);
    await bed.quietly(2000);
    return bed;
  }

  /** Ends everything that was started. */
  async stop(): Promise<void> {
    await Promise.all([this.#bystander.terminate(), this.#app.terminate()]);
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
  async beside<T>(work: () => Promise<T>): Promise<Beside & { readonly result: T }> {
    let peak = 0;
    let over = false;
    const beganMs = performance.now();
    const ownMs = threadMs();
    const appMs = await this.#appMs();
    const proxyMs = this.#proxy.cpuMs();
    this.#bystander.postMessage({ start: this.#others });
    const watch = (async () => {
      while (!over && this.alive) {
        peak = Math.max(peak, this.memory());
        await sleep(20);
      }
    })();
    const result = await work();
    const ms = performance.now() - beganMs;
    const ownCores = (threadMs() - ownMs) / ms;
    const proxyCores = this.alive ? (this.#proxy.cpuMs() - proxyMs) / ms : 0;
    const appCores = ((await this.#appMs()) - appMs) / ms;
    over = true;
    await watch;
    this.#bystander.postMessage({ stop: true });
    const [latency] = (await once(this.#bystander, 'message')) as [Latency];
    return { result, latency, peak, proxyCores, ownCores, appCores, seconds: ms / 1000 };
  }

  async quietly(ms: number): Promise<Latency> {
    return (await this.beside(() => sleep(ms))).latency;
  }

  /** Nobody attacks, and so much CPU is used for nothing. */
  async burning({ ownCores, appCores }: Beside, ms: number): Promise<Latency> {
    this.#app.postMessage({ burn: appCores, ms });
    return (await this.beside(() => burn(ownCores, ms))).latency;
  }

  async #appMs(): Promise<number> {
    this.#app.postMessage({ cpu: true });
    const [ms] = (await once(this.#app, 'message')) as [number];
    return ms;
  }
}
