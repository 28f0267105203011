// Puts what the system refused into a sentence that can be acted on: no room, no right, no descriptors.
import { statfsSync } from 'node:fs';

/** Below this nothing of use can be written any more. */
const ROOM_BYTES = 1 << 20;

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'Make it writable for this user, or give another folder with --home FOLDER.',
  EPERM: 'Make it writable for this user, or give another folder with --home FOLDER.',
  EROFS: 'That file system is read-only: give another folder with --home FOLDER.',
  ENOSPC: 'The disk is full: make room on it, or give a folder on another with --home FOLDER.',
  EDQUOT: 'The quota is used up: make room, or give another folder with --home FOLDER.',
  ENOTDIR: 'A part of that path is a file: remove it, or give another folder with --home FOLDER.',
  EEXIST: 'A file stands where a folder is needed: remove it, or give another folder with --home FOLDER.',
  EMFILE: 'Too many files are open: raise the limit with `ulimit -n 4096`.',
  ENFILE: 'The system has too many files open: end other programs, or raise fs.file-max.',
  EAGAIN: 'The system starts no more processes for this user: end some, or raise the limit with `ulimit -u`.',
  ENOMEM: 'The system has no memory left: end other programs, or start with fewer workloads.',
};

/** Undefined for an error that is not the system's: that one is a defect, and keeps its stack. */
export function systemFailure(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  const remedy = code === undefined || syscall === undefined ? undefined : REMEDIES[code];
  if (remedy === undefined) return undefined;
  const what = path === undefined || error.message.includes(path) ? '' : ` ${path}`;
  return `${error.message}${what}. ${remedy}`;
}

/** A full disk cannot be told in a log that lies on it. */
export function fullDisk(folder: string): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < ROOM_BYTES ? `The disk that holds ${folder} is full: make room on it.` : undefined;
  } catch {
    return `${folder} is gone or cannot be read.`;
  }
}
