// What a workload of this machine holds, written down in run/workloads/: for `topsail` commands, for whoever wants the
// same name, and for the next start, which removes what a killed agent left.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { WorkloadSpec } from '#agent';
import type { KeptPlan } from './agent-inheritance.ts';
import type { Home } from './home.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { WORKLOAD_FOLDER } from './stale-records.ts';

export interface Holdings extends KeptPlan {
  readonly spec: WorkloadSpec;
  readonly home: Home;
}

export function writeRecord(
  { spec, home, ...held }: Holdings,
  netns: string | undefined,
  appPid: number | undefined,
): void {
  mkdirSync(folderOf(home), { recursive: true, mode: 0o700 });
  const { capture, block, boundPorts, httpProxyPort, adminPort, statusPort } = held;
  const text = JSON.stringify({
    name: spec.name,
    namespace: spec.namespace,
    pid: process.pid,
    agent: identify(process.pid),
    app: appPid === undefined ? undefined : identify(appPid),
    capture,
    netns,
    block,
    boundPorts,
    httpProxyPort,
    adminPort,
    statusPort,
  });
  writeFileSync(pathOf(home, spec), text, { mode: 0o600 });
}

/** Only the own one: a later workload may have the name by now. */
export function removeRecord({ home, spec }: Pick<Holdings, 'home' | 'spec'>): void {
  if (readRecord(pathOf(home, spec))?.agent?.pid === process.pid) rmSync(pathOf(home, spec), { force: true });
}

/** The agent that has this name now: a second one would take its place in the registry. */
export function holderOf(home: Home, spec: WorkloadSpec): number | undefined {
  const agent = readRecord(pathOf(home, spec))?.agent;
  return agent !== undefined && agent.pid !== process.pid && isAlive(agent) ? agent.pid : undefined;
}

/** Blocks of loopback addresses that workloads of this mesh have. */
export function takenBlocks(home: Home): ReadonlySet<string> {
  const taken = new Set<string>();
  for (const name of namesIn(folderOf(home))) {
    const record = readRecord(join(folderOf(home), name));
    if (record?.block !== undefined && record.pid !== undefined && identify(record.pid) !== undefined)
      taken.add(record.block);
  }
  return taken;
}

interface Kept {
  readonly agent?: ProcessIdentity;
  readonly block?: string;
  readonly pid?: number;
}

function readRecord(path: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Kept;
  } catch {
    // No record, or none that can be read: nobody holds anything by it.
    return undefined;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // The folder is made by the first workload.
    return [];
  }
}

function folderOf(home: Home): string {
  return join(home.run, WORKLOAD_FOLDER);
}

function pathOf(home: Home, spec: WorkloadSpec): string {
  return join(folderOf(home), `${spec.name}.${spec.namespace}.json`);
}
