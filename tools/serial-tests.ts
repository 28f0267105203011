// How test files that start processes and sockets are run: one after another, each in a process of its own.
import { join } from 'node:path';
import { root } from './steps.ts';

/** A test that failed may leave sockets open: it is told, not waited for. */
export const SERIAL: readonly string[] = [
  '--test-concurrency=1',
  '--test-force-exit',
  `--import=${join(root, 'tools/whole-output.ts')}`,
];
