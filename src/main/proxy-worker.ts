// One worker thread of `topsail proxy --concurrency N`: a data plane that is told its configuration, secrets, sockets
// and its hosts' health by the process, and says there what it counts and logs.

import process from 'node:process';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { ListenOptions, Net } from '#base';
import type { SecretSource, SecretValue } from '#identity';
import {
  createLogger,
  LogLevels,
  type ListeningSockets,
  NamespaceNet,
  SystemClock,
  SystemNet,
  SystemRandom,
} from '#io';
import { Drawer } from '#leases';
import { hostView, type Proxy, SharedTable, Sharing } from '#proxy';
import { type LogSink, SharedStatMemory, StatStore } from '#telemetry';
import { type ProxyHandle, startProxy } from './proxy.ts';
import { sharedClockOffset } from './shared-clock.ts';
import { trimHeap } from './trim-heap.ts';
import type { WorkerReporting } from './worker-reporting.ts';
import {
  type FromWorker,
  type SocketAnswer,
  type ToWorker,
  unpackBatch,
  type WorkerLook,
  type WorkerOrder,
} from './worker-messages.ts';

class WorkerThread {
  readonly #order: WorkerOrder;
  readonly #port: MessagePort;
  readonly #levels: LogLevels;
  readonly #secrets = new ToldSecrets((message) => this.#say(message));
  readonly #sockets = new Map<number, PromiseWithResolvers<SocketAnswer>>();
  readonly #released = new Map<number, () => void>();
  readonly #writes = new Map<number, (error: Error | undefined) => void>();
  readonly #sharing: Sharing;
  readonly #accepting = Promise.withResolvers<void>();
  #reporting: WorkerReporting | undefined = undefined;
  readonly #leases = new Drawer(new SystemClock());
  #nextId = 1;
  /** Batches are applied one after another. */
  #applying: Promise<void> = Promise.resolve();

