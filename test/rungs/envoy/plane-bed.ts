// Our proxy or a real Envoy on a bootstrap of a test's own, and how far its counters grew meanwhile.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { meshEntry } from '../../mesh/mesh.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { until } from '../../mesh/until.ts';
import { address } from '../../proxy-life/config.ts';
import { findEnvoy } from './find-envoy.ts';

export type Plane = 'topsail' | 'envoy';
export const PLANES: readonly Plane[] = ['topsail', 'envoy'];

const envoy = findEnvoy();

/** For `describe`: with `CI` set a missing Envoy is a failure. */
export function skipOf(plane: Plane): string | false {
  return plane === 'envoy' && envoy === undefined && process.env['CI'] === undefined ? 'no Envoy' : false;
}

export type Counts = Readonly<Record<string, number>>;

export interface PlaneBed {
  /** Full names of Envoy's `/stats` and their values, without histograms; what is 0 is left out. */
  counts(accept: RegExp): Promise<Counts>;
  close(): Promise<void>;
}

/** Ready when it returns. The bootstrap's admin address and node are added here. */
export async function startPlane(plane: Plane, staticResources: object, threads = 1): Promise<PlaneBed> {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-plane-'));
  const admin = await freePort();
  const file = join(folder, 'b.json');
  const node = { id: 'bed', cluster: 'bed' };
  const bootstrap = { node, admin: { address: address(admin) }, static_resources: staticResources };
  writeFileSync(file, JSON.stringify(bootstrap));
  const [program, ...args] =
    plane === 'envoy'
      ? [envoy ?? '', '--disable-hot-restart', '-l', 'error']
      : [process.execPath, meshEntry(), 'proxy', '--log-level', 'error'];
  const child: ChildProcess = spawn(program as string, [...args, '--concurrency', String(threads), '-c', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const gone = once(child, 'exit');
  const page = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${admin}${path}`)).text();
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(`a ready ${plane}`, async () => {
      if (child.exitCode !== null) throw new Error(`The ${plane} plane ended with ${child.exitCode}.`);
      return (await page('/ready').catch(() => '')).startsWith('LIVE');
    });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async counts(accept) {
      const found: Record<string, number> = {};
      for (const line of (await page('/stats')).split('\n')) {
        const [, name = '', value] = /^(.*): (\d+)$/.exec(line) ?? [];
        if (Number(value) !== 0 && accept.test(name)) found[name] = Number(value);
      }
      return found;
    },
    close,
  };
}

/** What `after` has more than `before`, where it has. */
export function growth(before: Counts, after: Counts): Counts {
  const grown = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, more]) => more !== 0));
}
