// The load generator: HTTP/1.1 over raw sockets, open loop at a rate or closed loop as fast as it goes.
//
// Open loop, safe against coordinated omission: request i is due at start + i/rate whatever happened to
// the others. One that finds no free connection waits, and its latency counts from when it was due; one
// that finds a free connection counts from when it was sent, since then only we were late (reported as lag).

import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { LatencyHistogram } from './latency-histogram.ts';
import { ResponseReader } from './response-reader.ts';

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly path?: string;
  readonly method?: string;
  /** Host header; default host:port. */
  readonly authority?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly connections: number;
  /** Requests per second; absent = each connection sends as soon as it has its answer. */
  readonly rate?: number;
  readonly durationMs: number;
  /** False opens a connection per request. Default true. */
  readonly keepAlive?: boolean;
  readonly tls?: ConnectionOptions;
  /** TLS: every connection after the first resumes its session. */
  readonly resume?: boolean;
  /** Sends so long before it counts anything: what opens connections and warms code up is not part of the result. Default 0. */
  readonly leadMs?: number;
  /** Called when it begins to count. */
  readonly begun?: () => void;
  /** Called when all connections are up; requests begin, and the clock starts, when it resolves. They stay open at the end: their close is not part of it. */
  readonly ready?: () => Promise<void>;
  /** A request without an answer after this long is a failure. Default 10 s. */
  readonly timeoutMs?: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly requests: number;
  readonly ratePerSecond: number;
  /** By status code. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Without an answer, by reason: ECONNREFUSED, ECONNRESET, closed, timeout, protocol. */
  readonly failures: Readonly<Record<string, number>>;
  /** Not 2xx or 3xx, or no answer. */
  readonly failed: number;
  readonly latencyMs: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
    readonly mean: number;
  };
  /** How late the generator itself was: above a few ms its latencies say little. */
  readonly generatorLagMs: { readonly p99: number; readonly max: number };
  readonly connectionsOpened: number;
}

/** Requests that are due and find no connection; beyond it they are failures, else memory grows. */
const MAX_WAITING = 100_000;

export function runLoad(options: LoadOptions): Promise<LoadResult> {
  return new Promise((resolve) => new Load(options, resolve).start());
}

class Load {
  readonly options: LoadOptions;
  #latency = new LatencyHistogram();
  #lag = new LatencyHistogram();
  readonly #statuses = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #idle: Client[] = [];
  /** Due times of those that wait, first in first out. */
  readonly #waiting: number[] = [];
  #waitingAt = 0;
  readonly #clients: Client[] = [];
  readonly #resolve: (result: LoadResult) => void;
  readonly request: Buffer;
  opened = 0;
  stopped = false;
  /** Of the connection before. */
  session: Buffer | undefined = undefined;
  #waitsForAll: boolean;
  #startMs = 0;
  #due = 0;
  #pending = 0;

  constructor(options: LoadOptions, resolve: (result: LoadResult) => void) {
    this.options = options;
    this.#resolve = resolve;
    this.#waitsForAll = options.ready !== undefined;
    const headers = Object.entries(options.headers ?? {})
      .map(([k, v]) => `${k}: ${v}\r\n`)
      .join('');
    const close = options.keepAlive === false ? 'connection: close\r\n' : '';
    this.request = Buffer.from(
      `${options.method ?? 'GET'} ${options.path ?? '/'} HTTP/1.1\r\nhost: ${options.authority ?? `${options.host}:${options.port}`}\r\n${headers}${close}\r\n`,
    );
  }

