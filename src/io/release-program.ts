// Takes the pages of Node's own binary out of this process that nobody needs at the moment. They stay in the page cache,
// and those that are needed come back one by one. What starting up and compiling once ran is more than half of them.
import { readFileSync, statSync } from 'node:fs';
import { libc } from './libc.ts';
import { unwrittenPages } from './program-pages.ts';

type Advise = (from: bigint, bytes: number, advice: number) => number;

/** madvise(2): of a private mapping that nobody wrote to, only its place in this process's page table goes. */
const MADV_DONTNEED = 4;

let advise: Advise | undefined;

/** Bytes of files in this process's memory (proc(5), RssFile): the binary's and its libraries'. 0 where nobody says. */
export function fileBytes(): number {
  try {
    return Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Takes some 4 ms, more where a heap is large. Throws where there is no glibc or no /proc: where `fileBytes` is 0. */
export function releaseProgram(): void {
  advise ??= libc().define<Advise>('int madvise(uintptr_t from, size_t bytes, int advice)');
  const { ino } = statSync('/proc/self/exe', { bigint: true });
  for (const { from, bytes } of unwrittenPages(readFileSync('/proc/self/smaps', 'latin1'), ino))
    advise(from, bytes, MADV_DONTNEED);
}
