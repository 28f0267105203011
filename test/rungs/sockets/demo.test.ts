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

const root = join(import.meta.dirname, '../../..');
const entry = join(root, 'src/main/cli.ts');
const READY_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 5000;

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

after(() => {
  demo.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

test('the page answers through the gateway', async () => {
  const page = await get('/productpage');
  assert.equal(page?.status, 200);
  assert.match(page?.body ?? '', /Sailing Alone/);
});

test('a canary is edited live, and apply --wait returns when every proxy has it', async () => {
  const applied = topsail('apply', '--wait', '-f', join(root, 'examples/seed/02-reviews-jason.yaml'));
  assert.equal(applied.status, 0, applied.stderr);
  assert.match(applied.stdout, /virtualservice\.networking\.istio\.io\/reviews created/);
  assert.match(applied.stdout, /Programmed 7\/7/);
  for (let i = 0; i < 10; i++) {
    assert.equal(await reviewsVersion({}), 'v1');
    assert.equal(await reviewsVersion({ 'end-user': 'jason' }), 'v2');
  }
  assert.match(
    topsail('apply', '--wait', '-f', join(root, 'examples/seed/02-reviews-jason.yaml')).stdout,
    /reviews unchanged\n.*\nProgrammed 7\/7/,
  );
});

test('edges shows who called whom, with mutual TLS', async () => {
  for (let i = 0; i < 20; i++) await get('/productpage');
  await sleep(1500);
  assert.match(topsail('edges').stdout, /productpage-v1 +reviews-v1 +http .* yes\n/);
  const check = topsail('check');
  assert.equal(check.status, 0, check.stdout);
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
  // It was killed just now.
  for (const end = Date.now() + READY_WITHIN_MS; await isFree(base + 4); await sleep(50))
    assert.ok(Date.now() < end, 'the control plane did not come back');
  const apply = { target: address, method: 'POST', path: '/api/v1/apply', body: '{}', timeoutMs: 2000 } as const;
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
  const end = Date.now() + STOPPED_WITHIN_MS;
  while (Date.now() < end && [demo.pid as number, ...pids].some(isAlive)) await sleep(50);
  assert.deepEqual([demo.pid as number, ...pids].filter(isAlive), []);
});

function topsail(...args: string[]) {
  return spawnSync(process.execPath, [entry, ...args, '--home', home], { encoding: 'utf8' });
}

function get(path: string, headers: Record<string, string> = {}) {
  return callHttp({ target: { host: '127.0.0.1', port: base }, method: 'GET', path, headers, timeoutMs: 5000 });
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A base from which five ports in a row are free at this moment. */
async function fivePorts(): Promise<number> {
  for (let candidate = 24_000 + (process.pid % 1000) * 10; ; candidate += 10) {
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
