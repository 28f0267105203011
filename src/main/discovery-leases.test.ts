// Who may draw on which limit: a proxy that is connected as who it says it is, on those that select it, and nobody else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseStream } from '#agent';
import { FakeClock, type ProxyNode, SeededRandom, silentLogger } from '#base';
import { parseText, viewOf } from '#config';
import type { Reply } from '#leases';
import { buildSnapshot, type Snapshot } from '#push';
import { Registry } from '#registry';
import { GrpcChannel, GrpcServer, memoryLink } from '#wire/grpc';
import type { DiscoveryIdentity } from './discovery-identity.ts';
import { DiscoveryLeases } from './discovery-leases.ts';

const rateLimit = (name: string, app: string, limit = 'requests: 10, per: HOUR, scope: ALL_PROXIES'): string =>
  `---\napiVersion: topsail.io/v1alpha1\nkind: RateLimit\nmetadata: { name: ${name}, namespace: shop }\nspec: { selector: { matchLabels: { app: ${app} } }, rules: [{ name: r, limit: { ${limit} } }] }\n`;
const OBJECTS = `${rateLimit('web', 'web')}${rateLimit('api', 'api')}${rateLimit('own', 'web', 'requests: 10, per: HOUR')}`;

function snapshotOf(text: string): Snapshot {
  const documents = parseText('t.yaml', text, { defaultNamespace: 'shop', createdMs: 1 });
  const config = viewOf(documents.flatMap((one) => one.object ?? []));
  const { view } = new Registry({ domain: 'cluster.local', cluster: 'Kubernetes' }).rebuild(config);
  return buildSnapshot({ config, registry: view, domain: 'cluster.local', former: undefined });
}

const idOf = (workload: string): string => `sidecar~127.0.0.1~${workload}.shop~shop.svc.cluster.local`;
const identityOf = (app: string): string => `spiffe://cluster.local/ns/shop/sa/${app}`;

function nodeOf(workload: string, app: string): ProxyNode {
  return {
    id: idOf(workload),
    parsed: { type: 'sidecar', ip: '127.0.0.1', workload, namespace: 'shop', domain: 'cluster.local' },
    cluster: app,
    metadata: { NAMESPACE: 'shop', LABELS: { app }, TOPSAIL_DATA_PLANE: 'topsail' },
    locality: { region: '', zone: '', subZone: '' },
    userAgent: '',
    principal: identityOf(app),
  };
}

class Bed {
  readonly clock = new FakeClock();
  readonly leases: DiscoveryLeases;
  nodes: readonly ProxyNode[] = [nodeOf('web-1', 'web'), nodeOf('web-2', 'web'), nodeOf('api-1', 'api')];
  replicas: number | undefined = 1;
  #snapshot = snapshotOf(OBJECTS);

