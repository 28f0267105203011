// `npm run bench -- workers`: how the kernel spreads 1 to 8 HTTP/2 connections over worker threads, what a thread takes of
// memory, and the same with two processes of one thread each on one port (SO_REUSEPORT).
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { cluster, httpListener, OVER_H2 } from '../test/proxy-life/config.ts';
import { freePort } from '../test/mesh/test-ports.ts';
import { ProxyProcess } from '../test/proxy-life/proxy-process.ts';
import { programOptions } from '../tools/program-options.ts';

const { values } = programOptions(import.meta.filename, { options: { rounds: { type: 'string', default: '20' } } });
const rounds = Number(values.rounds);

const app = createServer().listen(0, '127.0.0.1');
app.on('stream', (stream) => {
  stream.on('error', () => {});
  stream.respond({ ':status': 200 });
  stream.end('x'.repeat(78));
});
await new Promise((resolve) => app.once('listening', resolve));

const route = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];
const work = (port: number): object => ({
  listeners: [httpListener('in', port, route, {})].map((one) => ({ ...one, enable_reuse_port: true })),
  clusters: [cluster('app', [(app.address() as AddressInfo).port], OVER_H2)],
});

function ask(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/' });
    stream.on('error', reject).on('close', resolve);
    stream.resume();
  });
}

/** Connections of each worker, or of each process. */
type Count = () => Promise<readonly number[]>;

async function spread(port: number, count: Count): Promise<string> {
  const cells: string[] = [];
  for (let connections = 1; connections <= 8; connections++) {
    let busiest = 0;
    for (let round = 0; round < rounds; round++) {
      const sessions = Array.from({ length: connections }, () => connect(`http://127.0.0.1:${port}`));
      await Promise.all(sessions.map(ask));
      busiest += Math.max(...(await count())) / connections;
      await Promise.all(sessions.map((session) => new Promise<void>((resolve) => session.close(resolve))));
      while ((await count()).some((open) => open > 0)) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    cells.push((busiest / rounds).toFixed(2));
  }
  return cells.join(' | ');
}

async function underLoad(port: number, pids: readonly number[]): Promise<number> {
  const sessions = Array.from({ length: 8 }, () => connect(`http://127.0.0.1:${port}`));
  for (let i = 0; i < 100; i++)
    await Promise.all(sessions.flatMap((session) => Array.from({ length: 16 }, () => ask(session))));
  const sum = pids.reduce((total, pid) => total + pssOf(pid), 0);
  for (const session of sessions) session.destroy();
  return sum;
}

function pssOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
}

async function workersOf(proxy: ProxyProcess): Promise<number[]> {
  const answer = await fetch(`http://127.0.0.1:${proxy.adminPort}/workers`);
  const page = (await answer.json()) as { readonly workers: readonly { readonly connections: number }[] };
  return page.workers.map(({ connections }) => connections);
}

async function openAt(proxy: ProxyProcess): Promise<number> {
  return (await proxy.stats()).get('http.in.downstream_cx_active') ?? 0;
}

console.log('| What | PSS MB, 8 connections | busiest of the two, share of 1 to 8 connections |||||||');
for (const threads of [1, 2, 3, 4]) {
  const port = await freePort();
  const proxy = await ProxyProcess.start(work(port), ['--concurrency', String(threads)]);
  const shares = threads === 2 ? await spread(port, () => workersOf(proxy)) : '';
  console.log(`| --concurrency ${threads} | ${(await underLoad(port, [proxy.pid])).toFixed(0)} | ${shares} |`);
  await proxy.end();
}
{
  const port = await freePort();
  const both = [await ProxyProcess.start(work(port)), await ProxyProcess.start(work(port))];
  const shares = await spread(port, () => Promise.all(both.map(openAt)));
  const pss = await underLoad(
    port,
    both.map(({ pid }) => pid),
  );
  console.log(`| two processes | ${pss.toFixed(0)} | ${shares} |`);
  await Promise.all(both.map((one) => one.end()));
}
process.exit(0);
