// What a former supervisor left behind: `.topsail/run/` says which processes were its, and only those are ended.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { removeVethNamespace } from './capture-veth.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { killGroup } from './supervisor.ts';

interface Records {
  readonly supervisor: ProcessIdentity;
  readonly processes: readonly (ProcessIdentity & { readonly name: string })[];
}

const FILE = 'processes.json';
/** One file per workload that runs: its application's process. */
export const WORKLOAD_FOLDER = 'workloads';
/** One file per port that a running process of the mesh has chosen. */
export const PORT_FOLDER = 'ports';

/** The supervisor that already runs here, if one does. */
export function runningSupervisor(runFolder: string): number | undefined {
  const records = read(runFolder);
  return records !== undefined && isAlive(records.supervisor) ? records.supervisor.pid : undefined;
}

export function writeRecords(
  runFolder: string,
  running: readonly { readonly name: string; readonly pid: number }[],
): void {
  const self = identify(process.pid) ?? { pid: process.pid, startTicks: 0 };
  const processes = running.flatMap(({ name, pid }) => {
    const identity = identify(pid);
    return identity === undefined ? [] : [{ name, ...identity }];
  });
  const path = join(runFolder, FILE);
  writeFileSync(`${path}.new`, JSON.stringify({ supervisor: self, processes } satisfies Records), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Ends what is recorded and still lives; returns how many that were. */
export function removeStale(runFolder: string): number {
  let ended = 0;
  for (const one of read(runFolder)?.processes ?? []) {
    if (!isAlive(one)) continue;
    ended += 1;
    killGroup(one.pid);
  }
  const folder = join(runFolder, WORKLOAD_FOLDER);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const app = readJson<{ app?: ProcessIdentity }>(join(folder, name))?.app;
    if (app === undefined || !isAlive(app)) continue;
    ended += 1;
    process.kill(app.pid, 'SIGKILL');
  }
  removeRecords(runFolder);
  return ended;
}

/** Network namespaces whose agent is gone: it was killed, else it would have removed them. */
export function removeStaleNamespaces(runFolder: string): void {
  const folder = join(runFolder, WORKLOAD_FOLDER);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const record = readJson<{ agent?: ProcessIdentity; netns?: string }>(join(folder, name));
    if (record?.netns !== undefined && record.agent !== undefined && !isAlive(record.agent))
      removeVethNamespace(record.netns);
  }
}

export function removeRecords(runFolder: string): void {
  removeStaleNamespaces(runFolder);
  rmSync(join(runFolder, FILE), { force: true });
  rmSync(join(runFolder, WORKLOAD_FOLDER), { force: true, recursive: true });
  rmSync(join(runFolder, PORT_FOLDER), { force: true, recursive: true });
  mkdirSync(join(runFolder, WORKLOAD_FOLDER), { recursive: true, mode: 0o700 });
}

function read(runFolder: string): Records | undefined {
  return readJson<Records>(join(runFolder, FILE));
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
