// What the control plane costs: 500 sidecars connect, a VirtualService changes, an endpoint changes; CPU, time, bytes, memory.
//
// The control plane and its clients are processes of their own; the transport is plaintext HTTP/2 on loopback for all rows;
// the clients' CPU is not counted, but they share the machine: a client's receipt is what the times mean.
import { writeFileSync } from 'node:fs';
import { type KubeClient, RESOURCES } from '#kube';
import { type ApiServer, must, resourceOf, startApiServer } from '../test/rungs/kube/api-server.ts';
import type { ClientsOrder, Seen } from './control-plane/clients.ts';
import { Peer } from './control-plane/peer.ts';
import type { Order, Report } from './control-plane/serve.ts';
import { namespaceOf, serviceObject, type Size, sliceObject, virtualServiceObject } from './control-plane/objects.ts';
import { programOptions } from '../tools/program-options.ts';

const { values } = programOptions(import.meta.filename, {
  options: {
    source: { type: 'string', default: 'memory' },
    services: { type: 'string', default: '1000' },
    endpoints: { type: 'string', default: '10' },
    namespaces: { type: 'string', default: '10' },
    clients: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '10' },
    vhds: { type: 'boolean', default: false },
    pause: { type: 'string', default: '12' },
    'node-args': { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const size: Size = {
  services: Number(values.services),
  endpoints: Number(values.endpoints),
  namespaces: Number(values.namespaces),
};
const clients = Number(values.clients);
const rounds = Number(values.rounds);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const now = (): number => performance.timeOrigin + performance.now();
const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
const median = (list: readonly number[]): number =>
  percentile(
    [...list].sort((a, b) => a - b),
    0.5,
  );

const api: ApiServer | undefined = values.source === 'kube' ? await startApiServer({ crds: true }) : undefined;
if (api !== undefined) await fillApiServer(api.client);
const plane = await Peer.plane(
  { BENCH_SIZE: JSON.stringify(size), ...(api === undefined ? {} : { BENCH_KUBECONFIG: api.kubeconfig }) },
  values['node-args'] === '' ? [] : values['node-args'].split(' '),
);
const port = await plane.next<number>('ready');
const fleet = Peer.fleet();
const before = await plane.ask<Report>({ do: 'report' } satisfies Order, 'report');

const startedMs = now();
fleet.send({ port, count: clients, namespaces: size.namespaces, vhds: values.vhds } satisfies ClientsOrder);
interface State {
  readonly configured: number;
  readonly bytes: number;
  readonly lastMs: number;
  readonly reconnects: number;
}
let state: State;
do {
  await sleep(200);
  state = await fleet.ask<State>({ ask: 'state' }, 'state');
} while (state.configured < clients || now() - state.lastMs < 1000);
const after = await plane.ask<Report>({ do: 'report' } satisfies Order, 'report');
const connect = {
  seconds: (state.lastMs - startedMs) / 1000,
  cpuSeconds: (after.cpuMs - before.cpuMs) / 1000,
  mb: state.bytes / 1e6,
  rssMb: after.rss / 1e6,
  peakMb: after.peak / 1e6,
  heapMb: after.heap / 1e6,
  externalMb: after.external / 1e6,
  rssBeforeMb: before.rss / 1e6,
};
console.log(
  `${values.source}${values.vhds ? ' vhds' : ''}: ${size.services} services × ${size.endpoints}, ${size.namespaces} namespaces, ${clients} clients`,
);
console.log(
  `connect: ${connect.seconds.toFixed(2)} s, ${connect.cpuSeconds.toFixed(2)} CPU-s, ${connect.mb.toFixed(0)} MB sent; resident ${connect.rssMb.toFixed(0)} MB (before ${connect.rssBeforeMb.toFixed(0)}), peak ${connect.peakMb.toFixed(0)}, heap ${connect.heapMb.toFixed(0)}, external ${connect.externalMb.toFixed(0)}`,
);

// What a burst leaves is given back once little is going on.
await sleep(Number(values.pause) * 1000);
const rested = await plane.ask<Report>({ do: 'report' } satisfies Order, 'report');
console.log(
  `after a pause of ${values.pause} s: resident ${(rested.rss / 1e6).toFixed(0)} MB, heap ${(rested.heap / 1e6).toFixed(0)}`,
);

const rows = { 'one VirtualService': [] as Measured[], 'one endpoint': [] as Measured[] };
for (let round = 1; round <= rounds; round++) {
  rows['one VirtualService'].push(await change(`/v${round}/`, { do: 'virtual-service', version: round }));
  rows['one endpoint'].push(
    await change(`10.200.${round >> 8}.${round & 255}`, { do: 'endpoint', service: 1, version: round }),
  );
}
for (const [name, list] of Object.entries(rows)) {
  const of = (pick: (one: Measured) => number): number => median(list.map(pick));
  console.log(
    `${name}: p50 ${of((m) => m.p50).toFixed(0)} ms, p99 ${of((m) => m.p99).toFixed(0)} ms, ${of((m) => m.cpuSeconds).toFixed(3)} CPU-s, ${of((m) => m.mb).toFixed(2)} MB sent (median of ${rounds})`,
  );
}
const end = await plane.ask<Report>({ do: 'report' } satisfies Order, 'report');
console.log(
  `at the end: resident ${(end.rss / 1e6).toFixed(0)} MB, peak ${(end.peak / 1e6).toFixed(0)}, ${end.acked} of ${end.proxies} proxies acknowledged snapshot ${end.snapshot}`,
);
if (values.json !== undefined)
  writeFileSync(
    values.json,
    `${JSON.stringify({ size, clients, options: values, connect, rested, rows, end }, undefined, 1)}\n`,
  );
plane.process.disconnect();
fleet.process.disconnect();
await api?.stop();
process.exit(0);

interface Measured {
  readonly p50: number;
  readonly p99: number;
  readonly cpuSeconds: number;
  readonly mb: number;
}

async function change(mark: string, order: Order): Promise<Measured> {
  await fleet.ask({ mark }, 'marked');
  const cpu = (await plane.ask<Report>({ do: 'report' } satisfies Order, 'report')).cpuMs;
  const at = now();
  if (api === undefined) plane.send(order);
  else await changeInApiServer(api.client, order);
  let seen: Seen;
  do {
    await sleep(150);
    seen = await fleet.ask<Seen>({ ask: 'seen' }, 'seen');
    if (now() - at > 30_000) throw new Error(`only ${seen.times.length} of ${clients} clients saw ${mark} in 30 s`);
  } while (seen.times.length < clients);
  await sleep(100);
  const done = (await plane.ask<Report>({ do: 'report' } satisfies Order, 'report')).cpuMs;
  const times = seen.times.map((time) => time - at).sort((a, b) => a - b);
  return {
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpuSeconds: (done - cpu) / 1000,
    mb: seen.bytes / 1e6,
  };
}

async function changeInApiServer(client: KubeClient, order: Order): Promise<void> {
  if (order.do === 'virtual-service')
    must(await client.apply(resourceOf('VirtualService'), virtualServiceObject(size, order.version), { force: true }));
  else if (order.do === 'endpoint')
    must(
      await client.apply(RESOURCES.endpointSlices, sliceObject(order.service, size, order.version), { force: true }),
    );
}

async function fillApiServer(client: KubeClient): Promise<void> {
  for (let n = 0; n < size.namespaces; n++)
    must(await client.create(RESOURCES.namespaces, { metadata: { name: namespaceOf(n, size) } }));
  const one = async (i: number): Promise<void> => {
    const { clusterIP: _, ...spec } = serviceObject(i, size)['spec'] as Record<string, unknown>;
    must(await client.create(RESOURCES.services, { ...serviceObject(i, size), spec }));
    must(await client.apply(RESOURCES.endpointSlices, sliceObject(i, size), { force: true }));
  };
  for (let i = 0; i < size.services; i += 16)
    await Promise.all(Array.from({ length: Math.min(16, size.services - i) }, (_, k) => one(i + k)));
  must(await client.apply(resourceOf('VirtualService'), virtualServiceObject(size, 0), { force: true }));
}
