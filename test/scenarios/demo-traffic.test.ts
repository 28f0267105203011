// The demo as its dashboard sees it: every edge soon after the first request, counts that are the load's, and nothing
// that grows with what clients make up.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TrafficJson } from '#api';
import { type RunningDemo, startDemo } from '../mesh/demo.ts';
import { until } from '../mesh/until.ts';

/** The promise is 2 s on an idle machine; a busy one gets many times that. */
const EDGE_WITHIN_MS = 90_000;
const HOSTS = 10_000;
const EDGES = [
  'istio-ingressgateway productpage-v1',
  'productpage-v1 details-v1',
  'productpage-v1 reviews-v1',
  'productpage-v1 reviews-v2',
  'productpage-v1 reviews-v3',
  'reviews-v2 ratings-v1',
  'reviews-v3 ratings-v1',
];

let home = '';
let demo: RunningDemo;
let run: { readonly address: string; readonly token: string };
/** By the first test. */
let asked = 0;
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'topsail-traffic-'));
  demo = await startDemo(home, ['--no-load']);
  run = JSON.parse(readFileSync(join(home, 'run.json'), 'utf8')) as typeof run;
});
after(async () => {
  agent.destroy();
  await demo?.stop();
  rmSync(home, { recursive: true, force: true });
});

test('the graph shows every edge soon after the first request', async (t) => {
  const first = Date.now();
  const seen = new Map<string, number>();
  while (EDGES.some((edge) => !seen.has(edge))) {
    // As long as it takes: which reviews answer is chance.
    assert.equal(await get('/productpage'), 200);
    asked++;
    for (const { source, destination, requests } of (await traffic(10)).edges)
      if (requests > 0 && !seen.has(`${source} ${destination}`))
        seen.set(`${source} ${destination}`, Date.now() - first);
    assert.ok(Date.now() - first < EDGE_WITHIN_MS, `after ${EDGE_WITHIN_MS} ms only: ${[...seen.keys()].join(', ')}`);
  }
  t.diagnostic(`all ${EDGES.length} edges after ${Math.max(...EDGES.map((edge) => seen.get(edge) ?? 0))} ms`);
});

test('what is counted is within 5 % of what the load generator did', async (t) => {
  // A window of half an hour holds all of it, also on a machine that takes its time; nobody else asks.
  const windowSeconds = 1800;
  const shown = async () =>
    (await traffic(windowSeconds)).edges.find((one) => `${one.source} ${one.destination}` === EDGES[0]);
  await until('all that was asked before', async () => ((await shown())?.requests ?? 0) >= asked);
  const early = (await shown())?.requests ?? 0;
  const begun = Date.now();
  let done = 0;
  for (; done < 400 && Date.now() - begun < 30_000; done++) {
    assert.equal(await get('/productpage'), 200);
    await sleep(20);
  }
  const seconds = (Date.now() - begun) / 1000;
  let edge = await shown();
  for (const late = Date.now() + EDGE_WITHIN_MS; (edge?.requests ?? 0) - early < done && Date.now() < late; ) {
    await sleep(100);
    edge = await shown();
  }
  const counted = (edge?.requests ?? 0) - early;
  t.diagnostic(
    `counted ${counted} of ${done} in ${seconds.toFixed(1)} s, shown as ${edge?.requestsPerSecond.toFixed(2)} a second`,
  );
  assert.ok(Math.abs(counted - done) <= done * 0.05, `${counted} of ${done}`);
});

test(`${HOSTS} made-up hosts and paths leave series, memory and dashboard bounded`, async (t) => {
  const flood = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i += 16)
      await Promise.all(
        Array.from({ length: 16 }, (_, j) => get(`/made-up/${i + j}?q=${i + j}`, `host-${i + j}.evil.example`)),
      );
  };
  await flood(0, 2_000);
  const before = {
    series: await seriesOf('istio-ingressgateway'),
    memory: memoryOf('istio-ingressgateway'),
    control: memoryOf('istiod'),
  };
  await flood(2_000, HOSTS);
  await sleep(1_500);
  const series = await seriesOf('istio-ingressgateway');
  const seen = await traffic(60);
  const body = JSON.stringify(seen).length;
  const grown = (name: string, from: number): number => Math.round((memoryOf(name) - from) / 1024);
  t.diagnostic(
    `series ${before.series} -> ${series}; gateway +${grown('istio-ingressgateway', before.memory)} MB, control plane +${grown('istiod', before.control)} MB; ${seen.edges.length} edges, ${body} bytes`,
  );
  // As many series after ten thousand hosts as after two thousand, give or take a response code.
  assert.ok(series <= before.series * 1.05, `${before.series} series became ${series}`);
  assert.ok(seen.edges.length < 50, `${seen.edges.length} edges`);
  assert.ok(body < 200_000, `the dashboard is sent ${body} bytes`);
  assert.ok(grown('istio-ingressgateway', before.memory) < 40, 'memory of the gateway');
  assert.ok(grown('istiod', before.control) < 40, 'memory of the control plane');
  assert.equal(await get('/productpage'), 200);
});

function get(path: string, host = 'localhost'): Promise<number> {
  return new Promise((resolve) => {
    const req = request(
      { host: '127.0.0.1', port: demo.portBase, path, agent, headers: { host }, timeout: 30_000 },
      (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode ?? 0));
      },
    );
    req.on('timeout', () => req.destroy());
    req.on('error', () => resolve(0));
    req.end();
  });
}

async function traffic(windowSeconds: number): Promise<TrafficJson> {
  const answer = await fetch(`${run.address}/api/v1/traffic?window=${windowSeconds}`, {
    headers: { authorization: `Bearer ${run.token}` },
  });
  assert.equal(answer.status, 200);
  return (await answer.json()) as TrafficJson;
}

/** Lines of its metrics page, which is what Prometheus would store. */
async function seriesOf(workload: string): Promise<number> {
  const record = JSON.parse(readFileSync(join(home, 'run/workloads', `${workload}.istio-system.json`), 'utf8')) as {
    statusPort: number;
  };
  const page = await (await fetch(`http://127.0.0.1:${record.statusPort}/stats/prometheus`)).text();
  return page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}

/** Resident kB. */
function memoryOf(name: string): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${demo.pid(name)}/status`, 'utf8'))?.[1] ?? 0);
}
