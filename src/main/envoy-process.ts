// A real Envoy as the agent's child: started from a bootstrap, started again when it dies, drained before it is ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Clock, Logger } from '#base';
import { callHttp } from '#io';
import { mortal } from './mortal.ts';

export interface EnvoyProcessOptions {
  readonly binary: string;
  readonly bootstrap: string;
  readonly adminPort: number;
  readonly env: Readonly<Record<string, string>>;
  /** Descriptor that is its standard output: access logs go there. */
  readonly output: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const LOOPBACK = '127.0.0.1';
const ADMIN_MS = 3000;
/** Istio's fileFlushInterval. */
const LOG_FLUSH_MS = 1000;
const RESTART_FIRST_MS = 200;
const RESTART_MOST_MS = 10_000;
/** An Envoy that lived so long did not die of its start. */
const STEADY_MS = 30_000;
/** Clock ticks a second in /proc; 100 on every Linux that Node runs on. */
const TICKS = 100;
const KIB = 1024;

export class EnvoyProcess {
  readonly #options: EnvoyProcessOptions;
  #child: ChildProcess | undefined = undefined;
  #ending = false;
  #delayMs = RESTART_FIRST_MS;

  constructor(options: EnvoyProcessOptions) {
    this.#options = options;
    process.once('exit', () => this.#child?.kill('SIGKILL'));
    this.#start();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** An admin page, or undefined when Envoy does not answer 200. */
  async admin(path: string, method: 'GET' | 'POST' = 'GET'): Promise<string | undefined> {
    const answer = await callHttp({
      target: { host: LOOPBACK, port: this.#options.adminPort },
      method,
      path,
      timeoutMs: ADMIN_MS,
    });
    return answer?.status === 200 ? answer.body : undefined;
  }

  /** CPU seconds and resident bytes; zeros when they cannot be read. */
  usage(): { readonly cpuSeconds: number; readonly rssBytes: number } {
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'));
      return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS, rssBytes: Number(rss?.[1] ?? 0) * KIB };
    } catch {
      return { cpuSeconds: 0, rssBytes: 0 };
    }
  }

  /** No new connections, time for those under way, then the end. */
  async end(patienceMs: number): Promise<void> {
    this.#ending = true;
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    await this.admin('/drain_listeners?graceful', 'POST');
    await new Promise<void>((resolve) => void this.#options.clock.setTimer(patienceMs, resolve));
    child.kill('SIGTERM');
    const force = this.#options.clock.setTimer(patienceMs, () => child.kill('SIGKILL'));
    await gone;
    force.cancel();
  }

  #start(): void {
    const { binary, bootstrap, env, output, clock, log } = this.#options;
    const startedMs = clock.now();
    const args = [
      '-c',
      bootstrap,
      '--disable-hot-restart',
      '--concurrency',
      '1',
      '--log-level',
      'warning',
      '--drain-time-s',
      '5',
      // Every answer of a connection that drains asks to leave it, not more and more of them.
      '--drain-strategy',
      'immediate',
      '--file-flush-interval-msec',
      String(LOG_FLUSH_MS),
    ];
    // One that outlived its agent would go on at the same ports beside the next agent's, with what it knew.
    const [program = binary, ...rest] = mortal([binary, ...args]);
    const child = spawn(program, rest, { stdio: ['ignore', output, 'inherit'], env: { ...process.env, ...env } });
    this.#child = child;
    child.once('error', (error) => log.error('Envoy could not be started', { binary, error: error.message }));
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      if (this.#ending) return;
      this.#delayMs =
        clock.now() - startedMs > STEADY_MS ? RESTART_FIRST_MS : Math.min(RESTART_MOST_MS, this.#delayMs * 2);
      log.error('Envoy ended and is started again', { status: code ?? -1, signal: signal ?? '', inMs: this.#delayMs });
      clock.setTimer(this.#delayMs, () => {
        if (!this.#ending) this.#start();
      });
    });
  }
}
