// The child's side of supervision: says when it is ready, and ends when its supervisor is gone.
import process from 'node:process';

/** Calls `ended` within milliseconds of the supervisor's death: the channel between the two closes. */
export function watchSupervisor(ended: () => void): void {
  if (process.channel === undefined || process.channel === null) return;
  process.on('disconnect', ended);
}

export function reportReady(facts: Readonly<Record<string, string | number>>): void {
  if (process.connected) process.send?.({ ready: facts });
}

/** One end reaches a process by several ways: its terminal, its launcher, its own look at the launcher. */
const SAME_END_MS = 2000;

/** Runs `stop` once, on the first signal or, where it is to, the supervisor's death. A signal 2 s or more later ends at once. What it returns begins it too. */
export function onShutdown(stop: (reason: string) => void, watches = true): (reason: string) => void {
  let begunMs: number | undefined;
  const once = (reason: string): void => {
    if (begunMs !== undefined) {
      if (performance.now() - begunMs >= SAME_END_MS) process.exit(1);
      return;
    }
    begunMs = performance.now();
    stop(reason);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => once(signal));
  // What is seen rather than sent may be seen late: it hurries nothing.
  const ended = (reason: string): void => {
    if (begunMs === undefined) once(reason);
  };
  if (watches) watchSupervisor(() => ended('the supervisor is gone'));
  return ended;
}
