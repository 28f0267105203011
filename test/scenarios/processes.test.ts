// The processes of the demo: how they end, what a killed one leads to, what they weigh, what a second start finds.
// TOPSAIL_TEST_LONG=1 weighs after 60 s of load, through `npm start`, and kills npm. TOPSAIL_TEST_CAPTURE=none,userns,netns
// chooses the capture tiers (default: the best that this machine allows).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { asDemo, freeBase, isFree, type RunningDemo, startDemo, startUntilReady, stillAlive } from '../mesh/demo.ts';
import { cleanEnv } from '../mesh/mesh-process.ts';
import { kill, meshEntry, root, withDescendants } from '../mesh/mesh.ts';
import { callPlain } from '../mesh/plain-calls.ts';

const LONG = (process.env['TOPSAIL_TEST_LONG'] ?? '') !== '';
const TIERS = (process.env['TOPSAIL_TEST_CAPTURE'] ?? 'auto').split(',');
/** What is asked for holds on a machine that has nothing else to do; a busy one gets many times that. */
const ENDED_WITHIN_MS = LONG ? 5000 : 60_000;
const ORPHANS_END_WITHIN_MS = LONG ? 2000 : 60_000;
const NOTICED_WITHIN_MS = LONG ? 2000 : 60_000;
const SECOND_START_MS = LONG ? 10_000 : 180_000;
const REPAIRED_WITHIN_MS = LONG ? 15_000 : 90_000;
const PSS_LIMIT_MB = 700;
const MESH = [
  'istiod',
  'istio-ingressgateway',
  'details-v1',
  'ratings-v1',
  'reviews-v1',
  'reviews-v2',
  'reviews-v3',
  'productpage-v1',
];

const page = async (demo: RunningDemo): Promise<number> =>
  (await callPlain({ port: demo.portBase, path: '/productpage' })).status;

async function soon(what: string, withinMs: number, good: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + withinMs; !(await good()); await sleep(50))
    assert.ok(Date.now() < end, `${what} took over ${withinMs} ms`);
}

for (const capture of TIERS) describe(`the processes of the demo, capture ${capture}`, () => processes(capture));

