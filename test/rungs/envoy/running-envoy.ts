// A real Envoy on a bootstrap of a test's own, in a folder of its own, until the test is over.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../mesh/until.ts';

export interface RunningEnvoy {
  /** `http://127.0.0.1:PORT`, where its admin pages are. */
  readonly admin: string;
  readonly child: ChildProcess;
}

/** Ready when it returns. The bootstrap's admin address may name port 0; the caller kills `child` and removes `folder`. */
export async function runEnvoy(envoy: string, folder: string, bootstrap: unknown): Promise<RunningEnvoy> {
  const config = join(folder, 'b.json');
  const file = join(folder, 'admin');
  writeFileSync(config, JSON.stringify(bootstrap));
  const args = [
    '-c',
    config,
    '--admin-address-path',
    file,
    '--disable-hot-restart',
    '--concurrency',
    '1',
    '-l',
    'error',
  ];
  const child = spawn(envoy, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  // It makes the file, then writes it.
  const address = (): string => (existsSync(file) ? readFileSync(file, 'utf8').trim() : '');
  await until("Envoy's admin address", () => /:\d+$/.test(address()));
  const admin = `http://${address()}`;
  const ready = (): Promise<boolean> =>
    fetch(`${admin}/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until('a ready Envoy', ready);
  return { admin, child };
}
