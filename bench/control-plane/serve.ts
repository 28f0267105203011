// The control plane under measurement, in a process of its own: configuration from memory or from an API server, xDS in plaintext.
import process from 'node:process';
import { silentLogger } from '#base';
import { ConfigStore, type ConfigSubscriber, type KindName, readKubeObject } from '#config';
import { createLogger, gunzip, listenGrpc, SystemClock } from '#io';
import { type KubeObject, keyOf } from '#kube';
import { Pusher } from '#push';
import { GrpcServer } from '#wire/grpc';
import { XdsServer } from '#xds';
import { makeTranslation } from '../../src/main/discovery-translate.ts';
import { DiscoveryBackend } from '../../src/main/discovery-xds.ts';
import { openKubeConfig } from '../../src/main/discovery-kube-config.ts';
import type { DiscoveryIdentity } from '../../src/main/discovery-identity.ts';
import { JoinedConfig } from '../../src/main/joined-config.ts';
import { IdleTrim } from '../../src/main/idle-trim.ts';
import { trimHeap } from '../../src/main/trim-heap.ts';
import { findKubeAccess, makeKubeClient } from '../../src/main/kube-access.ts';
import { SystemRandom } from '#io';
import { type Size, serviceObject, sliceObject, virtualServiceObject } from './objects.ts';

export type Order =
  | { readonly do: 'virtual-service'; readonly version: number }
  | { readonly do: 'endpoint'; readonly service: number; readonly version: number }
  | { readonly do: 'report' }
  /** A report of what is left when all garbage is gone. */
  | { readonly do: 'collect' };

export interface Report {
  readonly cpuMs: number;
  readonly rss: number;
  readonly peak: number;
  readonly heap: number;
  /** What V8 has of the system for it. */
  readonly heapTotal: number;
  /** Buffers outside of V8's heap. */
  readonly external: number;
  readonly snapshot: number;
  /** Proxies that acknowledged the newest snapshot. */
  readonly acked: number;
  readonly proxies: number;
}

const size = JSON.parse(process.env['BENCH_SIZE'] ?? '{}') as Size;
const kubeconfig = process.env['BENCH_KUBECONFIG'] ?? '';
const clock = new SystemClock();
const log = silentLogger;
const domain = 'cluster.local';
const pusher = new Pusher({ clock, domain, cluster: 'Kubernetes' });
const joined = new JoinedConfig({
  clock,
  log,
  changed: (view, diff) => pusher.configChanged(view, diff),
  save: () => {},
  restored: [],
});
/** The port is plaintext: a client is who it says. */
const identity = {
  caller: async (_: unknown, metadata: Readonly<Record<string, string | undefined>>) => {
    const namespace = metadata['x-bench-namespace'] ?? '';
    return {
      ok: true,
      value: {
        spiffeId: `spiffe://${domain}/ns/${namespace}/sa/bench`,
        namespace,
        serviceAccount: 'bench',
        workload: undefined,
      },
    };
  },
} as unknown as DiscoveryIdentity;
const backend = new DiscoveryBackend({
  clock,
  log,
  identity,
  pusher,
  joined,
  translation: makeTranslation(),
  rejected: (one) => createLogger({ level: 'warn' }).warn('rejected', { detail: one.detail }),
});
const xds = new XdsServer({ backend, clock, log });
const put = kubeconfig === '' ? fromMemory() : await fromApiServer();

const grpc = new GrpcServer({ clock, log, gunzip });
xds.register(grpc);
const listener = await listenGrpc({ host: '127.0.0.1', port: 0, log }, (stream) => grpc.accept(stream));
trimHeap();
new IdleTrim(clock);
process.send?.({ ready: listener.port });
process.on('message', (order: Order) => {
  if (order.do === 'virtual-service') put('VirtualService', virtualServiceObject(size, order.version));
  else if (order.do === 'endpoint') put('EndpointSlice', sliceObject(order.service, size, order.version));
  else {
    if (order.do === 'collect') trimHeap();
    process.send?.(report());
  }
});
process.on('disconnect', () => process.exit(0));

function report(): { readonly report: Report } {
  const { user, system } = process.cpuUsage();
  const memory = process.memoryUsage();
  const snapshot = pusher.snapshot?.number ?? 0;
  const { acked, total } = xds.programmed(undefined, snapshot);
  return {
    report: {
      cpuMs: (user + system) / 1000,
      rss: memory.rss,
      heap: memory.heapUsed,
      heapTotal: memory.heapTotal,
      external: memory.external,
      peak: process.resourceUsage().maxRSS * 1024,
      snapshot,
      acked,
      proxies: total,
    },
  };
}

function fromMemory(): (kind: KindName, object: KubeObject) => void {
  const store = new ConfigStore();
  const take: ConfigSubscriber = (view, diff) => joined.baseChanged(view, diff);
  const set = (kind: KindName, object: KubeObject): void =>
    store.setFile(`${kind}/${keyOf(object.metadata)}`, readKubeObject(kind, object, 'istio'));
  for (let i = 0; i < size.services; i++) {
    set('Service', serviceObject(i, size));
    set('EndpointSlice', sliceObject(i, size));
  }
  set('VirtualService', virtualServiceObject(size, 0));
  store.subscribe(take);
  store.commit();
  return (kind, object) => {
    set(kind, object);
    store.commit();
  };
}

async function fromApiServer(): Promise<(kind: KindName, object: KubeObject) => void> {
  const { client } = makeKubeClient(findKubeAccess({ kubeconfig }), 'bench');
  const config = await openKubeConfig({
    client,
    clock,
    random: new SystemRandom(),
    log,
    rootNamespace: 'istio-system',
    revision: 'default',
    cluster: 'Kubernetes',
    podsChanged: (changes) => pusher.podsChanged(changes),
  });
  config.subscribe((view, diff) => joined.baseChanged(view, diff));
  return () => {
    throw new Error('with an API server, objects are changed there');
  };
}
