// `npm run bench -- propagation`: from a file event to the last acknowledgement of the last step, on a mesh of real
// processes under load. The clock starts before the rename that puts the file in place and stops when the API's wait
// answers, so the watcher's and the API's own time are in it.
//   --edits 100  --rate 50 (requests/s)  --data-plane topsail|envoy  --json FILE

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgrammedJson, StatusJson } from '#api';
import { startMesh, type TestMesh } from '../test/mesh/mesh.ts';
import { LatencyHistogram } from './loadgen/latency-histogram.ts';
import { programOptions } from '../tools/program-options.ts';

const GOAL_P99_MS = 200;
/** Between edits, so that each is one of its own and not part of the former's debounce. */
const PAUSE_MS = 100;

const { values } = programOptions(import.meta.filename, {
  options: {
    edits: { type: 'string', default: '100' },
    rate: { type: 'string', default: '50' },
    'data-plane': { type: 'string', default: 'topsail' },
    json: { type: 'string', default: '' },
  },
});
const edits = Number(values.edits);
const rate = Number(values.rate);
const dataPlane = values['data-plane'] === 'envoy' ? 'envoy' : 'topsail';

interface Kind {
  readonly name: string;
  readonly kind: string;
  readonly object: string;
  text(i: number): string;
}

const KINDS: readonly Kind[] = [
  {
    name: 'VirtualService: weights',
    kind: 'VirtualService',
    object: 'reviews',
    text: (i) =>
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: reviews, namespace: default }\nspec:\n  hosts: [reviews]\n  http:\n  - route:\n    - { destination: { host: reviews, subset: v1 }, weight: ${i % 100} }\n    - { destination: { host: reviews, subset: v2 }, weight: ${100 - (i % 100)} }\n`,
  },
  {
    name: 'DestinationRule: pool and balancer',
    kind: 'DestinationRule',
    object: 'reviews',
    text: (i) =>
      `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: reviews, namespace: default }\nspec:\n  host: reviews\n  trafficPolicy:\n    loadBalancer: { simple: ${i % 2 === 0 ? 'RANDOM' : 'LEAST_REQUEST'} }\n    connectionPool: { http: { http1MaxPendingRequests: ${200 + i} } }\n  subsets:\n  - { name: v1, labels: { version: v1 } }\n  - { name: v2, labels: { version: v2 } }\n`,
  },
  {
    name: 'AuthorizationPolicy: a rule',
    kind: 'AuthorizationPolicy',
    object: 'reviews',
    text: (i) =>
      `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: reviews, namespace: default }\nspec:\n  selector: { matchLabels: { app: reviews } }\n  action: DENY\n  rules: [{ to: [{ operation: { paths: ["/forbidden-${i}"] } }] }]\n`,
  },
  {
    name: 'VirtualService and subset together',
    kind: 'VirtualService',
    object: 'ratings',
    text: (i) =>
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ratings, namespace: default }\nspec:\n  hosts: [ratings]\n  http:\n  - route: [{ destination: { host: ratings, subset: s${i} } }]\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: ratings, namespace: default }\nspec:\n  host: ratings\n  subsets: [{ name: s${i}, labels: { version: v1 } }]\n`,
  },
];

const mesh = await startMesh({
  dataPlane,
  gateway: true,
  workloads: [
    { app: 'frontend' },
    { app: 'details' },
    { app: 'reviews', version: 'v1' },
    { app: 'reviews', version: 'v2' },
    { app: 'reviews', version: 'v3' },
    { app: 'ratings', version: 'v1' },
  ],
});
try {
  await measure(mesh);
} finally {
  await mesh.stop();
}

async function measure(running: TestMesh): Promise<void> {
  const all = new LatencyHistogram();
  const byKind = new Map(KINDS.map((kind) => [kind, new LatencyHistogram()]));
  // Everything that the edits touch exists before.
  for (const kind of [...KINDS.slice(1), ...KINDS.slice(0, 1)]) await edit(running, kind, 0);
  await running.startFlow('frontend', { id: 'load', url: 'http://reviews:9080/', perSecond: rate });
  const proxies = (await running.proxies()).length;
  for (let i = 1; i <= edits; i++) {
    const kind = KINDS[i % KINDS.length] as Kind;
    const us = 1000 * (await edit(running, kind, i));
    if (us > 1000 * GOAL_P99_MS)
      console.log(`slow: edit ${i}, ${kind.name}, ${(us / 1000).toFixed(0)} ms, over at ${new Date().toISOString()}`);
    all.add(us);
    byKind.get(kind)?.add(us);
    await sleep(PAUSE_MS);
  }
  const load = await running.stopFlow('frontend', 'load');
  const rows = [...[...byKind].map(([kind, histogram]) => row(kind.name, histogram)), row('all', all)];
  console.log(
    `From the file event to the last ACK, ${proxies} proxies (${dataPlane}), ${edits} edits, ${rate} requests/s (${load.sent} sent, ${load.failures.length} failed), ${cpus().length} cores.\n`,
  );
  console.log('| Edit | n | p50 ms | p99 ms | max ms |\n|---|---|---|---|---|');
  for (const one of rows) console.log(`| ${one.edit} | ${one.count} | ${one.p50Ms} | ${one.p99Ms} | ${one.maxMs} |`);
  const p99 = Number(rows.at(-1)?.p99Ms);
  console.log(
    `\nGoal: p99 under ${GOAL_P99_MS} ms: ${p99 < GOAL_P99_MS && load.failures.length === 0 ? 'met' : 'missed'}.`,
  );
  const json = JSON.stringify(
    {
      benchmark: 'propagation',
      dataPlane,
      when: new Date().toISOString(),
      proxies,
      edits,
      rate,
      sent: load.sent,
      failed: load.failures.length,
      goalP99Ms: GOAL_P99_MS,
      rows,
    },
    undefined,
    2,
  );
  if (values.json === '') console.log(`\n${json}`);
  else {
    mkdirSync(dirname(values.json), { recursive: true });
    writeFileSync(values.json, `${json}\n`);
  }
  if (load.failures.length > 0 || p99 >= GOAL_P99_MS) process.exitCode = 1;
}

/** Milliseconds. */
async function edit(running: TestMesh, kind: Kind, i: number): Promise<number> {
  const { generation } = await running.api<StatusJson>('GET', '/api/v1/status');
  const path = join(running.home, 'config', `bench-${kind.kind}-${kind.object}.yaml`);
  writeFileSync(`${path}.new`, kind.text(i));
  const query = new URLSearchParams({
    objects: `${kind.kind}/default/${kind.object}`,
    generation: String(generation + 1),
    timeoutMs: '10000',
  });
  // Asked before the edit, so that the answer comes the moment it is true.
  const waited = running.api<ProgrammedJson>('GET', `/api/v1/wait?${query}`);
  await sleep(10);
  const started = performance.now();
  renameSync(`${path}.new`, path);
  const programmed = await waited;
  const ms = performance.now() - started;
  if (programmed.concerned === 0 || programmed.acknowledged < programmed.concerned)
    throw new Error(`${kind.name}: ${JSON.stringify(programmed)}\n${running.process('istiod').tail()}`);
  return ms;
}

function row(name: string, histogram: LatencyHistogram) {
  const at = (q: number): number => Number((histogram.quantile(q) / 1000).toFixed(1));
  return {
    edit: name,
    count: histogram.count,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: Number((histogram.max / 1000).toFixed(1)),
  };
}
