// One proxy after another takes over the same ports under load: nothing is refused, no request fails (design 15, pains 16).
//
//   node test/proxy-life/hand-over.ts [--times 5] [--per-second 1000] [--concurrency 1]
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { cluster, httpListener, OVER_H2, tcpListener } from './config.ts';
import { freePort } from '../mesh/test-ports.ts';
import { ProxyProcess } from './proxy-process.ts';
import { SENT_LEAST, sentBy, total } from './rollout.ts';
import type { LoadEnd, LoadOrder, RolloutPorts } from './rollout-load.ts';
import { programOptions } from '../../tools/program-options.ts';

const DRAIN_S = 60;

export interface HandOverAsk {
  readonly times: number;
  readonly perSecond: number;
  readonly concurrency: number;
}

export async function handOver(ask: HandOverAsk): Promise<LoadEnd> {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-hand-over-'));
  const worker = new Worker(new URL('./rollout-load.ts', import.meta.url));
  const [apps] = (await once(worker, 'message')) as [RolloutPorts];
  const ports = { h1: await freePort(), h2: await freePort(), tcp: await freePort() };
  const flags = [
    '--hand-over-socket',
    join(folder, 'next.sock'),
    '--concurrency',
    String(ask.concurrency),
    '--drain-time-s',
    String(DRAIN_S),
  ];
  const start = async (): Promise<ProxyProcess> => await ProxyProcess.start(resources(ports, apps), flags);
  let serving = await start();
  try {
    worker.postMessage({ ports, perSecond: ask.perSecond, fresh: true, graceMs: DRAIN_S * 1000 } satisfies LoadOrder);
    await sleep(1_000);
    for (let i = 0; i < ask.times; i++) {
      const before = serving;
      serving = await start();
      await before.gone();
    }
    await sleep(1_000);
    while (total(await sentBy(worker)) < SENT_LEAST) await sleep(50);
    worker.postMessage('stop');
    const [end] = (await once(worker, 'message')) as [LoadEnd];
    return end;
  } finally {
    await serving.end('SIGKILL');
    await worker.terminate();
    rmSync(folder, { recursive: true, force: true });
  }
}

function resources(ports: RolloutPorts, apps: RolloutPorts): object {
  const route = (to: string): object[] => [{ match: { prefix: '/' }, route: { cluster: to, timeout: '0s' } }];
  return {
    listeners: [
      httpListener('h1', ports.h1, route('app')),
      httpListener('h2', ports.h2, route('app2')),
      tcpListener('tcp', ports.tcp, 'echo'),
    ],
    clusters: [cluster('app', [apps.h1]), cluster('app2', [apps.h2], OVER_H2), cluster('echo', [apps.tcp])],
  };
}

if (import.meta.main) {
  const { values } = programOptions(import.meta.filename, {
    options: {
      times: { type: 'string', default: '5' },
      'per-second': { type: 'string', default: '1000' },
      concurrency: { type: 'string', default: '1' },
    },
  });
  const end = await handOver({
    times: Number(values.times),
    perSecond: Number(values['per-second']),
    concurrency: Number(values.concurrency),
  });
  console.log(end);
  process.exit(Object.keys(end.failures).length === 0 ? 0 : 1);
}
