// Threads count milliseconds from their own beginning: this is what makes one time of all of them.
import { performance } from 'node:perf_hooks';
import process from 'node:process';

/** Added to performance.now() of this thread. */
export function sharedClockOffset(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now();
}
