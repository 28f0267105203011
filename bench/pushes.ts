// `npm run bench -- pushes`: latency at 1,000 requests/s while 10,000 endpoints arrive and change twice a second, beside
// the same load on a still configuration; ours and Envoy in interleaved rounds.
//   --rounds 10  --seconds 4  --only topsail,envoy  --build NAME=FOLDER  --json FILE

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Contestant, findContestants } from './lib/contestants.ts';
import { accepts, firstLine, freePorts, linesOf, stop } from './lib/processes.ts';
import { cpuMicroseconds, memoryOf, processTree } from './lib/process-cost.ts';
import { median } from './lib/report.ts';
import type { LoadResult } from './loadgen/run-load.ts';
import { programOptions } from '../tools/program-options.ts';

const HERE = import.meta.dirname;
const { values } = programOptions(import.meta.filename, {
  options: {
    rounds: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string' },
    json: { type: 'string' },
    build: { type: 'string', multiple: true },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const RATE = 1000;
const WARM_SECONDS = 10;

interface Running {
  readonly contestant: Contestant;
  readonly process: ChildProcess;
  readonly xds: ChildProcess;
  readonly port: number;
}
interface Sample {
  readonly pushing: boolean;
  readonly load: LoadResult;
  readonly cpuShare: number;
  readonly pssMb: number;
}

const folder = mkdtempSync(join(tmpdir(), 'topsail-pushes-'));
const started: ChildProcess[] = [];
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const { found, missing } = findContestants(values.build);
for (const line of missing) console.error(`not measured: ${line}`);
const contestants = found.filter(
  ({ name }) => name !== 'haproxy' && (values.only === undefined || values.only.split(',').includes(name)),
);
const backend = helper('lib/backend.ts', 'h1', folder);
const backendPort = (JSON.parse(await firstLine(backend)) as { port: number }).port;
const running: Running[] = [];
for (const contestant of contestants) running.push(await begin(contestant));
const samples = new Map<string, Sample[]>(running.map((one) => [one.contestant.name, []]));
// As many requests and pushes as leave no code to be compiled while it is measured.
for (const one of running) {
  one.xds.stdin?.write('on\n');
  await load(one.port, ['--connections', '32', '--duration', String(WARM_SECONDS)]);
  one.xds.stdin?.write('off\n');
}
const before = loadavg()[0] as number;
for (let round = 0; round < rounds; round++)
  for (let i = 0; i < running.length; i++)
    for (const pushing of round % 2 === 0 ? [false, true] : [true, false]) {
      const one = running[(round + i) % running.length] as Running;
      samples.get(one.contestant.name)?.push(await measure(one, pushing));
    }
report();
process.exit(0);

/** `never sent`: it still waited for a connection when the round ended. */
function reasons({ failures, statuses }: Sample['load']): string {
  const bad = Object.entries(statuses).filter(([status]) => status >= '400');
  const all = [...Object.entries(failures), ...bad].map(([reason, n]) => `${reason} ${n}`);
  return all.length === 0 ? '' : ` (${all.join(', ')})`;
}

function helper(file: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [join(HERE, file), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  return child;
}

async function begin(contestant: Contestant): Promise<Running> {
  const [listen = 0, admin = 0] = await freePorts(2);
  const log = join(folder, `${contestant.name}.log`);
  const xds = helper('pushes/serve.ts', String(listen), String(backendPort), log);
  const { port } = JSON.parse(await firstLine(xds)) as { port: number };
  const child = contestant.start(
    'pushes',
    { LISTEN_PORT: listen, ADMIN_PORT: admin, BACKEND_PORT: port, CERTS: folder, ACCESS_LOG: log },
    folder,
  );
  if (child === undefined) throw new Error(`${contestant.name} does not do this work`);
  started.push(child);
  if (!(await accepts(listen, child))) {
    await stop(child);
    throw new Error(`${contestant.name} did not listen within 15 s`);
  }
  return { contestant, process: child, xds, port: listen };
}

async function measure(one: Running, pushing: boolean): Promise<Sample> {
  one.xds.stdin?.write(pushing ? 'on\n' : 'off\n');
  const pids = processTree(one.process.pid as number);
  let cpu = 0;
  const paced = ['--connections', '16', '--rate', String(RATE), '--lead', '1', '--duration', String(seconds)];
  const result = await load(one.port, paced, () => (cpu = cpuMicroseconds(pids)));
  const cpuShare = (cpuMicroseconds(pids) - cpu) / (seconds * 1e6);
  const { pssKb } = memoryOf(pids);
  one.xds.stdin?.write('off\n');
  const sample = { pushing, load: result, cpuShare, pssMb: pssKb / 1024 };
  const { p50, p99, max } = result.latencyMs;
  console.error(
    `${one.contestant.name} ${pushing ? 'pushes' : 'still'}: p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} max ${max.toFixed(1)}, failed ${result.failed}${reasons(result)}, generator late ${result.generatorLagMs.p99?.toFixed(1)} ms`,
  );
  return sample;
}

/** `counts`: called when what is measured begins. */
async function load(port: number, options: readonly string[], counts?: () => void): Promise<LoadResult> {
  const child = helper('loadgen/main.ts', '--url', `http://127.0.0.1:${port}/bench`, ...options);
  const line = linesOf(child);
  if (counts !== undefined) {
    await line();
    counts();
  }
  return JSON.parse(await line()) as LoadResult;
}

function report(): void {
  console.log(
    `${RATE} requests/s on 16 connections, 10,000 endpoints that change twice a second, ${rounds} interleaved rounds of ${seconds} s, ${cpus().length} cores, load ${before.toFixed(1)} at the start.\n`,
  );
  console.log('| Proxy | Configuration | p50 ms | p99 ms | max ms (worst) | CPU % of a core | PSS MB | failed |');
  console.log('|---|---|---|---|---|---|---|---|');
  for (const [name, all] of samples)
    for (const pushing of [false, true]) {
      const mine = all.filter((one) => one.pushing === pushing);
      const of = (read: (one: Sample) => number): string => median(mine.map(read)).toFixed(2);
      const maxima = mine.map((one) => one.load.latencyMs.max);
      console.log(
        `| ${name} | ${pushing ? 'changes' : 'still'} | ${of((one) => one.load.latencyMs.p50)} | ${of((one) => one.load.latencyMs.p99)} | ${median(maxima).toFixed(1)} (${Math.max(...maxima).toFixed(1)}) | ${(100 * median(mine.map((one) => one.cpuShare))).toFixed(0)} | ${median(mine.map((one) => one.pssMb)).toFixed(0)} | ${mine.reduce((n, one) => n + one.load.failed, 0)} |`,
      );
    }
  if (values.json === undefined) return;
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify({ rounds, seconds, samples: Object.fromEntries(samples) }, null, 1)}\n`);
}
