// Compares proxies on the same work: CPU per request, latency, memory; interleaved rounds, medians.
//
//   node bench/proxy.ts [--rounds 10] [--seconds 2] [--rows h1-saturated,tcp] [--only topsail,envoy] [--build NAME=FOLDER[,FLAG…]]… [--json FILE]

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCertificates } from './lib/certificates.ts';
import { type Contestant, findContestants, hasH2load, outputOf } from './lib/contestants.ts';
import { accepts, firstLine, freePorts, linesOf, stop } from './lib/processes.ts';
import { cpuMicroseconds, memoryOf, processTree } from './lib/process-cost.ts';
import { markdown, type Round, type RowResult } from './lib/report.ts';
import { type Row, ROWS } from './lib/rows.ts';
import { runH2load } from './lib/h2load.ts';
import type { LoadResult } from './loadgen/run-load.ts';
import { programOptions } from '../tools/program-options.ts';

const HERE = import.meta.dirname;
const { values } = programOptions(import.meta.filename, {
  options: {
    rounds: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '2' },
    rows: { type: 'string' },
    only: { type: 'string' },
    json: { type: 'string' },
    build: { type: 'string', multiple: true },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

interface Running {
  readonly contestant: Contestant;
  readonly process: ChildProcess;
  readonly port: number;
}

const folder = mkdtempSync(join(tmpdir(), 'topsail-bench-'));
const certs = join(folder, 'certs');
const started: ChildProcess[] = [];

process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

writeCertificates(certs);

const { found, missing } = findContestants(values.build);
for (const line of missing) console.error(`not measured: ${line}`);
const contestants = found.filter((c) => values.only === undefined || values.only.split(',').includes(c.name));
const canH2 = hasH2load();
if (!canH2) console.error('not measured: the HTTP/2 rows: h2load is not on PATH');
const rows = ROWS.filter(
  (r) => (values.rows === undefined || values.rows.split(',').includes(r.name)) && (r.load === 'own' || canH2),
);

const results: RowResult[] = [];
for (const row of rows) results.push(await measureRow(row));

const table = markdown(results);
console.log(table);
const out = values.json ?? join(HERE, 'results', 'proxy.json');
mkdirSync(join(out, '..'), { recursive: true });
const machine = { cpus: cpus().length, arch: arch(), node: process.version };
writeFileSync(
  out,
  `${JSON.stringify({ machine, rounds, seconds, versions: Object.fromEntries(contestants.map((c) => [c.name, c.version])), results }, null, 1)}\n`,
);
console.error(`written: ${out}`);
process.exit(0);

async function measureRow(row: Row): Promise<RowResult> {
  const backend = spawn(process.execPath, [join(HERE, 'lib', 'backend.ts'), row.backend, certs], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(backend);
  const backendPort = (JSON.parse(await firstLine(backend)) as { port: number }).port;
  const running: Running[] = [];
  for (const contestant of contestants) {
    const one = await startContestant(contestant, row, backendPort);
    if (one !== undefined) running.push(one);
  }
  const measured = new Map<string, Round[]>(running.map((r) => [r.contestant.name, []]));
  for (const r of running) await load(r, warming(row), Math.max(2, seconds));
  for (let round = 0; round < rounds; round++) {
    // Another one begins each round, so that none always follows the same neighbour.
    for (let i = 0; i < running.length; i++) {
      const r = running[(round + i) % running.length] as Running;
      measured.get(r.contestant.name)?.push(await measureRound(r, row));
    }
    console.error(
      `${row.name}: round ${round + 1} of ${rounds}: ${running.map((r) => `${r.contestant.name} ${measured.get(r.contestant.name)?.at(-1)?.cpuUsPerRequest.toFixed(1)}`).join(', ')}`,
    );
  }
  for (const child of [backend, ...running.map((r) => r.process)]) await stop(child);
  return { row: row.name, title: row.title, contestants: Object.fromEntries(measured) };
}

/** A paced row is warmed by as many requests as a saturated one: 2,000 would leave most of the code to be compiled while it is measured. */
function warming(row: Row): Row {
  const { rate, upBefore: _, lead: __, ...rest } = row;
  return rate === undefined ? row : { ...rest, connections: Math.min(row.connections, 32) };
}

async function startContestant(contestant: Contestant, row: Row, backendPort: number): Promise<Running | undefined> {
  const [LISTEN_PORT, ADMIN_PORT] = (await freePorts(2)) as [number, number];
  const variables = {
    LISTEN_PORT,
    ADMIN_PORT,
    BACKEND_PORT: backendPort,
    CERTS: certs,
    ACCESS_LOG: join(folder, `${contestant.name}-${row.name}.log`),
  };
  const child = contestant.start(row.work, variables, folder);
  if (child === undefined) return undefined;
  started.push(child);
  if (await accepts(LISTEN_PORT, child)) return { contestant, process: child, port: LISTEN_PORT };
  console.error(
    `not measured: ${contestant.name} on ${row.name}: it did not listen within 15 s:\n${readFileSync(outputOf(variables), 'utf8').slice(-2_000)}`,
  );
  await stop(child);
  return undefined;
}

/** When the measured part of a load begins and ends. */
interface Watched {
  begins(): void;
  ends(): void;
}

async function measureRound(r: Running, row: Row): Promise<Round> {
  const pids = processTree(r.process.pid as number);
  let before = cpuMicroseconds(pids);
  let after = before;
  let memory = memoryOf(pids);
  let timer: NodeJS.Timeout | undefined;
  const result = await load(r, row, seconds, {
    begins: () => {
      before = cpuMicroseconds(pids);
      timer = setTimeout(() => (memory = memoryOf(pids)), seconds * 750);
    },
    ends: () => (after = cpuMicroseconds(pids)),
  });
  clearTimeout(timer);
  const cpu = after - before;
  return {
    cpuUsPerRequest: cpu / result.requests,
    requestsPerSecond: result.ratePerSecond,
    p50Ms: result.latencyMs.p50,
    p99Ms: result.latencyMs.p99,
    failed: result.failed,
    memory,
  };
}

async function load(r: Running, row: Row, duration: number, clock?: Watched): Promise<LoadResult> {
  if (row.load === 'h2load') {
    clock?.begins();
    const result = await runH2load(r.port, row, duration);
    clock?.ends();
    return result;
  }
  const args = [
    join(HERE, 'loadgen', 'main.ts'),
    '--url',
    `${row.clientTls ? 'https' : 'http'}://127.0.0.1:${r.port}/bench?x=1`,
    '--connections',
    String(row.connections),
    '--duration',
    String(duration),
    '--header',
    'user-agent: topsail-bench',
    '--header',
    'accept: */*',
    ...(row.rate === undefined ? [] : ['--rate', String(row.rate)]),
    ...(row.lead === undefined ? [] : ['--lead', String(row.lead)]),
    ...(row.upBefore === true ? ['--gate'] : []),
    ...(row.handshakes === undefined ? [] : ['--no-keepalive']),
    ...(row.handshakes === 'resumed' ? ['--resume'] : []),
    ...(row.clientTls
      ? ['--ca', `${certs}/ca.pem`, '--cert', `${certs}/cert.pem`, '--key', `${certs}/key.pem`, '--alpn', 'http/1.1']
      : []),
  ];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  const line = linesOf(child);
  if (row.upBefore === true || row.lead !== undefined) await line();
  clock?.begins();
  if (row.upBefore === true) child.stdin?.write('go\n');
  const result = JSON.parse(await line()) as LoadResult;
  clock?.ends();
  if (row.upBefore === true) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.stdin?.write('end\n');
    await gone;
  }
  return result;
}
