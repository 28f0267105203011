// Waits for a state. What a busy machine does late is late, not wrong: only what never comes fails a test.
import { setTimeout as sleep } from 'node:timers/promises';

/** Many times what an idle machine needs. */
export const PATIENCE_MS = 90_000;
const PAUSE_MS = 50;

/** `what` may be a function that says how far it got. */
export async function until(
  what: string | (() => string),
  holds: () => unknown,
  withinMs: number = PATIENCE_MS,
): Promise<void> {
  for (const end = performance.now() + withinMs; !(await holds()); await sleep(PAUSE_MS))
    if (performance.now() > end)
      throw new Error(`waited ${withinMs} ms in vain: ${typeof what === 'string' ? what : what()}`);
}
