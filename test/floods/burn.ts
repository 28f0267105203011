// Uses CPU for nothing, as much of it as attackers did: what is left of a comparison is not their doing.
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

/** So long it burns and rests in all, ms: a scheduler's slice. */
const ROUND_MS = 4;

/** `cores`: 0 to 1. */
export async function burn(cores: number, ms: number): Promise<void> {
  const share = Math.min(Math.max(cores, 0), 1);
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const until = performance.now() + ROUND_MS * share;
    while (performance.now() < until);
    const restMs = ROUND_MS * (1 - share);
    await (restMs < 1 ? new Promise((resolve) => setImmediate(resolve)) : sleep(restMs));
  }
}

/** Milliseconds of CPU that this thread has used. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