  constructor() {
    this.leases = new DiscoveryLeases({
      clock: this.clock,
      log: silentLogger,
      random: new SeededRandom(1),
      snapshot: () => this.#snapshot,
      nodes: () => this.nodes,
      replicas: () => this.replicas,
    });
    this.leases.snapshotMade(this.#snapshot);
  }

  configure(text: string): void {
    this.#snapshot = snapshotOf(text);
    this.leases.snapshotMade(this.#snapshot);
  }

  /** A proxy with a certificate of that service account, which says that it is this workload. */
  async join(app: string, workload: string, threads = 1): Promise<Thread> {
    const server = new GrpcServer({ clock: this.clock });
    const value = { spiffeId: identityOf(app), namespace: 'shop', serviceAccount: app, workload: undefined };
    this.leases.register(server, { caller: async () => ({ ok: true, value }) } as unknown as DiscoveryIdentity);
    const link = memoryLink({ clock: this.clock, accept: (stream) => server.accept(stream) });
    const channel = new GrpcChannel({ dialer: link.dialer, clock: this.clock, random: new SeededRandom(2) });
    const stream = new LeaseStream({
      clock: this.clock,
      channel,
      metadata: () => ({}),
      nodeId: idOf(workload),
      threads,
    });
    const thread = new Thread(stream);
    stream.start();
    await this.settle();
    return thread;
  }

  async settle(ms = 0): Promise<void> {
    for (let i = 0; i < 4; i++) {
      this.clock.advance(ms / 4);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

class Thread {
  readonly replies: Reply[] = [];
  losses = 0;
  readonly stream: LeaseStream;
  readonly #line: ReturnType<LeaseStream['open']>;
  #next = 100;

  constructor(stream: LeaseStream) {
    this.stream = stream;
    this.#line = stream.open({ take: (reply) => this.replies.push(reply), lost: () => this.losses++ });
  }

  /** Undefined: no answer. */
  async draw(bed: Bed, limit: string, tokens: number): Promise<number | undefined> {
    const id = this.#next++;
    this.#line.draw([{ id, limit, key: '', tokens }]);
    await bed.settle();
    return this.replies.flatMap(({ grants }) => grants).find((one) => one.id === id)?.tokens;
  }

  drawers(limit: string): number | undefined {
    return this.replies.flatMap(({ shares }) => shares).findLast((one) => one.limit === limit)?.drawers;
  }
}

test('a proxy draws on the limits that select it, and gets nothing of others', async () => {
  const bed = new Bed();
  const web = await bed.join('web', 'web-1');
  assert.equal(await web.draw(bed, 'shop/web/r', 4), 4);
  assert.equal(await web.draw(bed, 'shop/api/r', 4), 0);
  assert.equal(await web.draw(bed, 'shop/own/r', 4), 0, 'each proxy counts that for itself');
  assert.equal(await web.draw(bed, 'shop/none/r', 4), 0);
  const other = await bed.join('web', 'web-2');
  assert.equal(await other.draw(bed, 'shop/web/r', 100), 3, 'half of the six that are left');
});

test('nobody draws as somebody else, or without a discovery stream of its own', async () => {
  const bed = new Bed();
  for (const [app, workload] of [
    ['api', 'web-1'],
    ['web', 'web-3'],
  ] as const) {
    const thread = await bed.join(app, workload);
    assert.equal(await thread.draw(bed, 'shop/web/r', 1), undefined);
    assert.ok(thread.losses > 0);
    thread.stream.close();
  }
});

test('who came before its discovery stream is taken in as soon as that is there', async () => {
  const bed = new Bed();
  const { nodes } = bed;
  bed.nodes = [];
  const web = await bed.join('web', 'web-1');
  assert.equal(await web.draw(bed, 'shop/web/r', 1), undefined);
  bed.nodes = nodes;
  await bed.settle(2000);
  assert.equal(await web.draw(bed, 'shop/web/r', 1), 1);
});

test('all are told among how many threads a limit is shared, and an edit counts at once', async () => {
  const bed = new Bed();
  const first = await bed.join('web', 'web-1', 2);
  assert.equal(first.drawers('shop/web/r'), 2);
  const second = await bed.join('web', 'web-2');
  assert.equal(second.drawers('shop/web/r'), 3);
  await bed.settle(1000);
  assert.equal(first.drawers('shop/web/r'), 3);
  assert.equal(first.drawers('shop/api/r'), undefined);
  second.stream.close();
  await bed.settle(1000);
  assert.equal(first.drawers('shop/web/r'), 2);
  bed.configure(rateLimit('api', 'web'));
  assert.equal(await first.draw(bed, 'shop/web/r', 1), 0);
  assert.equal(await first.draw(bed, 'shop/api/r', 1), 1);
});

test('of several control planes each grants its part, and none while their number is not known', async () => {
  const bed = new Bed();
  bed.replicas = undefined;
  const web = await bed.join('web', 'web-1');
  assert.equal(await web.draw(bed, 'shop/web/r', 10), 0);
  bed.replicas = 5;
  assert.equal(await web.draw(bed, 'shop/web/r', 10), 2);
});
