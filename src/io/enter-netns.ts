// Moves this process's main thread into a network namespace (setns(2)): programs that it starts from then on run there.
import { closeSync, openSync } from 'node:fs';
import { libc } from './libc.ts';

const CLONE_NEWNET = 0x4000_0000;

/** For good: a process that goes on to live needs a child for this. Throws when the kernel refuses. */
export function enterNetworkNamespace(path: string): void {
  const { define, errno } = libc();
  const setns = define<(fd: number, kind: number) => number>('int setns(int fd, int kind)');
  const fd = openSync(path, 'r');
  try {
    if (setns(fd, CLONE_NEWNET) !== 0) throw new Error(`setns to ${path}: errno ${errno()} (it takes CAP_SYS_ADMIN)`);
  } finally {
    closeSync(fd);
  }
}
