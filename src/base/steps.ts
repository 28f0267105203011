// Long work in steps: whoever drives it gives the loop back to the traffic between two of them (design 3b).
import type { Clock } from './clock.ts';

/** Work that pauses; each pause is a place where others may run. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** ms of one turn that such work may take: a request passes four turns, and each may wait behind a slice. */
const SLICE_MS = 0.25;

/** To the end, in this turn. */
export function runAtOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The value itself when one slice was enough, so that short work is done when the call returns. */
export function runInSlices<T>(steps: Steps<T>, clock: Clock, sliceMs = SLICE_MS): T | Promise<T> {
  const first = slice(steps, clock, sliceMs);
  if (first !== undefined) return first.value;
  return new Promise<T>((resolve, reject) => {
    const goOn = (): void => {
      try {
        const done = slice(steps, clock, sliceMs);
        if (done === undefined) clock.setTimer(0, goOn);
        else resolve(done.value);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    clock.setTimer(0, goOn);
  });
}

/** Undefined: the slice is over and the work is not. */
function slice<T>(steps: Steps<T>, clock: Clock, sliceMs: number): { readonly value: T } | undefined {
  const end = clock.now() + sliceMs;
  do {
    const step = steps.next();
    if (step.done === true) return { value: step.value };
  } while (clock.now() < end);
  return undefined;
}
