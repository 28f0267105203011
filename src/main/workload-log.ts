// Where a workload's access log goes: to a file that `topsail logs` reads, so that the output of `topsail run` is the
// program's own; or, where somebody keeps that output anyway, to stdout or stderr.
import { appendFileSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkloadSpec } from '#agent';
import { type FileLogSink, openLogSink } from '#io';
import type { Home } from './home.ts';
import { TRIM_EVERY_MS, trimLog } from './trim-log.ts';

export type AccessLog = 'file' | 'stdout' | 'stderr';

export interface WorkloadLog {
  /** Undefined: none of its own. */
  readonly path: string | undefined;
  /** Of our own proxy. */
  open(path: string): FileLogSink;
  /** For an Envoy's standard output. */
  readonly descriptor: number;
  /** The agent's own lines: on the terminal, and where the access log is. */
  write(line: string): void;
}

const STDOUT = '/dev/stdout';
const STDERR = '/dev/stderr';

export function openWorkloadLog(where: AccessLog, home: Home, { name, namespace }: WorkloadSpec): WorkloadLog {
  if (where !== 'file') {
    const own = where === 'stdout' ? STDOUT : STDERR;
    return {
      path: undefined,
      open: (path) => openLogSink(path === STDOUT ? own : path),
      descriptor: where === 'stdout' ? 1 : 2,
      write: toStderr,
    };
  }
  mkdirSync(home.logs, { recursive: true });
  const file = join(home.logs, `${name}.${namespace}.log`);
  trimLog(file);
  setInterval(() => trimLog(file), TRIM_EVERY_MS).unref();
  return {
    path: file,
    open: (path) => openLogSink(path === STDOUT || path === STDERR ? file : path),
    descriptor: openSync(file, 'a', 0o640),
    write: (line) => {
      toStderr(line);
      appended(file, line);
    },
  };
}

function appended(file: string, line: string): void {
  try {
    appendFileSync(file, line);
  } catch {
    // Nor must a full disk, or a folder that somebody removed.
  }
}

function toStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // A full or closed pipe must not take the workload down: this line is lost.
  }
}