function processes(capture: string): void {
  let home = '';
  let demo: RunningDemo;
  let everybody: number[] = [];

  before(() => {
    home = mkdtempSync(join(tmpdir(), 'topsail-processes-'));
  });
  after(() => {
    for (const pid of everybody) kill(pid);
    rmSync(home, { recursive: true, force: true });
  });

  const start = async (...flags: string[]): Promise<void> => {
    demo = await startDemo(home, ['--capture', capture, ...flags]);
    everybody = demo.pids();
  };
  const seen = new Set<string>();
  /** Of this mesh, that exist now: other meshes have theirs. */
  const namespaces = (): string[] => {
    const folder = join(home, 'run/workloads');
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const { netns } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { netns?: string };
      if (netns !== undefined) seen.add(netns);
    }
    return [...seen].filter((name) => existsSync(join('/run/netns', name))).sort();
  };
  const gone = async (pids: readonly number[], withinMs: number): Promise<void> =>
    assert.deepEqual((await stillAlive(pids, withinMs)).map(nameOf), []);

  test('a killed process is noticed, said and repaired, whichever it is', async () => {
    await start('--no-load');
    assert.ok(everybody.length > MESH.length, 'one for each part, and the applications');
    for (const name of MESH) {
      const before = demo.pid(name);
      process.kill(before, 'SIGKILL');
      await soon(`saying that ${name} ended`, NOTICED_WITHIN_MS, () =>
        demo.said().includes(`${name} ended (SIGKILL): starting it again`),
      );
      await soon(`the return of ${name}`, REPAIRED_WITHIN_MS, () => demo.said().includes(`${name} is back`));
      assert.notEqual(demo.pid(name), before);
    }
    await soon("the page's answer", REPAIRED_WITHIN_MS, async () => (await page(demo)) === 200);
    everybody = demo.pids();
  });

  test('a killed application takes its workload along, which is repaired', async () => {
    const agent = demo.pid('details-v1');
    const application = withDescendants(agent).at(-1) as number;
    assert.notEqual(application, agent);
    process.kill(application, 'SIGKILL');
    await soon(
      'the return of details-v1',
      REPAIRED_WITHIN_MS,
      () => demo.said().split('details-v1 is back').length >= 3,
    );
    await soon("the page's answer", REPAIRED_WITHIN_MS, async () => (await page(demo)) === 200);
  });

  test('Ctrl-C ends everything, and leaves nothing but the folder', async () => {
    const pids = demo.pids();
    demo.child.kill('SIGINT');
    await gone(pids, ENDED_WITHIN_MS);
    assert.deepEqual(readdirSync(home).sort(), ['config', 'logs', 'run', 'state']);
    const left = readdirSync(join(home, 'run'), { recursive: true, encoding: 'utf8' });
    assert.deepEqual(left.sort(), ['ports', 'workloads'], 'no record, claim or socket stays in run/');
    assert.deepEqual(namespaces(), []);
  });

  test('Ctrl-C while it starts ends everything, and is no failure', async () => {
    const flags = ['--home', home, '--port-base', String(await freeBase()), '--capture', capture];
    const child = spawn(process.execPath, [meshEntry(), 'demo', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...cleanEnv(), TOPSAIL_ROOT: root },
      detached: true,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk));
    const ended = once(child, 'exit');
    const records = join(home, 'run/processes.json');
    await soon('the first process', REPAIRED_WITHIN_MS, () => existsSync(records));
    everybody = withDescendants(child.pid as number);
    child.kill('SIGINT');
    const [status] = await ended;
    assert.equal(status, 0, said);
    assert.doesNotMatch(said, /error|The end of/);
    await gone(everybody, ENDED_WITHIN_MS);
  });

  test('the second start answers soon, over HTTP and HTTPS, and says what is where', async () => {
    const began = performance.now();
    await start();
    await soon("the page's answer", REPAIRED_WITHIN_MS, async () => (await page(demo)) === 200);
    assert.ok(performance.now() - began < SECOND_START_MS, `${(performance.now() - began).toFixed(0)} ms`);
    const secure = await callPlain({ port: demo.portBase + 1, path: '/productpage', sni: 'localhost' });
    assert.equal(secure.status, 200, secure.problem);
    const plain = await callPlain({ port: demo.portBase + 4, path: '/plain' });
    assert.match(plain.body, /<svg/);
    const said = demo.said();
    for (const [i, path] of ['/productpage', '/productpage', undefined, undefined, '/'].entries())
      assert.ok(said.includes(`127.0.0.1:${demo.portBase + i}${path ?? ''}`), said);
    assert.match(said, capture === 'auto' ? /Capture +(none|userns|netns): / : new RegExp(`Capture +${capture}: `));
    assert.equal(said.split('Try next:')[1]?.match(/^ +\.\/topsail /gm)?.length, 3);
  });

  test('a start on taken ports says which they are and what is free', async () => {
    const other = mkdtempSync(join(tmpdir(), 'topsail-second-'));
    const text = await startUntilReady(
      process.execPath,
      [meshEntry(), 'demo', '--home', other, '--port-base', String(demo.portBase)],
      { TOPSAIL_ROOT: root },
    ).then(() => 'it started', String);
    rmSync(other, { recursive: true, force: true });
    const base = demo.portBase;
    assert.match(text, new RegExp(`Ports ${base}, ${base + 1}, ${base + 2}, ${base + 3}, ${base + 4} are taken`));
    const suggested = Number(/--port-base (\d+)/.exec(text)?.[1]);
    assert.ok(await isFree(suggested), text);
    const same = await startUntilReady(process.execPath, [meshEntry(), 'demo', '--home', home], {
      TOPSAIL_ROOT: root,
    }).then(() => 'it started', String);
    assert.match(same, /A mesh already runs in .* \(process \d+\)/);
  });

  test(`all together weigh under ${PSS_LIMIT_MB} MB under the demo's load`, async (t) => {
    await sleep(LONG ? 60_000 : 10_000);
    const weights = demo.pids().map((pid) => ({ name: nameOf(pid), mb: pssMb(pid) }));
    const sum = weights.reduce((total, one) => total + one.mb, 0);
    t.diagnostic(`${sum.toFixed(0)} MB PSS in ${weights.length} processes`);
    assert.ok(
      sum < PSS_LIMIT_MB,
      `${sum.toFixed(0)} MB: ${weights.map((one) => `${one.name} ${one.mb.toFixed(0)}`).join('; ')}`,
    );
  });

  test('a killed supervisor takes its children along', async () => {
    const pids = demo.pids().filter((pid) => pid !== demo.child.pid);
    demo.child.kill('SIGKILL');
    await gone(pids, ORPHANS_END_WITHIN_MS);
  });

  test('the next start finds nothing in its way', async () => {
    await start('--no-load');
    await soon("the page's answer", REPAIRED_WITHIN_MS, async () => (await page(demo)) === 200);
  });

  test('when all are killed at once, the next start removes what they held and nothing else', async () => {
    const pids = demo.pids();
    const held = namespaces();
    assert.equal(held.length > 0, demo.said().includes('netns: '), `namespaces: ${held.join()}`);
    for (const pid of pids) kill(pid);
    await gone(pids, ENDED_WITHIN_MS);
    assert.deepEqual(namespaces(), held, 'nobody was left to remove them');
    await start('--no-load');
    await soon("the page's answer", REPAIRED_WITHIN_MS, async () => (await page(demo)) === 200);
    assert.deepEqual(
      namespaces().filter((name) => held.includes(name)),
      [],
    );
  });

  test('SIGHUP ends it', async () => {
    const pids = demo.pids();
    demo.child.kill('SIGHUP');
    await gone(pids, ENDED_WITHIN_MS);
    assert.deepEqual(namespaces(), []);
  });

  test('a killed launcher ends the mesh', async () => {
    const base = await freeBase();
    const command = `"${process.execPath}" "${meshEntry()}" demo --home "${home}" --port-base ${base} --no-load --capture ${capture}; true`;
    const started = await startUntilReady('sh', ['-c', command], { TOPSAIL_ROOT: root });
    demo = asDemo(started, home, base);
    everybody = demo.pids();
    const pids = everybody.filter((pid) => pid !== started.child.pid);
    assert.ok(pids.length > MESH.length);
    started.child.kill('SIGKILL');
    await gone(pids, ENDED_WITHIN_MS);
    const calmly = /^Stopping: the process that started it \(\d+\) has ended\nStopped\.\n/m;
    await soon('the last words', ENDED_WITHIN_MS, async () => calmly.test(demo.said()));
  });

  test('npm start: weighed with npm, and ended with it', { skip: !LONG }, async (t) => {
    const base = await freeBase();
    const started = await startUntilReady('npm', ['start', '--', '--home', home, '--port-base', String(base)]);
    demo = asDemo(started, home, base);
    await sleep(60_000);
    everybody = demo.pids();
    const sum = everybody.reduce((total, pid) => total + pssMb(pid), 0);
    t.diagnostic(`${sum.toFixed(0)} MB PSS in ${everybody.length} processes, npm included`);
    started.child.kill('SIGKILL');
    await gone(everybody, ENDED_WITHIN_MS);
    assert.ok(sum < PSS_LIMIT_MB, `${sum.toFixed(0)} MB`);
  });
}

function pssMb(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function nameOf(pid: number): string {
  try {
    return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 160)}`;
  } catch {
    return `${pid}`;
  }
}
