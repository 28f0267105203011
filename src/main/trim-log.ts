// Keeps a log that is appended to from filling the disk: one that grew too long is kept once as .log.1 and begun anew.
import { copyFileSync, statSync, truncateSync } from 'node:fs';

const LIMIT_BYTES = 16 << 20;
export const TRIM_EVERY_MS = 10_000;

/** Its writers append, so they go on at the new beginning. */
export function trimLog(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) < LIMIT_BYTES) return;
  try {
    copyFileSync(path, `${path}.1`);
  } catch {
    // A full disk has no room for the former part; beginning anew is what makes some.
  }
  truncateSync(path);
}
