// The demo as its user starts it: `topsail demo` on free ports, up to its ready line.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanEnv } from './mesh-process.ts';
import { isAlive, kill, meshEntry, root, withDescendants } from './mesh.ts';

const READY_WITHIN_MS = 180_000;
const STOPPED_WITHIN_MS = 30_000;
const READY_LINE = 'Topsail is ready';
const PORTS = 5;

export interface Started {
  readonly child: ChildProcess;
  /** Everything it has said so far. */
  said(): string;
}

/** Any command that ends in a ready demo; rejects when it ends before. */
export async function startUntilReady(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...cleanEnv(), ...env },
    detached: true,
  });
  let text = '';
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no ready line:\n${text}`));
    }, READY_WITHIN_MS);
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!text.includes(READY_LINE)) return;
      clearTimeout(late);
      resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => {
      clearTimeout(late);
      reject(new Error(`it ended (${code}) before it was ready:\n${text}`));
    });
  });
  return { child, said: () => text };
}

export interface RunningDemo extends Started {
  readonly portBase: number;
  /** The supervisor's own process and all that it has started. */
  pids(): number[];
  /** Process of one part, from the supervisor's record. */
  pid(name: string): number;
  stop(): Promise<void>;
}

export async function startDemo(home: string, flags: readonly string[] = []): Promise<RunningDemo> {
  const portBase = await freeBase();
  const started = await startUntilReady(
    process.execPath,
    [meshEntry(), 'demo', '--home', home, '--port-base', String(portBase), ...flags],
    { TOPSAIL_ROOT: root },
  );
  return asDemo(started, home, portBase);
}

export function asDemo(started: Started, home: string, portBase: number): RunningDemo {
  const { child } = started;
  const pids = (): number[] => withDescendants(child.pid ?? 0);
  return {
    ...started,
    portBase,
    pids,
    pid: (name) => {
      const records = JSON.parse(readFileSync(join(home, 'run/processes.json'), 'utf8')) as {
        processes: { name: string; pid: number }[];
      };
      const found = records.processes.find((one) => one.name === name);
      if (found === undefined) throw new Error(`no process is called ${name}`);
      return found.pid;
    },
    stop: async () => {
      const all = pids();
      child.kill('SIGTERM');
      const left = await stillAlive(all, STOPPED_WITHIN_MS);
      for (const pid of left) kill(pid);
      if (left.length > 0) throw new Error(`still alive after ${STOPPED_WITHIN_MS} ms: ${left.join(', ')}`);
    },
  };
}

/** Those that have not ended after this time. */
export async function stillAlive(pids: readonly number[], withinMs: number): Promise<number[]> {
  for (const end = Date.now() + withinMs; pids.some(isAlive) && Date.now() < end; ) await sleep(25);
  return pids.filter(isAlive);
}

/** Five ports in a row are free from here on, at this moment. */
export async function freeBase(): Promise<number> {
  for (let base = 25_000 + (process.pid % 700) * 10; ; base += 10) {
    const free = await Promise.all(Array.from({ length: PORTS }, (_, i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
