// What translation costs for 1,000 services × 10 endpoints and 500 sidecars: all of them, then after one edit, then after one endpoint.

import { FakeClock, type ProxyNode } from '#base';
import { type ConfigObject, parseText, viewOf } from '#config';
import { Pusher, type Snapshot } from '#push';
import { translate, TranslationCache } from '#translate';

const SERVICES = 1000;
const ENDPOINTS = 10;
const PROXIES = 500;
const NAMESPACES = Number(process.argv[2] ?? 1);

const objects = new Map<string, ConfigObject>();
let generation = 0;
const put = (text: string): string[] =>
  parseText('bench.yaml', text, { createdMs: 1 }).flatMap(({ object, complaints }) => {
    if (object === undefined) throw new Error(complaints[0]?.message);
    objects.set(object.key, object);
    return [object.key];
  });
const place = (i: number): string => `ns${i % NAMESPACES}`;
for (let i = 0; i < SERVICES; i++) {
  put(
    `apiVersion: v1\nkind: Service\nmetadata: { name: svc${i}, namespace: ${place(i)} }\nspec: { selector: { app: svc${i} }, ports: [{ name: http, port: 80 }] }\n`,
  );
  for (let e = 0; e < ENDPOINTS; e++)
    put(
      `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: svc${i}-${e}, namespace: ${place(i)} }\nspec: { address: 10.${i >> 8}.${i & 255}.${e}, serviceAccount: svc${i}, labels: { app: svc${i} } }\n`,
    );
}
const route = (timeout: number): string =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: svc1, namespace: ${place(1)} }\nspec: { hosts: [svc1], http: [{ timeout: ${timeout}s, route: [{ destination: { host: svc1 } }] }] }\n`;
const nodes: ProxyNode[] = Array.from({ length: PROXIES }, (_, i) => ({
  id: `sidecar~10.9.${i >> 8}.${i & 255}~p${i}.${place(i)}~${place(i)}.svc.cluster.local`,
  parsed: {
    type: 'sidecar',
    ip: `10.9.${i >> 8}.${i & 255}`,
    workload: `p${i}`,
    namespace: place(i),
    domain: 'cluster.local',
  },
  cluster: '',
  metadata: { NAMESPACE: place(i), LABELS: { app: `svc${i}` }, TOPSAIL_DATA_PLANE: 'topsail' },
  locality: { region: '', zone: '', subZone: '' },
  userAgent: '',
  principal: '',
}));

const pusher = new Pusher({ clock: new FakeClock(), domain: 'cluster.local', cluster: 'bench' });
const cache = new TranslationCache();
const change = (keys: readonly string[]): Snapshot => {
  const from = generation++;
  pusher.configChanged(viewOf(objects.values(), generation), {
    from,
    to: generation,
    added: new Set(),
    changed: new Set(keys),
    removed: new Set(),
  });
  pusher.flush();
  return pusher.snapshot as Snapshot;
};
const measure = (what: string, keys: readonly string[]): void => {
  const start = performance.now();
  const snapshot = change(keys);
  const built = performance.now();
  let bytes = 0;
  const distinct = new Set<unknown>();
  for (const node of nodes)
    for (const type of translate(snapshot, node, cache).values())
      for (const resource of type.values()) {
        bytes += resource.bytes.length;
        distinct.add(resource);
      }
  const end = performance.now();
  console.log(
    `${what}: snapshot ${(built - start).toFixed(0)} ms, translation of ${PROXIES} proxies ${(end - built).toFixed(0)} ms, ${distinct.size} distinct resources, ${(bytes / PROXIES / 1e6).toFixed(2)} MB a proxy`,
  );
};

const first = put(route(1));
measure('all', first);
measure('one VirtualService', put(route(2)));
measure(
  'one endpoint',
  put(
    `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: svc1-0, namespace: ${place(1)} }\nspec: { address: 10.77.0.1, serviceAccount: svc1, labels: { app: svc1 } }\n`,
  ),
);
measure('one VirtualService again', put(route(3)));
