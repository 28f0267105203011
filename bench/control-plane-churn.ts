// Endless change: fake pods on fake nodes in a real API server are replaced at a steady rate; the control plane's memory
// over time, and at the end whether a sidecar that was connected all the while holds every endpoint, and no other.
import { startApiServer } from '../test/rungs/kube/api-server.ts';
import type { ClientsOrder } from './control-plane/clients.ts';
import { FakePods } from './control-plane/fake-pods.ts';
import type { Size } from './control-plane/objects.ts';
import { Peer } from './control-plane/peer.ts';
import type { Order, Report } from './control-plane/serve.ts';
import { programOptions } from '../tools/program-options.ts';

const { values } = programOptions(import.meta.filename, {
  options: {
    nodes: { type: 'string', default: '1000' },
    services: { type: 'string', default: '1000' },
    endpoints: { type: 'string', default: '10' },
    namespaces: { type: 'string', default: '10' },
    clients: { type: 'string', default: '100' },
    rate: { type: 'string', default: '30' },
    minutes: { type: 'string', default: '2' },
  },
});
const size: Size = {
  services: Number(values.services),
  endpoints: Number(values.endpoints),
  namespaces: Number(values.namespaces),
};
const rate = Number(values.rate);
const lastsMs = Number(values.minutes) * 60_000;
/** Lines of the report. */
const LINES = 10;
const SETTLE_MS = 60_000;
/** Replacements under way at once: an API server that cannot keep up sets the rate. */
const UNDER_WAY = 300;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);

const api = await startApiServer({ crds: true });
let failed = false;
try {
  const fake = new FakePods(api.client, size, Number(values.nodes));
  const filledMs = performance.now();
  await fake.fill();
  console.log(
    `${values.nodes} nodes, ${size.services * size.endpoints} pods of ${size.services} services: made in ${((performance.now() - filledMs) / 1000).toFixed(0)} s`,
  );
  const env = { BENCH_SIZE: JSON.stringify(size), BENCH_KUBECONFIG: api.kubeconfig };
  const plane = await Peer.plane(env);
  const port = await plane.next<number>('ready');
  const fleet = Peer.fleet();
  const clients = Number(values.clients);
  fleet.send({ port, count: clients, namespaces: size.namespaces, vhds: true } satisfies ClientsOrder);
  while ((await fleet.ask<{ configured: number }>({ ask: 'state' }, 'state')).configured < clients) await sleep(200);
  const report = (what: 'report' | 'collect' = 'report'): Promise<Report> =>
    plane.ask<Report>({ do: what } satisfies Order, 'report');
  const alive = async (): Promise<void> => {
    const { heap, external, rss } = await report('collect');
    console.log(`all garbage collected: heap ${mb(heap)} MB, outside ${mb(external)} MB, resident ${mb(rss)} MB`);
  };

  const startedMs = performance.now();
  let asked = 0;
  /** Due, and left out because too many were under way. */
  let left = 0;
  let replaced = 0;
  let slowest = 0;
  const wrong: string[] = [];
  const under = new Set<Promise<void>>();
  await alive();
  console.log('minute  replaced  resident MB  heap MB  of MB  outside MB  CPU-s');
  let line = 0;
  const say = async (): Promise<void> => {
    const now = await report();
    const minute = ((performance.now() - startedMs) / 60_000).toFixed(1);
    console.log(
      `${minute.padStart(6)}  ${String(replaced).padStart(8)}  ${mb(now.rss).padStart(11)}  ${mb(now.heap).padStart(7)}  ${mb(now.heapTotal).padStart(5)}  ${mb(now.external).padStart(10)}  ${(now.cpuMs / 1000).toFixed(1).padStart(5)}`,
    );
  };
  for (;;) {
    const spentMs = performance.now() - startedMs;
    if (spentMs >= (line * lastsMs) / LINES) {
      line++;
      await say();
    }
    if (spentMs >= lastsMs) break;
    for (const due = Math.floor((spentMs / 1000) * rate) - left; asked < due; asked++) {
      if (under.size >= UNDER_WAY) {
        left += due - asked;
        break;
      }
      const begun = performance.now();
      // Every service in turn, every place of it in turn: nothing is left out, and the order is the same each time.
      const i = (asked * 7) % size.services;
      const one = fake
        .replace(i, Math.floor(asked / size.services) % size.endpoints)
        .then(() => void replaced++)
        .catch((error: unknown) => void wrong.push(String(error)))
        .finally(() => {
          under.delete(one);
          slowest = Math.max(slowest, performance.now() - begun);
        });
      under.add(one);
    }
    await sleep(10);
  }
  await Promise.all(under);
  if (wrong.length > 0) throw new Error(`${wrong.length} replacements failed: ${wrong[0]}`);

  const settledMs = performance.now();
  let different: readonly string[];
  do {
    await sleep(250);
    const held = await fleet.ask<Readonly<Record<string, readonly string[]>>>({ ask: 'endpoints' }, 'endpoints');
    different = Array.from({ length: size.services }, (_, i) => i)
      .filter((i) => fake.addresses(i).join() !== (held[`svc-${i}`] ?? []).join())
      .map((i) => `svc-${i}: ${(held[`svc-${i}`] ?? []).join(' ')} instead of ${fake.addresses(i).join(' ')}`);
  } while (different.length > 0 && performance.now() - settledMs < SETTLE_MS);
  const end = await report();
  console.log(
    `${replaced} endpoints replaced, ${(replaced / ((settledMs - startedMs) / 1000)).toFixed(1)} a second (${fake.retries} calls made again, slowest in ${(slowest / 1000).toFixed(1)} s); services with another set of endpoints than the API server's, ${((performance.now() - settledMs) / 1000).toFixed(1)} s after: ${different.length} of ${size.services}`,
  );
  for (const text of different.slice(0, 5)) console.log(`  ${text}`);
  await alive();
  console.log(
    `resident ${mb(end.rss)} MB, peak ${mb(end.peak)} MB; ${end.acked} of ${end.proxies} proxies are at snapshot ${end.snapshot}`,
  );
  failed = different.length > 0;
  plane.process.disconnect();
  fleet.process.disconnect();
} finally {
  await api.stop();
}
process.exit(failed ? 1 : 0);
