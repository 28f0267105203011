// Workloads that somebody starts by hand with `topsail run`: whose output is whose, and what is left when they end.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import type { StatusJson } from '#api';
import { isAlive, meshEntry, root, startMesh, type TestMesh } from '../../mesh/mesh.ts';
import { cleanEnv } from '../../mesh/mesh-process.ts';
import { until } from '../../mesh/until.ts';

const ASK = 'fetch("http://told:9080/by-hand").then(async (answer) => console.log(answer.status))';

function startByHand(
  home: string,
  flags: readonly string[],
  command: readonly string[],
): { readonly child: ChildProcess; out(): string; err(): string } {
  const child = spawn(
    process.execPath,
    [meshEntry(), 'run', '--home', home, '--capture', 'none', ...flags, '--', ...command],
    { env: { ...cleanEnv(), TOPSAIL_ROOT: root }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk));
  return { child, out: () => out, err: () => err };
}

describe('a workload started by hand', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh({ workloads: [{ app: 'told', version: 'v1' }] });
  });
  after(() => mesh.stop());

  const records = (): string[] => readdirSync(join(mesh.home, 'run/workloads'));
  const ask = async (...flags: string[]): Promise<{ out: string; err: string }> => {
    const one = startByHand(mesh.home, ['--name', 'asker', ...flags], [process.execPath, '-e', ASK]);
    await once(one.child, 'close');
    return { out: one.out(), err: one.err() };
  };

  test("has its program's output to itself; the access log is in `topsail logs`", async () => {
    assert.equal((await ask()).out, '200\n');
    const { stdout } = await mesh.topsail('logs', 'asker');
    assert.match(stdout, /the workload is in the mesh/);
    assert.match(stdout, /"path":"\/by-hand".*"response_code":200/);
  });

  test('mixes the access log into its output where that is asked for', async () => {
    const mixed = await ask('--access-log', 'stdout');
    assert.match(mixed.out, /"path":"\/by-hand"/);
    const beside = await ask('--access-log', 'stderr');
    assert.equal(beside.out, '200\n');
    assert.match(beside.err, /"path":"\/by-hand"/);
  });

  test('is forgotten with its end: no finding, no record, and its last second is told', async () => {
    const before = records();
    await ask();
    assert.deepEqual(records(), before);
    let names = '';
    await until(
      () => `there are ${names}`,
      async () => {
        const status = await mesh.api<StatusJson>('GET', '/api/v1/status');
        names = status.workloads.map((one) => one.name).join();
        return names === 'told-v1';
      },
    );
    await until("the caller's own account", async () =>
      (await mesh.edges()).some((edge) => edge.source === 'asker' && edge.destination === 'told-v1'),
    );
    const check = await mesh.topsail('check');
    assert.equal(check.status, 0, check.stdout);
  });

  test('that is killed leaves what the next one removes', async () => {
    const { child } = startByHand(
      mesh.home,
      ['--name', 'killed', '--port', 'http:9080'],
      [process.execPath, '-e', 'require("http").createServer((_, a) => a.end()).listen(process.env.PORT, "127.0.0.1")'],
    );
    const path = join(mesh.home, 'run/workloads/killed.default.json');
    const app = (): number => {
      try {
        return (JSON.parse(readFileSync(path, 'utf8')) as { app?: { pid: number } }).app?.pid ?? 0;
      } catch {
        return 0;
      }
    };
    await until('its application', () => app() > 0);
    const pid = app();
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(records().includes('killed.default.json'), true);
    await ask();
    assert.equal(records().includes('killed.default.json'), false);
    await until('the end of its application', () => !isAlive(pid));
  });
});

test('a workload that waits for a mesh and is interrupted leaves no record', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'topsail-alone-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  mkdirSync(join(home, 'config'));
  const { child, err } = startByHand(home, ['--name', 'early'], ['true']);
  await until(
    'its record',
    () => readdirSync(home).includes('run') && readdirSync(join(home, 'run')).includes('workloads'),
  );
  await until('its file', () => readdirSync(join(home, 'run/workloads')).length === 1);
  child.kill('SIGINT');
  const [status] = (await once(child, 'close')) as [number];
  assert.equal(status, 143, err());
  assert.deepEqual(readdirSync(join(home, 'run/workloads')), []);
});
