// How much of the memory that this process may have is in use: its container's limit (cgroup v2 or v1), or one that the
// user gives, and the heap's own. What the kernel can take back by itself, file pages, does not count.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { getHeapStatistics } from 'node:v8';

/** A v1 group without a limit says the largest number of whole pages. */
const UNLIMITED = 2 ** 60;
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 1 << 10,
  mi: 1 << 20,
  gi: 1 << 30,
};

export interface MemoryShareOptions {
  readonly read?: (path: string) => string | undefined;
  /** "200Mi": of this process alone, where no container sets one. */
  readonly given?: string | undefined;
}

/** A function that gives the share in use, 1 = the limit. Throws an Error where the given limit can not be read. */
export function memoryShare({ read = readOrNothing, given }: MemoryShareOptions = {}): () => number {
  const used = given === undefined || given === '' ? containerShare(read) : ownShare(given);
  return () => {
    const heap = getHeapStatistics();
    return Math.max(used?.() ?? 0, heap.used_heap_size / heap.heap_size_limit);
  };
}

function ownShare(given: string): () => number {
  const parts = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(given.trim());
  const unit = UNITS[parts?.[2]?.toLowerCase() ?? '-'];
  if (parts === null || unit === undefined)
    throw new Error(
      `TOPSAIL_MEMORY_LIMIT: "${given}" is no amount of memory; write bytes, or a number with Ki, Mi or Gi`,
    );
  const limit = Number(parts[1]) * unit;
  return () => process.memoryUsage.rss() / limit;
}

function containerShare(read: (path: string) => string | undefined): (() => number) | undefined {
  const lines = (read('/proc/self/cgroup') ?? '').split('\n');
  const v2 = lines.find((line) => line.startsWith('0::'))?.slice(3);
  const v1 = lines.find((line) => /^\d+:([^:]*,)?memory(,[^:]*)?:/.test(line))?.replace(/^\d+:[^:]*:/, '');
  // Inside a namespace of its own the group is mounted as the root.
  for (const folder of v2 === undefined ? [] : ancestors('/sys/fs/cgroup', v2)) {
    const limit = Number(read(`${folder}/memory.max`) ?? Number.NaN);
    if (Number.isFinite(limit) && limit > 0) return () => (v2Used(read, folder) ?? 0) / limit;
  }
  for (const folder of v1 === undefined ? [] : ancestors('/sys/fs/cgroup/memory', v1)) {
    const limit = Number(read(`${folder}/memory.limit_in_bytes`) ?? Number.NaN);
    if (limit > 0 && limit < UNLIMITED) return () => (v1Used(read, folder) ?? 0) / limit;
  }
  return undefined;
}

function ancestors(root: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  return [...parts.map((_, i) => `${root}/${parts.slice(0, parts.length - i).join('/')}`), root];
}

function v2Used(read: (path: string) => string | undefined, folder: string): number | undefined {
  const current = Number(read(`${folder}/memory.current`) ?? Number.NaN);
  const stat = read(`${folder}/memory.stat`) ?? '';
  const used = current - statOf(stat, 'active_file') - statOf(stat, 'inactive_file');
  return Number.isFinite(used) ? used : undefined;
}

function v1Used(read: (path: string) => string | undefined, folder: string): number | undefined {
  const current = Number(read(`${folder}/memory.usage_in_bytes`) ?? Number.NaN);
  const stat = read(`${folder}/memory.stat`) ?? '';
  const used = current - statOf(stat, 'total_active_file') - statOf(stat, 'total_inactive_file');
  return Number.isFinite(used) ? used : undefined;
}

function statOf(stat: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
