// The whole mesh as its user meets it: started by one command, asked through the gateway, edited live, broken, stopped.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { callHttp } from '#io';
import { isAlive } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';

const root = join(import.meta.dirname, '../../..');
const entry = join(root, 'src/main/cli.ts');
const READY_WITHIN_MS = 180_000;

let home = '';
let base = 0;
let demo: ChildProcess;

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'topsail-demo-'));
  base = await fivePorts();
  demo = spawn(process.execPath, [entry, 'demo', '--home', home, '--port-base', String(base), '--no-load'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TOPSAIL_ROOT: root },
  });
  await new Promise<void>((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`no ready line:\n${text}`)), READY_WITHIN_MS);
    demo.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes('Topsail is ready')) return;
      clearTimeout(late);
      resolve();
    });
    demo.once('exit', () => reject(new Error(`the demo ended:\n${text}`)));
  });
});

after(async () => {
  // Where a test above failed it still runs, and with it all that it started.
  if (demo.exitCode === null && demo.signalCode === null) {
    const gone = new Promise((resolve) => demo.once('exit', resolve));
    demo.kill('SIGTERM');
    await gone;
  }
  rmSync(home, { recursive: true, force: true, maxRetries: 10 });
});

test('the page answers through the gateway', async () => {
  const page = await get('/productpage');
  assert.equal(page?.status, 200);
  assert.match(page?.body ?? '', /Sailing Alone/);
});

test('a canary is edited live, and apply --wait returns when every proxy has it', async () => {
  const applied = topsail(
    'apply',
    '--wait',
    '--timeout',
    '120s',
    '-f',
    join(root, 'examples/seed/02-reviews-jason.yaml'),
  );
  assert.equal(applied.status, 0, applied.stderr);
  assert.match(applied.stdout, /virtualservice\.networking\.istio\.io\/reviews created/);
  assert.match(applied.stdout, /Programmed 7\/7/);
  for (let i = 0; i < 10; i++) {
    assert.equal(await reviewsVersion({}), 'v1');
    assert.equal(await reviewsVersion({ 'end-user': 'jason' }), 'v2');
  }
  assert.match(
    topsail('apply', '--wait', '--timeout', '120s', '-f', join(root, 'examples/seed/02-reviews-jason.yaml')).stdout,
    /reviews unchanged\n.*\nProgrammed 7\/7/,
  );
});

test('edges shows who called whom, with mutual TLS', async () => {
  for (let i = 0; i < 20; i++) await get('/productpage');
  let edges = '';
  await until(
    () => `productpage to reviews is not among\n${edges}`,
    () => /productpage-v1 +reviews-v1 +http .* yes\n/.test((edges = topsail('edges').stdout)),
  );
  let found = '';
  await until(
    () => `there are findings:\n${found}`,
    () => {
      const check = topsail('check');
      found = check.stdout;
      return check.status === 0;
    },
  );
});

test('the control plane is killed and nobody notices but the supervisor', async () => {
  process.kill(recordedPid('istiod'), 'SIGKILL');
  for (let i = 0; i < 30; i++) {
    assert.equal((await get('/productpage'))?.status, 200);
    await sleep(50);
  }
});

test('writes without the token, and calls by another name, are refused', async () => {
  const address = { host: '127.0.0.1', port: base + 4 };
  const apply = { target: address, method: 'POST', path: '/api/v1/apply', body: '{}', timeoutMs: 30_000 } as const;
  // It was killed just now.
  await until('the control plane is back', async () => (await callHttp(apply)) !== undefined);
  assert.equal((await callHttp(apply))?.status, 401);
  assert.equal(
    (await callHttp({ ...apply, method: 'GET', path: '/api/v1/status', headers: { host: 'mesh.example' } }))?.status,
    403,
  );
});

test('one signal ends everything', async () => {
  const pids = recordedPids();
  assert.equal(pids.length, 8);
  demo.kill('SIGTERM');
  const left = (): number[] => [demo.pid as number, ...pids].filter(isAlive);
  await until(
    () => `alive: ${left().join(' ')}`,
    () => left().length === 0,
  );
});

function topsail(...args: string[]) {
  return spawnSync(process.execPath, [entry, ...args, '--home', home], { encoding: 'utf8' });
}

function get(path: string, headers: Record<string, string> = {}) {
  return callHttp({ target: { host: '127.0.0.1', port: base }, method: 'GET', path, headers, timeoutMs: 60_000 });
}

async function reviewsVersion(headers: Record<string, string>): Promise<string> {
  const answer = await get('/api/v1/products/0/reviews', headers);
  return /"servedBy":"reviews (v\d)"/.exec(answer?.body ?? '')?.[1] ?? `${answer?.status}`;
}

function recorded(): readonly { readonly name: string; readonly pid: number }[] {
  return (
    JSON.parse(readFileSync(join(home, 'run/processes.json'), 'utf8')) as { processes: { name: string; pid: number }[] }
  ).processes;
}

function recordedPids(): number[] {
  return recorded().map((one) => one.pid);
}

function recordedPid(name: string): number {
  const pid = recorded().find((one) => one.name === name)?.pid;
  assert.ok(pid !== undefined, name);
  return pid;
}

/** A base from which five ports in a row are free at this moment. */
async function fivePorts(): Promise<number> {
  // Below the range from which outgoing connections get theirs.
  for (let candidate = 22_000 + (process.pid % 1000) * 10; ; candidate += 10) {
    const free = await Promise.all([0, 1, 2, 3, 4].map((i) => isFree(candidate + i)));
    if (free.every(Boolean)) return candidate;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
