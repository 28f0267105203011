// One process of a mesh under test: says when it is ready, writes its log to a file, and is killed with its group.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { SMALL_HEAP } from '../../src/main/node-settings.ts';

export const READY_WITHIN_MS = 120_000;
const ENDED_WITHIN_MS = 5000;
const TAIL_LINES = 12;
/** A stack trace through the bundle quotes a whole file as one line. */
const LONGEST_LINE = 400;

export interface MeshProcessOptions {
  readonly name: string;
  readonly entry: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
}

export class MeshProcess {
  readonly name: string;
  readonly logPath: string;
  readonly #options: MeshProcessOptions;
  #child: ChildProcess | undefined;

  constructor(options: MeshProcessOptions) {
    this.name = options.name;
    this.logPath = options.log;
    this.#options = options;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves with what the process says when it is ready. */
  start(): Promise<Readonly<Record<string, string | number>>> {
    const log = openSync(this.logPath, 'a');
    const { entry, args, env } = this.#options;
    const child = spawn(process.execPath, [...SMALL_HEAP, entry, ...args], {
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...cleanEnv(), ...env },
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${this.name} was not ready within ${READY_WITHIN_MS / 1000} s.\n${this.tail()}`)),
        READY_WITHIN_MS,
      );
      child.once('exit', (code, signal) => {
        clearTimeout(late);
        if (this.#child === child) this.#child = undefined;
        reject(new Error(`${this.name} ended (${signal ?? code}) before it was ready.\n${this.tail()}`));
      });
      child.on('message', (message: { ready?: Record<string, string | number> }) => {
        if (message.ready === undefined) return;
        clearTimeout(late);
        resolve(message.ready);
      });
    });
  }

  /** SIGTERM, then SIGKILL for the whole group. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const pid = child.pid;
    const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    child.kill(signal);
    const force = setTimeout(() => killGroup(pid), ENDED_WITHIN_MS);
    await ended;
    clearTimeout(force);
    killGroup(pid);
  }

  log(): string {
    try {
      return readFileSync(this.logPath, 'utf8');
    } catch {
      return '';
    }
  }

  /** Without the access log, which says little about why something failed. */
  tail(lines = TAIL_LINES): string {
    const said = this.log()
      .split('\n')
      .filter((line) => line !== '' && !isAccessLine(line));
    return `--- the end of the log of ${this.name}\n${said
      .slice(-lines)
      .map((line) => line.slice(0, LONGEST_LINE))
      .join('\n')}`;
  }

  /** Lines of the access log: JSON objects that have a response code. */
  accessLog(): Readonly<Record<string, unknown>>[] {
    const lines: Record<string, unknown>[] = [];
    // What stands behind the last line end is still being written.
    for (const line of this.log().split('\n').slice(0, -1)) {
      if (isAccessLine(line)) lines.push(JSON.parse(line) as Record<string, unknown>);
    }
    return lines;
  }
}

function isAccessLine(line: string): boolean {
  return line.startsWith('{') && line.includes('"response_code"');
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

/** What stands around the tests must not leak into the mesh; Node reads further roots at once, 1 MB of each process. */
export function cleanEnv(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (
      value !== undefined &&
      !/^npm_|^(https?|all|no)_proxy$|^NODE_(TEST_CONTEXT|USE_ENV_PROXY|EXTRA_CA_CERTS|CHANNEL_\w+)$/i.test(name)
    )
      env[name] = value;
  }
  return env;
}
