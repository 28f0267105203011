// What a process and all its descendants cost: CPU from the scheduler's nanoseconds, memory from smaps_rollup.

import { readdirSync, readFileSync } from 'node:fs';

export interface MemoryCost {
  readonly rssKb: number;
  /** Shared pages are split among those that share them. */
  readonly pssKb: number;
  /** Anonymous pages that no other process shares: its own. */
  readonly rssAnonKb: number;
}

/** The process and everything below it. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    const list = children.get(parent);
    if (list === undefined) children.set(parent, [Number(name)]);
    else list.push(Number(name));
  }
  const all = [pid];
  for (let i = 0; i < all.length; i++) all.push(...(children.get(all[i] as number) ?? []));
  return all;
}

/** CPU time so far in µs. schedstat counts in nanoseconds; /proc/PID/stat only in ticks of 10 ms. */
export function cpuMicroseconds(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) {
    let tasks: string[] = [];
    try {
      tasks = readdirSync(`/proc/${pid}/task`);
    } catch {}
    for (const task of tasks) total += Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0]) / 1000;
  }
  return total;
}

export function memoryOf(pids: readonly number[]): MemoryCost {
  const cost = { rssKb: 0, pssKb: 0, rssAnonKb: 0 };
  for (const pid of pids) {
    const rollup = read(`/proc/${pid}/smaps_rollup`);
    const field = (text: string, name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    cost.rssKb += field(rollup, 'Rss');
    cost.pssKb += field(rollup, 'Pss');
    cost.rssAnonKb += field(read(`/proc/${pid}/status`), 'RssAnon');
  }
  return cost;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
