// Moves this process's main thread into a network namespace (setns(2)): programs that it starts from then on run there.
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';

const CLONE_NEWNET = 0x4000_0000;

/** For good: a process that goes on to live needs a child for this. Throws when the kernel refuses. */
export function enterNetworkNamespace(path: string): void {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const setns = koffi.load('libc.so.6').func('int setns(int fd, int kind)') as unknown as (
    fd: number,
    kind: number,
  ) => number;
  const fd = openSync(path, 'r');
  try {
    if (setns(fd, CLONE_NEWNET) !== 0)
      throw new Error(`setns to ${path}: errno ${koffi.errno()} (it takes CAP_SYS_ADMIN)`);
  } finally {
    closeSync(fd);
  }
}
