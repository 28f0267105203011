// What the README promises to somebody who has only Node and npm, tried in a fresh clone under several of both:
// `node test/newcomer/run.ts [--only 18/9,20/11] [--repo PATH] [--cache DIR]` (a cache of npm that is there already). The
// Nodes and npms come from the registry, into a folder that is removed at the end. Not a part of `npm test`: it downloads,
// and takes minutes.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freeBase } from '../mesh/demo.ts';
import { isAlive, root, withDescendants } from '../mesh/mesh.ts';
import { programOptions } from '../../tools/program-options.ts';

/** npm 9 and 10 run on Node 18; npm 11 asks for 20.17 or 22.9 at least. */
const PAIRS = ['18/9', '18/10', '20/9', '20/10', '20/11', '22/10', '22/11', '24/9', '24/10', '24/11'];
/** Registries may be slow. */
const READY_WITHIN_MS = 900_000;
const ENDED_WITHIN_MS = 5_000;

const { values } = programOptions(import.meta.filename, {
  options: {
    only: { type: 'string', default: PAIRS.join() },
    repo: { type: 'string', default: root },
    cache: { type: 'string' },
  },
});
const work = mkdtempSync(join(tmpdir(), 'topsail-newcomer-'));
const rows: string[][] = [];
let failed = false;
try {
  for (const pair of values.only.split(',')) {
    const row = await tryPair(pair).catch((error: unknown) => {
      failed = true;
      return [pair, `FAILED: ${error instanceof Error ? error.message : String(error)}`];
    });
    rows.push(row);
    console.log(row.join('  '));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
const heads = ['Node/npm', 'Node', 'first 200', 'HTTPS', 'Ctrl-C', 'second 200', 'lines', 'verdict'];
console.log(`\n| ${heads.join(' | ')} |\n|${heads.map(() => '---').join('|')}|`);
for (const row of rows) console.log(`| ${row.join(' | ')} |`);
process.exit(failed ? 1 : 0);

async function tryPair(pair: string): Promise<string[]> {
  const [node = '', npm = ''] = pair.split('/');
  const path = toolsFor(node, npm);
  const clone = join(work, `clone-${node}-${npm}`);
  run('git', ['clone', '--quiet', `file://${values.repo}`, clone], work, process.env['PATH'] ?? '');
  const version = run('node', ['--version'], clone, path).trim();
  const first = await start(clone, path);
  const secure = await status(`https://127.0.0.1:${first.base + 1}/productpage`);
  const ended = await interrupt(first.pid);
  const second = await start(clone, path);
  await interrupt(second.pid);
  rmSync(clone, { recursive: true, force: true });
  if (secure !== 200) throw new Error(`HTTPS answers ${secure}`);
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  return [pair, version, seconds(first.ms), '200', seconds(ended), seconds(second.ms), String(first.lines), 'ok'];
}

/** A PATH that has this node and this npm first. */
function toolsFor(node: string, npm: string): string {
  const folder = join(work, `tools-${node}-${npm}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const packages = [`node-linux-${process.arch}@${node}`, `npm@${npm}`];
  run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages],
    folder,
    process.env['PATH'] ?? '',
  );
  const binaries = join(folder, 'bin');
  mkdirSync(binaries);
  const own = join(folder, `node_modules/node-linux-${process.arch}/bin/node`);
  if (!existsSync(own)) throw new Error(`no Node ${node} in ${packages[0]}`);
  for (const name of ['npm', 'npx']) {
    const script = join(folder, `node_modules/npm/bin/${name}-cli.js`);
    writeFileSync(join(binaries, name), `#!/bin/sh\nexec "${own}" "${script}" "$@"\n`);
    chmodSync(join(binaries, name), 0o755);
  }
  return [binaries, join(own, '..'), '/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'].join(delimiter);
}

interface Begun {
  readonly pid: number;
  readonly base: number;
  /** From Enter to the page's first answer. */
  readonly ms: number;
  /** That it printed before it was ready. */
  readonly lines: number;
}

async function start(clone: string, path: string): Promise<Begun> {
  const base = await freeBase();
  const began = performance.now();
  const child = spawn('npm', ['start', '--', '--port-base', String(base)], {
    cwd: clone,
    env: newcomer(path),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  let over = false;
  child.stdout.on('data', (chunk: Buffer) => (said += chunk));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk));
  child.once('exit', () => (over = true));
  let ms = 0;
  for (const end = Date.now() + READY_WITHIN_MS; !said.includes('Topsail is ready') || ms === 0; await sleep(50)) {
    if (ms === 0 && (await status(`http://127.0.0.1:${base}/productpage`)) === 200) ms = performance.now() - began;
    if (over || Date.now() > end) throw new Error(`${over ? 'it ended' : 'it was not ready'}:\n${said}`);
  }
  const lines = said.slice(0, said.indexOf('Topsail is ready')).split('\n').length - 1;
  return { pid: child.pid as number, base, ms, lines };
}

/** Ctrl-C: the terminal tells everybody in the foreground. */
async function interrupt(pid: number): Promise<number> {
  const all = withDescendants(pid);
  const began = performance.now();
  process.kill(-pid, 'SIGINT');
  while (all.some(isAlive)) {
    if (performance.now() - began > ENDED_WITHIN_MS) {
      const left = all.filter(isAlive).map((one) => readFileSync(`/proc/${one}/cmdline`, 'utf8').replaceAll('\0', ' '));
      for (const one of all.filter(isAlive)) process.kill(one, 'SIGKILL');
      throw new Error(`still there after Ctrl-C: ${left.join('; ')}`);
    }
    await sleep(25);
  }
  return performance.now() - began;
}

/** As a shell of their own has it: nothing of the npm that runs us. */
function newcomer(path: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !/^npm_|^NODE_(?!EXTRA_CA)|^TOPSAIL_|^(https?|all|no)_proxy$|^CI$/i.test(name))
      env[name] = value;
  return { ...env, PATH: path, npm_config_cache: values.cache ?? join(work, 'cache') };
}

function run(command: string, args: readonly string[], cwd: string, path: string): string {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, PATH: path } });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}:\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

function status(url: string): Promise<number> {
  const get = url.startsWith('https') ? getHttps : getHttp;
  return new Promise((resolve) => {
    const asked = get(url, { rejectUnauthorized: false, agent: false, timeout: 3000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(0));
  });
}
