// `npm run bench -- mesh-size`: what a mesh costs a sidecar that calls little of it: memory of a real `topsail run` (agent
// and proxy in one process) that sees 10, then 1,000 services of ten endpoints each, idle.
//   --services 10,1000  --endpoints 10  --rounds 3
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMALL_MALLOC } from '../src/main/node-settings.ts';
import { startMesh } from '../test/mesh/mesh.ts';
import { namespaceOf, type Size } from './control-plane/objects.ts';
import { type MemoryCost, memoryOf } from './lib/process-cost.ts';
import { median } from './lib/report.ts';
import { programOptions } from '../tools/program-options.ts';

const MB = 1024;
/** What starting and the first configuration leave is given back by then. */
const IDLE_MS = 15_000;
const { values } = programOptions(import.meta.filename, {
  options: {
    services: { type: 'string', default: '10,1000' },
    endpoints: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
  },
});
const counts = values.services.split(',').map(Number);
const samples = new Map<number, MemoryCost[]>(counts.map((count) => [count, []]));
for (let round = 0; round < Number(values.rounds); round++)
  for (const count of counts) samples.get(count)?.push(await memoryWith(count));
console.log(`load ${(loadavg()[0] as number).toFixed(0)}, median of ${values.rounds} rounds, MB (all PSS)\n`);
console.log('| Services | PSS | RSS | own |\n|---|---|---|---|');
for (const [count, list] of samples) {
  const of = (read: (cost: MemoryCost) => number): string => (median(list.map(read)) / MB).toFixed(1);
  const all = list.map(({ pssKb }) => (pssKb / MB).toFixed(1)).join(' ');
  console.log(`| ${count} | ${of((m) => m.pssKb)} (${all}) | ${of((m) => m.rssKb)} | ${of((m) => m.rssAnonKb)} |`);
}
process.exit(0);

async function memoryWith(services: number): Promise<MemoryCost> {
  const size: Size = { services, endpoints: Number(values.endpoints), namespaces: 10 };
  const objects = Array.from({ length: services }, (_, i) => serviceEntry(i, size));
  const config = objects.map((object) => JSON.stringify(object)).join('\n---\n');
  const mesh = await startMesh({
    capture: 'netns',
    workloads: [{ app: 'caller', env: SMALL_MALLOC }],
    config: [config],
  });
  try {
    await sleep(IDLE_MS);
    const cost = memoryOf([mesh.process('caller').pid]);
    // Afterwards: the page makes each cluster that rests.
    const seen = (await mesh.admin('caller', '/clusters')).match(/^outbound\|80\|\|svc-.*::cx_active::/gm);
    if (seen?.length !== services * size.endpoints)
      throw new Error(`the sidecar has ${seen?.length ?? 0} of ${services * size.endpoints} endpoints`);
    return cost;
  } finally {
    await mesh.stop();
  }
}

function serviceEntry(i: number, size: Size): object {
  const endpoints = Array.from({ length: size.endpoints }, (_, e) => ({
    address: `10.${100 + (i >> 8)}.${i & 255}.${e + 1}`,
    labels: { app: `svc-${i}`, version: 'v1', 'security.istio.io/tlsMode': 'istio' },
    serviceAccount: `svc-${i}`,
  }));
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: `svc-${i}`, namespace: namespaceOf(i, size) },
    spec: {
      hosts: [`svc-${i}.${namespaceOf(i, size)}.svc.cluster.local`],
      addresses: [`10.96.${16 + (i >> 8)}.${i & 255}`],
      location: 'MESH_INTERNAL',
      ports: [{ name: 'http', number: 80, targetPort: 8080, protocol: 'HTTP' }],
      resolution: 'STATIC',
      endpoints,
    },
  };
}
