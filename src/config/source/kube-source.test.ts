// What the API server's objects become in the store: pruned, cut by revision and discoverySelectors, one commit for what comes together.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import {
  KubeClient,
  type KubeAnswer,
  type KubeObject,
  type KubeRequest,
  type KubeStreamHandler,
  type KubeTransport,
} from '#kube';
import type { ConfigDiff } from '../model/view.ts';
import { ConfigStore } from '../store/config-store.ts';
import { KubeSource } from './kube-source.ts';

/** Lists by plural; watches stay open. */
class Cluster implements KubeTransport {
  readonly objects: Record<string, KubeObject[]> = {};
  readonly watches = new Map<string, KubeStreamHandler>();
  readonly paths: string[] = [];

  async call({ path }: KubeRequest): Promise<KubeAnswer> {
    this.paths.push(path);
    const plural = pluralOf(path);
    return {
      status: 200,
      retryAfterMs: 0,
      body: JSON.stringify({ metadata: { resourceVersion: '10' }, items: this.objects[plural] ?? [] }),
    };
  }

  stream({ path }: KubeRequest, handler: KubeStreamHandler): { close(): void } {
    this.watches.set(pluralOf(path), handler);
    return { close: () => {} };
  }

  send(plural: string, ...events: readonly { readonly type: string; readonly object: KubeObject }[]): void {
    for (const { type, object } of events) {
      const others = (this.objects[plural] ?? []).filter(
        ({ metadata }) => metadata.name !== object.metadata.name || metadata.namespace !== object.metadata.namespace,
      );
      this.objects[plural] = type === 'DELETED' ? others : [...others, object];
    }
    this.watches.get(plural)?.onData(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  }
}

function pluralOf(path: string): string {
  return (path.split('?')[0] ?? '').split('/').at(-1) ?? '';
}

const namespace = (name: string, labels: Record<string, string> = {}): KubeObject => ({
  metadata: { name, labels, resourceVersion: '1' },
});
const service = (name: string, place: string, resourceVersion = '1'): KubeObject => ({
  metadata: { name, namespace: place, resourceVersion },
  spec: { ports: [{ port: 80 }] },
  status: { loadBalancer: {} },
});
const meshConfig = (mesh: string, name = 'istio', resourceVersion = '1'): KubeObject => ({
  metadata: { name, namespace: 'istio-system', resourceVersion },
  data: { mesh },
});

async function begin(objects: Record<string, KubeObject[]>, revision = '') {
  const cluster = new Cluster();
  Object.assign(cluster.objects, objects);
  const store = new ConfigStore();
  const diffs: ConfigDiff[] = [];
  store.subscribe((_, diff) => void diffs.push(diff));
  const clock = new FakeClock();
  const client = new KubeClient({ transport: cluster, fieldManager: 'test' });
  const source = new KubeSource({
    client,
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    store,
    rootNamespace: 'istio-system',
    revision,
    meshConfigMap: revision === '' ? 'istio' : `istio-${revision}`,
  });
  await source.start();
  return { cluster, store, diffs, source };
}
const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

describe('the API server as a source', () => {
  it('is in the store at once when every kind was listed, pruned of what the mesh does not read', async () => {
    const secret: KubeObject = {
      metadata: { name: 'cert', namespace: 'shop', resourceVersion: '1' },
      type: 'Opaque',
      data: { 'tls.crt': 'YQ==', 'tls.key': 'YQ==', other: 'YQ==' },
    };
    const authority: KubeObject = {
      metadata: { name: 'istio-ca-secret', namespace: 'istio-system', resourceVersion: '1' },
      data: { 'tls.crt': 'YQ==', 'tls.key': 'YQ==' },
    };
    const { store, diffs, cluster } = await begin({
      services: [service('a', 'shop')],
      secrets: [secret, authority],
      namespaces: [namespace('shop')],
      configmaps: [meshConfig('rootNamespace: istio-system')],
    });
    assert.equal(diffs.length, 1);
    assert.deepEqual(Object.keys(store.view.get('Secret', 'shop', 'cert')?.spec.data ?? {}), ['tls.crt', 'tls.key']);
    assert.equal(
      store.view.get('Secret', 'istio-system', 'istio-ca-secret'),
      undefined,
      'the authority is no gateway certificate',
    );
    assert.equal(store.view.list('MeshConfig')[0]?.spec.rootNamespace, 'istio-system');
    assert.ok(
      cluster.paths.some((path) => path.includes('type!%3Dhelm.sh') || path.includes('type%21%3Dhelm.sh')),
      'large secrets never come over the wire',
    );
  });

  it('commits what came together once, and nothing for a change of status', async () => {
    const { cluster, store, diffs } = await begin({ services: [service('a', 'shop')] });
    cluster.send(
      'services',
      { type: 'ADDED', object: service('b', 'shop', '11') },
      { type: 'DELETED', object: service('a', 'shop', '12') },
    );
    assert.deepEqual(
      [[...(diffs[1]?.added ?? [])], [...(diffs[1]?.removed ?? [])]],
      [['Service/shop/b'], ['Service/shop/a']],
    );
    const before = store.view.get('Service', 'shop', 'b');
    cluster.send('services', {
      type: 'MODIFIED',
      object: { ...service('b', 'shop', '13'), status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } },
    });
    assert.equal(store.view.get('Service', 'shop', 'b'), before);
  });

  it('keeps the last good version of what is edited badly', async () => {
    const vs = (host: unknown, resourceVersion: string): KubeObject => ({
      metadata: { name: 'v', namespace: 'shop', resourceVersion, generation: Number(resourceVersion) },
      spec: { hosts: ['a'], http: [{ route: [{ destination: { host } }] }] } as never,
    });
    const { cluster, store } = await begin({ virtualservices: [vs('a', '1')] });
    cluster.send('virtualservices', { type: 'MODIFIED', object: vs(17, '2') });
    assert.equal(store.view.statusInputs.get('VirtualService/shop/v')?.state, 'lastGood');
    assert.equal(store.view.get('VirtualService', 'shop', 'v')?.spec.http?.[0]?.route?.[0]?.destination?.host, 'a');
  });

  it("leaves other revisions' objects alone", async () => {
    const rule = (name: string, revision?: string): KubeObject => ({
      metadata: {
        name,
        namespace: 'shop',
        resourceVersion: '1',
        ...(revision === undefined ? {} : { labels: { 'istio.io/rev': revision } }),
      },
      spec: { host: 'a' },
    });
    const { store } = await begin(
      {
        destinationrules: [rule('plain'), rule('ours', 'blue'), rule('theirs', 'green')],
        configmaps: [meshConfig('{}', 'istio-blue')],
      },
      'blue',
    );
    assert.deepEqual(
      store.view
        .list('DestinationRule')
        .map(({ metadata }) => metadata.name)
        .sort(),
      ['ours', 'plain'],
    );
    assert.equal(store.view.list('MeshConfig').length, 1);
  });

  it('sees only namespaces that discoverySelectors choose, also when labels or selectors change', async () => {
    const { cluster, store } = await begin({
      namespaces: [namespace('in', { mesh: 'on' }), namespace('out'), namespace('istio-system')],
      services: [service('a', 'in'), service('b', 'out'), service('istiod', 'istio-system')],
      configmaps: [meshConfig('discoverySelectors: [{ matchLabels: { mesh: "on" } }]')],
    });
    await settle();
    const names = (): string =>
      store.view
        .list('Service')
        .map(({ metadata }) => metadata.name)
        .sort()
        .join();
    assert.equal(names(), 'a,istiod');
    cluster.send('namespaces', {
      type: 'MODIFIED',
      object: { metadata: { name: 'out', labels: { mesh: 'on' }, resourceVersion: '20' } },
    });
    await settle();
    assert.equal(names(), 'a,b,istiod');
    cluster.send('configmaps', {
      type: 'MODIFIED',
      object: meshConfig('discoverySelectors: [{ matchLabels: { mesh: "off" } }]', 'istio', '30'),
    });
    await settle();
    assert.equal(names(), 'istiod');
  });
});