  start(): void {
    for (let i = 0; i < this.options.connections; i++) this.#clients.push(new Client(this));
    for (const client of this.#clients) client.open();
    if (!this.#waitsForAll) this.#begin();
  }

  #begin(): void {
    this.#startMs = performance.now();
    if (this.options.rate !== undefined) this.#tick();
    const lead = this.options.leadMs ?? 0;
    if (lead === 0) this.#count();
    else setTimeout(() => this.#count(), lead);
  }

  /** From here on the result counts. */
  #count(): void {
    this.#latency = new LatencyHistogram();
    this.#lag = new LatencyHistogram();
    this.#statuses.clear();
    this.#failures.clear();
    this.options.begun?.();
    setTimeout(() => this.#stop(), this.options.durationMs);
  }

  async #allUp(): Promise<void> {
    await this.options.ready?.();
    this.#waitsForAll = false;
    this.#begin();
    if (this.options.rate === undefined) for (const client of this.#idle.splice(0)) this.free(client);
  }

  /** A client has nothing to do. */
  free(client: Client): void {
    if (this.#waitsForAll) {
      if (this.#idle.push(client) === this.options.connections) void this.#allUp();
      return;
    }
    if (this.options.rate === undefined) {
      if (!this.stopped) this.#send(client, performance.now());
      return;
    }
    const due = this.#waiting[this.#waitingAt];
    if (due === undefined) {
      this.#idle.push(client);
      return;
    }
    this.#waitingAt++;
    if (this.#waitingAt > 1_024) {
      this.#waiting.splice(0, this.#waitingAt);
      this.#waitingAt = 0;
    }
    this.#send(client, due);
  }

  /** A connection is gone: it takes no request until it is open again. */
  lost(client: Client): void {
    const at = this.#idle.indexOf(client);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  answered(client: Client, status: number): void {
    this.#latency.add((performance.now() - client.fromMs) * 1000);
    count(this.#statuses, String(status));
    this.#pending--;
    this.#finishWhenDone();
  }

  failed(reason: string): void {
    count(this.#failures, reason);
    this.#pending--;
    this.#finishWhenDone();
  }

  #send(client: Client, fromMs: number): void {
    if (this.options.rate === undefined) this.#pending++;
    client.send(fromMs);
  }

  #tick(): void {
    if (this.stopped) return;
    const now = performance.now();
    const interval = 1000 / (this.options.rate as number);
    for (;;) {
      const due = this.#startMs + this.#due * interval;
      if (due > now) break;
      this.#due++;
      this.#pending++;
      const client = this.#idle.pop();
      if (client !== undefined) {
        this.#lag.add((now - due) * 1000);
        this.#send(client, now);
      } else if (this.#waiting.length - this.#waitingAt < MAX_WAITING) this.#waiting.push(due);
      else this.failed('overload');
    }
    setTimeout(() => this.#tick(), 1);
  }

  #stop(): void {
    this.stopped = true;
    // Those that never found a connection waited in vain.
    for (let i = this.#waitingAt; i < this.#waiting.length; i++) this.failed('never sent');
    this.#waiting.length = 0;
    this.#waitingAt = 0;
    this.#finishWhenDone();
    setTimeout(() => this.#finish(), this.options.timeoutMs ?? 10_000).unref();
  }

  #finishWhenDone(): void {
    if (this.stopped && this.#pending <= 0) this.#finish();
  }

  #finished = false;
  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    for (let i = 0; i < this.#pending; i++) count(this.#failures, 'timeout');
    if (this.options.ready === undefined) for (const client of this.#clients) client.close();
    const seconds = this.options.durationMs / 1000;
    const ms = (q: number): number => round(this.#latency.quantile(q) / 1000);
    const good = [...this.#statuses].reduce((n, [status, k]) => n + (status >= '200' && status < '400' ? k : 0), 0);
    const total = this.#latency.count + [...this.#failures.values()].reduce((n, k) => n + k, 0);
    this.#resolve({
      seconds,
      requests: this.#latency.count,
      ratePerSecond: round(this.#latency.count / seconds),
      statuses: Object.fromEntries(this.#statuses),
      failures: Object.fromEntries(this.#failures),
      failed: total - good,
      latencyMs: {
        p50: ms(0.5),
        p90: ms(0.9),
        p99: ms(0.99),
        p999: ms(0.999),
        max: round(this.#latency.max / 1000),
        mean: round(this.#latency.mean / 1000),
      },
      generatorLagMs: { p99: round(this.#lag.quantile(0.99) / 1000) || 0, max: round(this.#lag.max / 1000) },
      connectionsOpened: this.opened,
    });
  }
}

class Client {
  readonly #load: Load;
  #socket: Socket | undefined;
  #reader = new ResponseReader();
  #busy = false;
  #closed = false;
  fromMs = 0;

  constructor(load: Load) {
    this.#load = load;
  }

  open(): void {
    if (this.#closed || this.#load.stopped) return;
    const { host, port, tls } = this.#load.options;
    this.#load.opened++;
    this.#reader = new ResponseReader();
    const session = this.#load.session === undefined ? {} : { session: this.#load.session };
    const socket = tls === undefined ? connect(port, host) : connectTls({ ...tls, ...session, host, port });
    this.#socket = socket;
    if (this.#load.options.resume === true)
      socket.on('session', (ticket: Buffer) => void (this.#load.session = ticket));
    socket.setNoDelay(true);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => this.#load.free(this));
    socket.on('data', (data: Buffer) => this.#onData(data));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onGone(socket, error.code ?? 'error'));
    socket.on('close', () => this.#onGone(socket, 'closed'));
  }

  send(fromMs: number): void {
    this.fromMs = fromMs;
    this.#busy = true;
    this.#socket?.write(this.#load.request);
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
  }

  #onData(data: Buffer): void {
    const ended = this.#reader.read(data);
    if (ended === 0) return;
    if (ended !== 1 || !this.#busy) {
      this.#onGone(this.#socket as Socket, 'protocol');
      return;
    }
    this.#busy = false;
    this.#load.answered(this, this.#reader.status);
    if (this.#reader.close || this.#load.options.keepAlive === false) {
      const socket = this.#socket;
      this.#socket = undefined;
      socket?.destroy();
      this.open();
    } else this.#load.free(this);
  }

  #onGone(socket: Socket, reason: string): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    socket.destroy();
    this.#load.lost(this);
    if (this.#busy) {
      this.#busy = false;
      this.#load.failed(reason);
    }
    // A server that refuses is asked again, not hammered.
    if (!this.#closed) setTimeout(() => this.open(), 50);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
