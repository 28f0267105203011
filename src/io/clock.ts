// The real clock: monotonic time from performance.now, timers from Node.
import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '#base';

export class SystemClock implements Clock {
  now(): number {
    return performance.now();
  }

  wallTime(): number {
    return Date.now();
  }

  setTimer(delayMs: number, fire: () => void, options?: { readonly unref?: boolean }): Timer {
    const timer = setTimeout(fire, Math.min(Math.max(0, delayMs), 0x7fffffff));
    if (options?.unref === true) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }
}
