// How long one waits for a peer's word before judging it: time in which this process itself stood still (a machine
// without memory, a long collection) counts for little, because the word may have come and lies unread.
import type { Clock, Timer } from '#base';

const LOOKS = 10;

/**
 * Calls `over` once when `ms` have passed in ten looks, each of which counts as a tenth however late it was.
 * A last look that was late is followed by one more, so that what came meanwhile is read before the verdict.
 */
export function fairDeadline(clock: Clock, ms: number, over: () => void): Timer {
  const stepMs = ms / LOOKS;
  let looks = 0;
  let timer: Timer | undefined;
  const wait = (): void => {
    const dueMs = clock.now() + stepMs;
    timer = clock.setTimer(stepMs, () => look(clock.now() - dueMs > stepMs), { unref: true });
  };
  const look = (late: boolean): void => {
    looks++;
    if (looks > LOOKS || (looks === LOOKS && !late)) over();
    else wait();
  };
  wait();
  return { cancel: () => timer?.cancel() };
}
