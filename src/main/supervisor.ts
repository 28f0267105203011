// Keeps a set of processes running: starts them, waits for their word, restarts what dies, ends all of them.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fullDisk, systemFailure } from './system-failure.ts';
import { TRIM_EVERY_MS, trimLog } from './trim-log.ts';

/** A process that lives this long has started well: its restarts begin again without delay. */
const HEALTHY_MS = 10_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;
/** Time between asking and killing; together with the answer it stays below 5 s. */
const PATIENCE_MS = 3000;
const TAIL_LINES = 12;

export interface ProcessSpec {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Flags of Node itself. */
  readonly nodeArgs: readonly string[];
  /** Ended after those with a lower number. */
  readonly endsAfter: number;
}

export type ReadyFacts = Readonly<Record<string, string | number>>;

interface Running {
  readonly spec: ProcessSpec;
  child: ChildProcess | undefined;
  startedMs: number;
  delayMs: number;
  facts: ReadyFacts | undefined;
  restart: NodeJS.Timeout | undefined;
}

export interface SupervisorOptions {
  readonly logFolder: string;
  readonly node: string;
  readonly entry: readonly string[];
  readonly say: (line: string) => void;
  /** After every start and end: what runs now. */
  readonly changed: (running: readonly { readonly name: string; readonly pid: number }[]) => void;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, Running>();
  readonly #logLook: NodeJS.Timeout;
  #stopping = false;
  /** Said once, not at every change. */
  #unrecorded = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#logLook = setInterval(() => this.#trimLogs(), TRIM_EVERY_MS).unref();
  }

  /** Resolves with what the process says when it is ready; rejects when its first start fails. */
  start(spec: ProcessSpec, readyWithinMs: number): Promise<ReadyFacts> {
    const one: Running = {
      spec,
      child: undefined,
      startedMs: 0,
      delayMs: FIRST_DELAY_MS,
      facts: undefined,
      restart: undefined,
    };
    this.#running.set(spec.name, one);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`${spec.name} was not ready within ${readyWithinMs / 1000} s.\n${this.#tail(spec.name)}`));
      }, readyWithinMs);
      rmSync(this.#logPath(spec.name), { force: true });
      this.#spawn(one, (facts) => {
        clearTimeout(late);
        if (facts !== undefined) return resolve(facts);
        reject(new Error(`${spec.name} ended before it was ready.\n${this.#tail(spec.name)}`));
      });
    });
  }

  pids(): number[] {
    return [...this.#running.values()].flatMap((one) => (one.child?.pid === undefined ? [] : [one.child.pid]));
  }

  /** Ends everything within PATIENCE_MS and a little. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#logLook);
    for (const one of this.#running.values()) clearTimeout(one.restart);
    const orders = [...new Set([...this.#running.values()].map((one) => one.spec.endsAfter))].sort((a, b) => a - b);
    const deadline = Date.now() + PATIENCE_MS;
    for (const order of orders) {
      const group = [...this.#running.values()].filter((one) => one.spec.endsAfter === order);
      await Promise.all(group.map((one) => end(one, Math.max(200, deadline - Date.now()))));
    }
  }

  #spawn(one: Running, first: (facts: ReadyFacts | undefined) => void): void {
    const { spec } = one;
    // Appending, so that a truncated log begins at its beginning again.
    const log = this.#openLog(spec.name);
    const child = spawn(this.#options.node, [...spec.nodeArgs, ...this.#options.entry, ...spec.args], {
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...spec.env },
      // An own process group: Ctrl-C reaches only us, and a group can be ended as a whole.
      detached: true,
    });
    if (log !== 'ignore') closeSync(log);
    one.child = child;
    one.startedMs = Date.now();
    child.on('message', (message: { ready?: ReadyFacts }) => {
      if (message.ready === undefined) return;
      if (one.facts !== undefined) this.#options.say(`${spec.name} is back`);
      one.facts = message.ready;
      first(message.ready);
    });
    child.on('error', (error) => {
      // Where there is no process there is no end of it either.
      if (child.pid !== undefined) return;
      one.child = undefined;
      this.#ended(one, error.message, first);
    });
    child.on('exit', (code, signal) => {
      if (child.pid !== undefined) killGroup(child.pid);
      one.child = undefined;
      this.#report();
      this.#ended(one, signal ?? `status ${code}`, first);
    });
    this.#report();
  }

  #ended(one: Running, how: string, first: (facts: ReadyFacts | undefined) => void): void {
    if (one.facts === undefined) first(undefined);
    else if (!this.#stopping) this.#restart(one, how);
  }

  /** Without a log a process runs on: whoever took it away, or filled the disk, must not end the mesh with it. */
  #openLog(name: string): number | 'ignore' {
    try {
      mkdirSync(this.#options.logFolder, { recursive: true });
      return openSync(this.#logPath(name), 'a');
    } catch (error) {
      this.#options.say(`${name} has no log: ${systemFailure(error) ?? String(error)}`);
      return 'ignore';
    }
  }

  #restart(one: Running, how: string): void {
    if (Date.now() - one.startedMs > HEALTHY_MS) one.delayMs = FIRST_DELAY_MS;
    const full = fullDisk(this.#options.logFolder);
    this.#options.say(`${one.spec.name} ended (${how}): starting it again${full === undefined ? '' : `. ${full}`}`);
    one.restart = setTimeout(() => this.#spawn(one, () => {}), one.delayMs);
    one.delayMs = Math.min(one.delayMs * 2, LONGEST_DELAY_MS);
  }

  #report(): void {
    const running = [...this.#running.values()].flatMap((one) =>
      one.child?.pid === undefined ? [] : [{ name: one.spec.name, pid: one.child.pid }],
    );
    try {
      this.#options.changed(running);
      this.#unrecorded = false;
    } catch (error) {
      if (!this.#unrecorded) this.#options.say(`What runs is not recorded: ${systemFailure(error) ?? String(error)}`);
      this.#unrecorded = true;
    }
  }

  #logPath(name: string): string {
    return join(this.#options.logFolder, `${name}.log`);
  }

  #trimLogs(): void {
    for (const name of this.#running.keys()) trimLog(this.#logPath(name));
  }

  #tail(name: string): string {
    const path = this.#logPath(name);
    try {
      const text = readFileSync(path, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n  ');
      return `The end of ${path}:\n  ${text}`;
    } catch {
      return `There is no ${path}.`;
    }
  }
}

function end(one: Running, patienceMs: number): Promise<void> {
  const child = one.child;
  if (child === undefined || child.pid === undefined) return Promise.resolve();
  const pid = child.pid;
  return new Promise((resolve) => {
    const force = setTimeout(() => killGroup(pid), patienceMs);
    child.once('exit', () => {
      clearTimeout(force);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** What a killed agent leaves behind (its application) is in its group. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left: what was wanted.
  }
}
