// The process's end of its proxy workers: starts them, mirrors to each what the proxy in this thread is given (which
// judges configuration, asks hosts for their health, and carries no traffic), and puts another in the place of one that died.

import { closeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { LeaseLine, LeaseLines, TapAsk } from '#agent';
import { type Clock, type Logger, type LogLevel, TYPE_URL } from '#base';
import type { SecretSource } from '#identity';
import { type NamedResource, type Proxy, SharedTable, Sharing, type StreamReset } from '#proxy';
import { MergedStats, type StatStore, WorkerStats } from '#telemetry';
import { sharedClockOffset } from './shared-clock.ts';
import type { ThreadNet } from './thread-net.ts';
import type { WorkerLogs } from './worker-logs.ts';
import {
  type FromWorker,
  packBatch,
  type ToWorker,
  type WorkerLook,
  type WorkerOrder,
  type WorkerSelf,
  type WorkerSettled,
  type WorkerSummary,
} from './worker-messages.ts';
import type { ReportingOrder } from './worker-reporting.ts';

export interface ProxyWorkersOptions {
  readonly count: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stats: StatStore;
  readonly secrets: SecretSource;
  readonly threads: ThreadNet;
  readonly logs: WorkerLogs;
  readonly self: WorkerSelf;
  readonly logLevel: LogLevel;
  readonly streamReset: StreamReset | undefined;
  /** In an agent. */
  readonly reporting: ReportingOrder | undefined;
  /** In an agent: to who grants tokens of limits that all proxies share. */
  readonly leaseLines: LeaseLines | undefined;
}

/** A worker that has not answered by then is left out of a page. */
const LOOK_MS = 1_000;
/** A worker that lived that long is replaced at once; one that did not, later and later. */
const STEADY_MS = 10_000;
const RESTART_FIRST_MS = 100;
const RESTART_MAX_MS = 10_000;

export class ProxyWorkers {
  readonly stats: MergedStats;
  readonly sharing: Sharing;
  readonly #options: ProxyWorkersOptions;
  readonly #lanes: number;
  readonly #table: SharedArrayBuffer;
  readonly #threads: (WorkerLink | undefined)[] = [];
  readonly #crashes;
  #proxy: Proxy | undefined = undefined;
  #ending = false;
  #taps: readonly TapAsk[] = [];
  /** Istio's metrics of each worker, as of the last look. */
  expositions: readonly string[] = [];
  /** A worker tells of a request that somebody asked for. */
  onTap: (subscription: bigint, json: string) => void = () => {};

  constructor(options: ProxyWorkersOptions) {
    this.#options = options;
    this.#lanes = options.count + 1;
    this.#table = SharedTable.allocate(this.#lanes);
    this.sharing = new Sharing({
      table: new SharedTable(this.#table, this.#lanes, 0),
      role: 'leader',
      offsetMs: sharedClockOffset(),
      tell: (cluster, host, bits) => this.#sayAll({ kind: 'health', cluster, host, bits }),
    });
    this.#crashes = options.stats.counter('server.worker_crashes');
    options.stats.computed('server.concurrency', 'gauge', () => options.count);
    options.stats.computed('server.workers_alive', 'gauge', () => this.#alive().length);
    // Of clusters that workers call this thread tells members, ejections and breakers: they do not rest here either.
    options.stats.beforeReading(() => {
      for (const { stats } of this.#alive()) for (const name of stats.clusterNames()) this.#proxy?.clusters.get(name);
    });
    this.stats = new MergedStats(options.stats, () => this.#alive().map((link) => link.stats));
  }

  /** For the proxy in this thread. */
  mirror(typeUrl: string, added: readonly NamedResource[], removed: readonly string[]): void {
    for (const link of this.#alive()) link.apply(typeUrl, added, removed);
  }

  /** Static resources are in force here; resolves when all workers listen. Throws an Error that names what can't be bound. */
  async start(proxy: Proxy): Promise<void> {
    this.#proxy = proxy;
    for (let lane = 1; lane < this.#lanes; lane++) this.#start(lane, 0);
    const unbound = (await Promise.all(this.#alive().map((link) => link.ask<WorkerSettled>('settled')))).flatMap(
      (answer) => answer?.unbound ?? [],
    );
    if (unbound.length > 0)
      throw new Error([...new Set(unbound.map(([name, reason]) => `listener ${name}: ${reason}`))].join('\n'));
  }

  /** Every worker has applied what it was given. */
  get settled(): boolean {
    const alive = this.#alive();
    return alive.length === this.#options.count && alive.every((link) => link.pending === 0);
  }

  /** What they count now; a worker that is busy or gone is missing. */
  async look(): Promise<readonly (WorkerLook & { readonly lane: number; readonly threadId: number })[]> {
    const looks = await Promise.all(
      this.#alive().map(async (link) => {
        const look = await Promise.race([link.ask<WorkerLook>('look'), this.#after(LOOK_MS)]);
        return look === undefined ? [] : [{ ...look, lane: link.lane, threadId: link.threadId }];
      }),
    );
    const all = looks.flat();
    this.expositions = all.map(({ exposition }) => exposition);
    return all;
  }

  /** What agents' workers counted since the last call. */
  async summaries(): Promise<readonly WorkerSummary[]> {
    const told = this.#alive().map((link) => Promise.race([link.ask<WorkerSummary>('summary'), this.#after(LOOK_MS)]));
    return (await Promise.all(told)).filter((one) => one !== undefined);
  }

  setTaps(asks: readonly TapAsk[]): void {
    this.#taps = asks;
    this.#sayAll({ kind: 'taps', asks });
  }

  get count(): number {
    return this.#options.count;
  }

  get crashes(): number {
    return this.#crashes.value;
  }

  reopenLogs(): void {
    this.#options.logs.reopenAll();
  }

  /** Ends one as if it had died: another takes its place. */
  async replace(lane: number): Promise<void> {
    await this.#threads[lane]?.stop();
  }

  drainListeners(inboundOnly: boolean): void {
    this.#sayAll({ kind: 'drain-listeners', inboundOnly });
  }

  setLogLevel(scope: string | undefined, level: LogLevel): void {
    this.#sayAll({ kind: 'log-level', scope, level });
  }

  resetCounters(): void {
    this.#sayAll({ kind: 'reset-counters' });
  }

  /** All at once; resolves when the last has nothing open, or its time is up. */
  async drain(limitMs: number, succeeded: boolean): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#alive().map((link) => link.drain(limitMs, succeeded)));
  }

  async close(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#alive().map((link) => link.stop()));
    await this.#options.logs.close();
  }

  #alive(): WorkerLink[] {
    return this.#threads.filter((link) => link !== undefined);
  }

  #sayAll(message: ToWorker): void {
    for (const link of this.#alive()) link.say(message);
  }

  #start(lane: number, failures: number): void {
    const startedMs = this.#options.clock.now();
    const order: WorkerOrder = {
      lane,
      lanes: this.#lanes,
      table: this.#table,
      health: [...this.sharing.board.all()],
      logLevel: this.#options.logLevel,
      streamReset: this.#options.streamReset,
      self: this.#options.self,
      reporting: this.#options.reporting,
      taps: this.#taps,
      capture: this.#options.threads.captured?.order(),
    };
    const link = new WorkerLink(order, this.#options, {
      eject: (cluster, host, cause) => this.#proxy?.clusters.get(cluster)?.askedToEject(host, cause),
      tap: (subscription, json) => this.onTap(subscription, json),
      ended: (reason) =>
        this.#ended(link, reason, this.#options.clock.now() - startedMs >= STEADY_MS ? 0 : failures + 1),
    });
    this.#threads[lane] = link;
    for (const [typeUrl, resources] of inOrder(this.#proxy?.config.held() ?? new Map()))
      link.apply(
        typeUrl,
        Array.from(resources, ([name, { version, bytes }]) => ({ name, version, bytes })),
        [],
      );
  }

  #ended(link: WorkerLink, reason: string, failures: number): void {
    const { lane } = link;
    this.#threads[lane] = undefined;
    this.stats.keep(link.stats);
    this.sharing.table.reap(lane);
    if (this.#ending) return;
    this.#crashes.inc();
    const delayMs = failures <= 1 ? 0 : Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** (failures - 2));
    this.#options.log.error('a worker ended and is started again', { worker: lane, reason, in_ms: delayMs });
    this.#options.clock.setTimer(delayMs, () => {
      if (!this.#ending) this.#start(lane, failures);
    });
  }

  #after(ms: number): Promise<undefined> {
    return new Promise((resolve) => void this.#options.clock.setTimer(ms, () => resolve(undefined), { unref: true }));
  }
}

type HeldResources = ReturnType<Proxy['config']['held']>;

/** Nothing refers to what is not there yet. */
function inOrder(held: HeldResources): (readonly [string, NonNullable<ReturnType<HeldResources['get']>>])[] {
  const rank = (typeUrl: string): number =>
    typeUrl === TYPE_URL.cluster ? 0 : typeUrl === TYPE_URL.endpoint ? 1 : typeUrl === TYPE_URL.listener ? 3 : 2;
  return [...held].sort(([a], [b]) => rank(a) - rank(b));
}

interface LinkEvents {
  readonly eject: (...asked: [cluster: string, host: string, cause: Parameters<Sharing['askEjection']>[2]]) => void;
  readonly tap: (subscription: bigint, json: string) => void;
  readonly ended: (reason: string) => void;
}

/** One worker that lives, and what of the process is in its hands. */
class WorkerLink {
  readonly lane: number;
  readonly stats = new WorkerStats();
  /** Batches that it has not applied yet. */
  pending = 0;
  readonly #worker: Worker;
  readonly #options: ProxyWorkersOptions;
  readonly #events: LinkEvents;
  readonly #sockets = new Map<number, () => Promise<void> | void>();
  readonly #namespace: readonly number[];
  readonly #secrets = new Map<string, () => void>();
  readonly #leases: LeaseLine | undefined;
  readonly #asked = new Map<number, (answer: unknown) => void>();
  #nextId = 1;
  #reason = '';
  #over = false;

  constructor(order: WorkerOrder, options: ProxyWorkersOptions, events: LinkEvents) {
    this.lane = order.lane;
    const namespace = order.capture?.namespace;
    this.#namespace = namespace === undefined ? [] : [namespace.seed, namespace.spare];
    this.#options = options;
    this.#events = events;
    this.#worker = new Worker(workerFile(), { workerData: order, name: `proxy-${order.lane}`, stdin: false });
    this.#leases = options.leaseLines?.open({
      take: (reply) => this.say({ kind: 'granted', reply }),
      lost: () => this.say({ kind: 'granted', reply: undefined }),
    });
    this.#worker.on('message', (message: FromWorker) => void this.#take(message));
    this.#worker.on('error', (error: Error) => (this.#reason = error.stack ?? error.message));
    this.#worker.on('exit', (code) => this.#exit(code));
  }

  get threadId(): number {
    return this.#worker.threadId;
  }

  say(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  apply(typeUrl: string, added: readonly NamedResource[], removed: readonly string[]): void {
    this.pending++;
    const batch = packBatch(typeUrl, added, removed);
    this.#worker.postMessage({ kind: 'apply', batch } satisfies ToWorker, [batch.bytes.buffer]);
  }

  /** Undefined when it ends before it answers. */
  ask<T>(what: 'look' | 'settled' | 'summary'): Promise<T | undefined> {
    return this.#asking<T>((id) => this.say({ kind: 'ask', id, what }));
  }

  async drain(limitMs: number, succeeded: boolean): Promise<void> {
    await this.#asking((id) => this.say({ kind: 'drain', id, limitMs, succeeded }));
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #asking<T>(ask: (id: number) => void): Promise<T | undefined> {
    if (this.#over) return Promise.resolve(undefined);
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve as (answer: unknown) => void);
      ask(id);
    });
  }

  async #take(message: FromWorker): Promise<void> {
    switch (message.kind) {
      case 'stat':
        return this.stats.take(message.word);
      case 'log':
        return this.#options.logs.write(message.path, message.block, (problem) =>
          this.say({ kind: 'logged', id: message.id, problem }),
        );
      case 'listen':
        return await this.#listen(message);
      case 'unlisten':
        void this.#sockets.get(message.id)?.();
        this.#sockets.delete(message.id);
        return this.say({ kind: 'released', id: message.id });
      case 'want-secret': {
        const { name } = message;
        this.#secrets.set(
          name,
          this.#options.secrets.subscribe(name, (value) => this.say({ kind: 'secret', name, value })),
        );
        return;
      }
      case 'drop-secret':
        this.#secrets.get(message.name)?.();
        this.#secrets.delete(message.name);
        return;
      case 'eject':
        return this.#events.eject(message.cluster, message.host, message.cause);
      case 'draw':
        return this.#leases?.draw(message.asks);
      case 'tap':
        return this.#events.tap(message.subscription, message.json);
      case 'applied':
        this.pending--;
        return;
      case 'answer':
        this.#asked.get(message.id)?.(message.answer);
        this.#asked.delete(message.id);
        return;
      case 'up':
        return;
    }
  }

  async #listen({ id, inside, options }: Extract<FromWorker, { kind: 'listen' }>): Promise<void> {
    const { outside, captured } = this.#options.threads;
    const sockets = inside ? captured?.inside : outside;
    try {
      if (sockets === undefined) throw new Error('this workload is not captured');
      const { release, until, ...socket } = await sockets.acquire(options);
      if (this.#over) {
        closeSync(socket.fd);
        return release();
      }
      this.#sockets.set(id, release);
      this.say({ kind: 'socket', id, socket: { ...socket, waits: until !== undefined } });
      void until?.then(() => this.say({ kind: 'accept' }));
    } catch (error) {
      this.say({ kind: 'socket', id, socket: { problem: (error as Error).message } });
    }
  }

  #exit(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#leases?.close();
    for (const release of this.#sockets.values()) void release();
    for (const fd of this.#namespace) closeSync(fd);
    for (const end of this.#secrets.values()) end();
    for (const answer of this.#asked.values()) answer(undefined);
    this.#events.ended(this.#reason === '' ? `exit code ${code}` : this.#reason);
  }
}

/** Beside this file in a clone, above the chunks in a bundle. */
function workerFile(): URL {
  if (import.meta.url.endsWith('.ts')) return new URL('./proxy-worker.ts', import.meta.url);
  return new URL(import.meta.url.includes('/chunks/') ? '../proxy-worker.js' : './proxy-worker.js', import.meta.url);
}
