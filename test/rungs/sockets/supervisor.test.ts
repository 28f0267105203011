// A supervisor whose folder is taken away, whose disk is full, whose records cannot be kept: the mesh must outlive it.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessSpec, Supervisor } from '../../../src/main/supervisor.ts';

const WITHIN_MS = 180_000;
const folder = mkdtempSync(join(tmpdir(), 'topsail-supervisor-'));
const logFolder = join(folder, 'logs');
const said: string[] = [];
let recordable = true;
const supervisor = new Supervisor({
  logFolder,
  node: process.execPath,
  entry: ['-e', 'process.send({ ready: {} }); setInterval(() => {}, 1000)'],
  say: (line) => said.push(line),
  changed: () => {
    if (!recordable) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  },
});
const spec: ProcessSpec = { name: 'app', args: [], env: {}, nodeArgs: [], endsAfter: 0 };

after(async () => {
  await supervisor.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function until(fact: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + WITHIN_MS; !fact(); await sleep(20))
    assert.ok(Date.now() < end, `${what}\n${said.join('\n')}`);
}

const backs = (): number => said.filter((line) => line === 'app is back').length;

test('a process is repaired though its log folder is gone, and the folder with it', async () => {
  await supervisor.start(spec, WITHIN_MS);
  rmSync(logFolder, { recursive: true });
  process.kill(supervisor.pids()[0] as number, 'SIGKILL');
  await until(() => backs() === 1, 'it is not back');
  assert.ok(existsSync(join(logFolder, 'app.log')));
});

test('records that cannot be written are told once, and end nothing', async () => {
  recordable = false;
  for (const times of [2, 3]) {
    process.kill(supervisor.pids()[0] as number, 'SIGKILL');
    await until(() => backs() === times, 'it is not back');
  }
  assert.equal(said.filter((line) => /not recorded: .*ENOSPC/.test(line)).length, 1);
});
