// Tells one process from a later one with the same number: pid and start time, as the kernel counts it.
import { readFileSync } from 'node:fs';
import process from 'node:process';

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat; 0 where there is no /proc. */
  readonly startTicks: number;
}

export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  if (stat !== undefined) return { pid, startTicks: stat.startTicks };
  if (process.platform === 'linux') return undefined;
  try {
    process.kill(pid, 0);
    return { pid, startTicks: 0 };
  } catch {
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && (identity.startTicks === 0 || now.startTicks === identity.startTicks);
}

export function parentOf(pid: number): number | undefined {
  return readStat(pid)?.parent;
}

export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Undefined for zombies too: they are over. */
function readStat(pid: number): { parent: number; startTicks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name stands in brackets and may hold spaces and brackets itself.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { parent: Number(fields[1]), startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
}
