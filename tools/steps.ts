// Runs named steps one after another, prints a line for each, and ends with the verdict of all.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { failuresOf } from './test-output.ts';

export const root: string = join(import.meta.dirname, '..');

export interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Output is shown as it comes; otherwise only on failure. */
  readonly live?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly output: string;
}

export function runStep(step: Step): StepResult {
  const started = performance.now();
  const run = spawnSync(step.command, step.args, {
    cwd: root,
    stdio: step.live ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...step.env },
    ...(step.timeoutMs === undefined ? {} : { timeout: step.timeoutMs, killSignal: 'SIGKILL' }),
  });
  const seconds = (performance.now() - started) / 1000;
  const ok = run.status === 0;
  const output = step.live ? '' : `${run.stdout ?? ''}${run.stderr ?? ''}${run.error ? run.error.message : ''}`;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${step.name.padEnd(28)} ${seconds.toFixed(1)} s`);
  if (!ok && output !== '') console.log(failuresOf(output));
  return { name: step.name, ok, seconds, output };
}

export function bin(name: string): string {
  return join(root, 'node_modules/.bin', name);
}
