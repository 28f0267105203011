// Runs the command line against the test's cluster, as a user does.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Cluster } from './cluster.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What the images hold: it starts faster than the sources, and is called a hundred times. */
const BUNDLE = join(process.env['TOPSAIL_ROOT'] ?? ROOT, 'dist/topsail.js');

export interface CommandEnd {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export function topsail(cluster: Cluster, args: readonly string[], input?: string): CommandEnd {
  const env = { TOPSAIL_ROOT: ROOT, ...process.env, KUBECONFIG: cluster.kubeconfig };
  const done = spawnSync(process.execPath, [BUNDLE, ...args], {
    env,
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 600_000,
    ...(input === undefined ? {} : { input }),
  });
  return { status: done.status ?? 1, out: done.stdout, err: done.stderr };
}

/** Throws with everything that was printed when the command fails. */
export function mustTopsail(cluster: Cluster, args: readonly string[], input?: string): CommandEnd {
  const end = topsail(cluster, args, input);
  if (end.status !== 0) throw new Error(`topsail ${args.join(' ')} ended with ${end.status}\n${end.out}${end.err}`);
  return end;
}

/** Late is not wrong on a busy machine. */
const PATIENCE_S = 180;

/** `seconds` is what an idle machine never needs. */
export async function until(what: string, seconds: number, check: () => Promise<boolean> | boolean): Promise<void> {
  const patience = Math.max(seconds, PATIENCE_S);
  const deadline = Date.now() + patience * 1000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${patience} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
