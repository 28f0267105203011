// What a former supervisor left behind: `.topsail/run/` says which processes were its, and only those are ended.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { removeVethNamespace } from './capture-veth.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { killGroup } from './supervisor.ts';

interface Records {
  readonly supervisor: ProcessIdentity;
  readonly processes: readonly (ProcessIdentity & { readonly name: string })[];
}

interface WorkloadRecord {
  readonly agent?: ProcessIdentity;
  readonly app?: ProcessIdentity;
  readonly netns?: string;
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
  ended += removeStaleWorkloads(runFolder);
  removeRecords(runFolder);
  return ended;
}

/** What workloads hold whose agent is gone: it was killed, else it would have ended and removed all of it. */
export function removeStaleWorkloads(runFolder: string): number {
  let ended = 0;
  const folder = join(runFolder, WORKLOAD_FOLDER);
  for (const name of namesIn(folder)) {
    const record = readJson<WorkloadRecord>(join(folder, name));
    if (record?.agent === undefined || isAlive(record.agent)) continue;
    if (record.app !== undefined && isAlive(record.app)) {
      ended += 1;
      kill(record.app.pid);
    }
    if (record.netns !== undefined) removeVethNamespace(record.netns);
    rmSync(join(folder, name), { force: true });
  }
  return ended;
}

/** The supervisor's own, and what processes that are gone have claimed; workloads started by hand live on. */
export function removeRecords(runFolder: string): void {
  removeStaleWorkloads(runFolder);
  rmSync(join(runFolder, FILE), { force: true });
  const ports = join(runFolder, PORT_FOLDER);
  for (const name of namesIn(ports)) {
    const owner = readJson<ProcessIdentity>(join(ports, name));
    if (owner !== undefined && !isAlive(owner)) rmSync(join(ports, name), { force: true });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
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