  constructor(order: WorkerOrder, port: MessagePort) {
    this.#order = order;
    this.#port = port;
    this.#levels = new LogLevels(order.logLevel);
    this.#sharing = new Sharing({
      table: new SharedTable(order.table, order.lanes, order.lane),
      role: 'worker',
      offsetMs: sharedClockOffset(),
      askEjection: (cluster, host, cause) => this.#say({ kind: 'eject', cluster, host, cause }),
    });
    this.#leases.onAsks = (asks) => this.#say({ kind: 'draw', asks });
    for (const [cluster, host, bits] of order.health) this.#sharing.board.set(cluster, host, bits);
  }

  async start(): Promise<void> {
    const { self, reporting: order, streamReset } = this.#order;
    const clock = new SystemClock();
    // The proxy alone reports to nobody, and loads nothing for it.
    const reporting =
      order === undefined ? undefined : new (await import('./worker-reporting.ts')).WorkerReporting(order, clock);
    const log = createLogger({ level: this.#order.logLevel, levels: this.#levels });
    const handle = await startProxy({
      clock,
      random: new SystemRandom(),
      net: await this.#net(),
      log,
      secrets: this.#secrets,
      stats: new StatStore(new SharedStatMemory((word) => this.#say({ kind: 'stat', word }))),
      self: { ...self, environment: (name) => self.environment[name] ?? process.env[name] },
      openLog: (path) => this.#openLog(path),
      sharing: this.#sharing,
      streamReset,
      ...(reporting === undefined ? {} : { reporter: reporting.reporter, leases: this.#leases }),
    });
    if (reporting !== undefined) this.#report(reporting, handle.proxy);
    this.#port.on('message', (message: ToWorker) => this.#take(message, handle));
    this.#say({ kind: 'up' });
    trimHeap();
  }

  #report(reporting: WorkerReporting, proxy: Proxy): void {
    this.#reporting = reporting;
    reporting.install(proxy);
    reporting.taps.tell = (subscription, json) => this.#say({ kind: 'tap', subscription, json });
    reporting.taps.take(this.#order.taps);
  }

  #say(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  #take(message: ToWorker, handle: ProxyHandle): void {
    const { proxy } = handle;
    switch (message.kind) {
      case 'apply':
        this.#applying = this.#applying.then(() => this.#apply(message.batch, handle));
        return;
      case 'secret':
        return this.#secrets.take(message.name, message.value);
      case 'health':
        this.#sharing.board.set(message.cluster, message.host, message.bits);
        proxy.clusters.live(message.cluster)?.takeHealth(message.host, message.bits ?? 0);
        return;
      case 'socket':
        this.#sockets.get(message.id)?.resolve(message.socket);
        this.#sockets.delete(message.id);
        return;
      case 'logged': {
        const done = this.#writes.get(message.id);
        this.#writes.delete(message.id);
        return done?.(message.problem === undefined ? undefined : new Error(message.problem));
      }
      case 'ask':
        return void this.#answer(message.id, message.what, handle);
      case 'drain':
        return void handle
          .drain(message.limitMs, message.succeeded)
          .then(() => this.#say({ kind: 'answer', id: message.id, answer: undefined }));
      case 'drain-listeners':
        for (const listener of proxy.listeners.all())
          if (!message.inboundOnly || listener.snapshot.direction === 'inbound') listener.drain();
        return;
      case 'log-level':
        this.#levels.set(message.scope, message.level);
        return;
      case 'granted':
        return message.reply === undefined ? this.#leases.lost() : this.#leases.take(message.reply);
      case 'taps':
        return this.#reporting?.taps.take(message.asks);
      case 'released':
        this.#released.get(message.id)?.();
        this.#released.delete(message.id);
        return;
      case 'accept':
        return this.#accepting.resolve();
      case 'reset-counters':
        return proxy.services.stats.resetCounters();
    }
  }

  async #apply(batch: Parameters<typeof unpackBatch>[0], { proxy }: ProxyHandle): Promise<void> {
    try {
      const rejects = await proxy.applyInSlices(batch.typeUrl, unpackBatch(batch), batch.removed);
      // The process refused the same ones, and told whoever sent them.
      for (const { name, detail } of rejects) proxy.services.log.debug('refused', { resource: name, detail });
      await proxy.config.settled();
    } finally {
      this.#say({ kind: 'applied' });
    }
  }

  async #answer(id: number, what: 'look' | 'settled' | 'summary', handle: ProxyHandle): Promise<void> {
    const reporting = this.#reporting;
    if (what === 'look')
      return this.#say({ kind: 'answer', id, answer: lookAt(handle, reporting?.exposition() ?? '') });
    if (what === 'summary')
      return this.#say({ kind: 'answer', id, answer: reporting?.summary(handle.proxy.listeners.connectionCount) });
    await this.#applying;
    this.#say({ kind: 'answer', id, answer: { unbound: [...(await handle.proxy.config.settled())] } });
  }

  async #net(): Promise<Net> {
    const outside = new SystemNet(this.#listening(false));
    const { capture } = this.#order;
    if (capture === undefined) return outside;
    const { CaptureNet } = await import('./capture-net.ts');
    const { seed, seedPort, spare } = capture.namespace;
    const parts = { seed: { fd: seed }, seedPort, spare: { fd: spare } };
    const inside = new NamespaceNet(parts, { sockets: this.#listening(true) });
    return new CaptureNet({ ...capture, outside, inside });
  }

  #listening(inside: boolean): ListeningSockets {
    return { acquire: (options) => this.#acquire(inside, options) };
  }

  async #acquire(inside: boolean, options: ListenOptions): ReturnType<ListeningSockets['acquire']> {
    const id = this.#nextId++;
    const answer = Promise.withResolvers<SocketAnswer>();
    this.#sockets.set(id, answer);
    this.#say({ kind: 'listen', id, inside, options });
    const told = await answer.promise;
    if ('problem' in told) throw new Error(told.problem);
    const { waits, ...socket } = told;
    const until = waits ? { until: this.#accepting.promise } : {};
    const release = (): Promise<void> => {
      const released = Promise.withResolvers<void>();
      this.#released.set(id, released.resolve);
      this.#say({ kind: 'unlisten', id });
      return released.promise;
    };
    return { ...socket, ...until, release };
  }

  /** One writer per file, in the process: lines of two workers never tear each other. */
  #openLog(path: string): LogSink {
    return {
      write: (block, done) => {
        const id = this.#nextId++;
        this.#writes.set(id, done);
        this.#say({ kind: 'log', id, path, block });
      },
      // The process opens it anew.
      reopen: (done) => done(undefined),
      close: () => {},
    };
  }
}

class ToldSecrets implements SecretSource {
  readonly #say: (message: FromWorker) => void;
  readonly #subscribers = new Map<string, Set<(value: SecretValue) => void>>();
  readonly #values = new Map<string, SecretValue>();

  constructor(say: (message: FromWorker) => void) {
    this.#say = say;
  }

  subscribe(name: string, changed: (value: SecretValue) => void): () => void {
    // One entry a subscription, even when the same function subscribes twice.
    const entry = (value: SecretValue): void => changed(value);
    const known = this.#subscribers.get(name);
    if (known === undefined) {
      this.#subscribers.set(name, new Set([entry]));
      this.#say({ kind: 'want-secret', name });
    } else known.add(entry);
    const value = this.#values.get(name);
    if (value !== undefined) changed(value);
    return () => {
      const entries = this.#subscribers.get(name);
      if (entries === undefined || !entries.delete(entry) || entries.size > 0) return;
      this.#subscribers.delete(name);
      this.#values.delete(name);
      this.#say({ kind: 'drop-secret', name });
    };
  }

  take(name: string, value: SecretValue): void {
    const entries = this.#subscribers.get(name);
    if (entries === undefined) return;
    this.#values.set(name, value);
    for (const entry of [...entries]) entry(value);
  }
}

function lookAt({ proxy }: ProxyHandle, exposition: string): WorkerLook {
  // The process reads what this thread counts without a word to it.
  proxy.services.openBytes.update();
  const { heapUsed, heapTotal } = process.memoryUsage();
  return {
    exposition,
    connections: proxy.listeners.connectionCount,
    memory: { allocated: heapUsed, heapSize: heapTotal },
    computed: Array.from(proxy.services.stats.computedStats(), ({ name, kind, read }) => ({
      name,
      kind,
      value: read(),
    })),
    hosts: Array.from(
      proxy.clusters.all(),
      (cluster) => [cluster.name, Array.from(cluster.allHosts(), hostView)] as const,
    ),
  };
}

await new WorkerThread(workerData as WorkerOrder, parentPort as MessagePort).start();
