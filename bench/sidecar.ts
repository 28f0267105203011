// `npm run bench -- sidecar`: memory of a real sidecar as shipped: agent and proxy in one process (`topsail run`) in a mesh
// of five workloads and a gateway, idle, under load, and after its admin pages were read under load, beside Envoy
// under the same load, its pages read likewise, on the same work's bare bootstrap, without an agent.
//   --rounds 5  --seconds 3  --json FILE

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMALL_MALLOC } from '../src/main/node-settings.ts';
import { startMesh } from '../test/mesh/mesh.ts';
import { findContestants } from './lib/contestants.ts';
import { accepts, firstLine, freePorts, stop } from './lib/processes.ts';
import { type MemoryCost, memoryOf } from './lib/process-cost.ts';
import { median } from './lib/report.ts';
import type { LoadResult } from './loadgen/run-load.ts';
import { programOptions } from '../tools/program-options.ts';

const HERE = import.meta.dirname;
const MB = 1024;
/** Envoy's by itself (design 6): beside other Envoys of a host its pages are split among them, and it shows less. */
const PSS_GOAL_MB = 64;
/** More than Envoy in the same run. */
const RSS_GOAL_MB = 10;
const IDLE_MS = 5000;
const PAGES = [
  '/config_dump?include_eds',
  '/clusters?format=json',
  '/stats/prometheus',
  '/listeners?format=json',
  '/certs',
];
const { values } = programOptions(import.meta.filename, {
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const folder = mkdtempSync(join(tmpdir(), 'topsail-sidecar-'));
const started: ChildProcess[] = [];
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Row {
  readonly title: string;
  readonly samples: { readonly memory: MemoryCost; readonly load?: LoadResult }[];
}

const mesh = await startMesh({
  gateway: true,
  workloads: ['frontend', 'details', 'ratings', 'reviews', 'other'].map((app) => ({ app, env: SMALL_MALLOC })),
});
const rows: Row[] = [];
try {
  const envoy = await startEnvoy();
  const at = await mesh.meshAddress('reviews');
  const { pid } = mesh.process('reviews');
  await load(at, 2);
  await sleep(IDLE_MS);
  rows.push({ title: 'topsail run (agent and proxy), idle', samples: [{ memory: memoryOf([pid]) }] });
  const loaded: Row = { title: 'topsail run (agent and proxy), under load', samples: [] };
  const dumped: Row = { title: 'the same, admin pages read under load', samples: [] };
  const beside: Row = { title: 'envoy (without an agent), under load', samples: [] };
  const besideDumped: Row = { title: 'envoy, admin pages read under load', samples: [] };
  rows.push(loaded, dumped, beside, besideDumped);
  for (let round = 0; round < rounds; round++) {
    loaded.samples.push(await underLoad(at, pid));
    if (envoy !== undefined) beside.samples.push(await underLoad(envoy, envoy.pid));
  }
  for (let round = 0; round < rounds; round++) {
    dumped.samples.push(
      await underLoad(at, pid, async () => {
        for (const page of PAGES) await mesh.admin('reviews', page);
      }),
    );
    if (envoy === undefined) continue;
    besideDumped.samples.push(
      await underLoad(envoy, envoy.pid, async () => {
        for (const page of PAGES) await (await fetch(`http://127.0.0.1:${envoy.adminPort}${page}`)).text();
      }),
    );
  }
  if (envoy !== undefined) await stop(envoy.process);
} finally {
  await mesh.stop();
}
report();
process.exit(0);

/** Read three quarters through. */
async function underLoad(
  at: { readonly host: string; readonly port: number },
  pid: number,
  meanwhile: () => Promise<void> = async () => {},
): Promise<Row['samples'][number]> {
  const running = load(at, seconds);
  await meanwhile();
  await sleep(seconds * 750);
  const memory = memoryOf([pid]);
  return { memory, load: await running };
}

function met(isMet: boolean): string {
  return isMet ? 'met' : 'missed';
}

interface RunningEnvoy {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
}

async function startEnvoy(): Promise<RunningEnvoy | undefined> {
  const { found, missing } = findContestants();
  const contestant = found.find(({ name }) => name === 'envoy');
  if (contestant === undefined) {
    for (const line of missing) console.error(`not measured: ${line}`);
    return undefined;
  }
  const backend = spawn(process.execPath, [join(HERE, 'lib/backend.ts'), 'h1', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(backend);
  const { port } = JSON.parse(await firstLine(backend)) as { port: number };
  const [LISTEN_PORT = 0, ADMIN_PORT = 0] = await freePorts(2);
  const child = contestant.start(
    'h1',
    { LISTEN_PORT, ADMIN_PORT, BACKEND_PORT: port, CERTS: folder, ACCESS_LOG: join(folder, 'envoy.log') },
    folder,
  );
  if (child === undefined) return undefined;
  started.push(child);
  if (!(await accepts(LISTEN_PORT, child))) throw new Error('envoy did not listen within 15 s');
  return { process: child, pid: child.pid as number, host: '127.0.0.1', port: LISTEN_PORT, adminPort: ADMIN_PORT };
}

async function load(at: { readonly host: string; readonly port: number }, duration: number): Promise<LoadResult> {
  const url = `http://${at.host}:${at.port}/api/x`;
  const args = ['--url', url, '--connections', '32', '--duration', String(duration), '--host', 'reviews:9080'];
  const child = spawn(process.execPath, [join(HERE, 'loadgen/main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  return JSON.parse(await firstLine(child)) as LoadResult;
}

function report(): void {
  const of = (row: Row, read: (cost: MemoryCost) => number): number =>
    median(row.samples.map(({ memory }) => read(memory))) / MB;
  console.log(
    `HTTP/1.1 on 32 connections, saturated; medians of ${rounds} interleaved rounds of ${seconds} s; ${cpus().length} cores, load ${(loadavg()[0] as number).toFixed(1)}.\n`,
  );
  console.log('| Process | PSS MB | RSS MB | RssAnon MB | requests/s | failed |\n|---|---|---|---|---|---|');
  for (const row of rows) {
    if (row.samples.length === 0) continue;
    const loads = row.samples.map((one) => one.load).filter((one) => one !== undefined);
    const [rate, failed] = [
      loads.length === 0 ? '' : median(loads.map((one) => one.ratePerSecond)).toFixed(0),
      loads.length === 0 ? '' : String(loads.reduce((n, one) => n + one.failed, 0)),
    ];
    console.log(
      `| ${row.title} | ${of(row, (m) => m.pssKb).toFixed(0)} | ${of(row, (m) => m.rssKb).toFixed(0)} | ${of(row, (m) => m.rssAnonKb).toFixed(0)} | ${rate} | ${failed} |`,
    );
  }
  for (const [row, its] of [
    [rows[1], rows[3]],
    [rows[2], rows[4]],
  ] as [Row, Row][]) {
    const pss = of(row, (m) => m.pssKb);
    console.log(`\n${row.title}: PSS ${pss.toFixed(0)} MB, goal ${PSS_GOAL_MB} MB: ${met(pss <= PSS_GOAL_MB)}.`);
    const [rss, envoy] = [row, its].map((one) => of(one, (m) => m.rssKb)) as [number, number];
    if (its.samples.length > 0)
      console.log(
        `RSS ${rss.toFixed(0)} MB, goal Envoy's ${envoy.toFixed(0)} + ${RSS_GOAL_MB} MB: ${met(rss <= envoy + RSS_GOAL_MB)}.`,
      );
  }
  if (values.json === undefined) return;
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify({ rounds, seconds, rows }, null, 1)}\n`);
}
