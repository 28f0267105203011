// Executes the commands of README.md and docs/your-app.md as they stand there, against a running demo.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { startDemo, type RunningDemo } from '../mesh/demo.ts';
import { cleanEnv } from '../mesh/mesh-process.ts';
import { root } from '../mesh/mesh.ts';
import { type ShellCommand, shellCommands } from './shell-blocks.ts';

/** What stands for these is the clone that the test runs in, and the demo that it starts. */
const ELSEWHERE = new Set(['git clone <this repository> topsail && cd topsail', 'npm start', 'npm test']);
const JOINED_WITHIN_MS = 180_000;
const COMMAND_TIMEOUT_MS = 180_000;

describe('the commands of the documents', () => {
  let demo: RunningDemo | undefined;
  let home = '';
  const joined: ChildProcess[] = [];

  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'topsail-docs-'));
    demo = await startDemo(home, ['--no-load', '--capture', 'none']);
  });
  after(async () => {
    await leave();
    await demo?.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const leave = async (): Promise<void> => {
    await Promise.all(
      joined.splice(0).map(async (one) => {
        if (one.exitCode !== null || one.signalCode !== null) return;
        const ended = once(one, 'exit');
        one.kill('SIGTERM');
        await ended;
      }),
    );
  };
  const env = (): Record<string, string> => ({
    ...cleanEnv(),
    TOPSAIL_HOME: home,
    PATH: `${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}`,
  });

  async function execute({ command, prints }: ShellCommand): Promise<void> {
    if (ELSEWHERE.has(command)) return;
    if (/topsail run .*--port/.test(command)) return await joinMesh(command);
    const done = spawnSync('sh', ['-c', command], {
      cwd: root,
      env: env(),
      encoding: 'utf8',
      timeout: COMMAND_TIMEOUT_MS,
    });
    const said = `${done.stdout}${done.stderr}`;
    assert.equal(done.status, 0, `${command}\n${said}`);
    for (const line of prints) assert.ok(said.includes(line), `${command}\nprints no "${line}":\n${said}`);
  }

  /** A workload that serves: stays until the end. */
  async function joinMesh(command: string): Promise<void> {
    const child = spawn('sh', ['-c', `exec ${command}`], { cwd: root, env: env(), stdio: ['ignore', 'pipe', 'pipe'] });
    joined.push(child);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not in the mesh:\n${command}\n${said}`)), JOINED_WITHIN_MS);
      const read = (chunk: Buffer): void => {
        said += chunk.toString();
        if (!said.includes('the workload is in the mesh')) return;
        clearTimeout(late);
        resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${command}\n${said}`)));
    });
  }

  for (const page of ['README.md', 'docs/your-app.md']) {
    test(`${page}: every command does what the page says`, async () => {
      const commands = shellCommands(join(root, page));
      assert.ok(commands.length > 3);
      for (const command of commands) await execute(command);
      // Each page begins without the other's workloads.
      await leave();
    });
  }

  test('your own app takes under 10 commands', () => {
    assert.ok(shellCommands(join(root, 'docs/your-app.md')).length < 10);
  });
});
