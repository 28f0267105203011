// Who may draw on which limit: a proxy that is connected as who it says it is, on those that select it, and nobody else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseStream } from '#agent';
import { FakeClock, type ProxyNode, SeededRandom, silentLogger } from '#base';
import { parseText, viewOf } from '#config';
import type { Reply } from '#leases';
import { buildSnapshot, type Snapshot } from '#push';
import { Registry } from '#registry';
import { create, toBinary } from '@bufbuild/protobuf';
import { type DrawRequest, DrawRequestSchema } from '#proto/topsail/ratelimit/v1/ratelimit_pb.ts';
import { GrpcChannel, GrpcServer, memoryLink, type MemoryLink, type MethodHandler, type ServerCall } from '#wire/grpc';
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
  nodes: readonly { readonly node: ProxyNode }[] = [
    { node: nodeOf('web-1', 'web') },
    { node: nodeOf('web-2', 'web') },
    { node: nodeOf('api-1', 'api') },
  ];
  replicas: number | undefined = 1;
  #snapshot = snapshotOf(OBJECTS);

  constructor() {
    this.leases = new DiscoveryLeases({
      clock: this.clock,
      log: silentLogger,
      random: new SeededRandom(1),
      snapshot: () => this.#snapshot,
      connected: () => this.nodes,
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
    const thread = new Thread(stream, link);
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
  readonly link: MemoryLink;
  readonly #line: ReturnType<LeaseStream['open']>;
  #next = 100;

  constructor(stream: LeaseStream, link: MemoryLink) {
    this.stream = stream;
    this.link = link;
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
  assert.equal(await first.draw(bed, 'shop/api/r', 1), 1);
});

test('who counted by a limit that is gone counts on by it for a moment, and nobody else', async () => {
  const bed = new Bed();
  const web = await bed.join('web', 'web-1');
  const api = await bed.join('api', 'api-1');
  assert.equal(await web.draw(bed, 'shop/web/r', 7), 7);
  bed.configure(rateLimit('api', 'api'));
  assert.equal(await web.draw(bed, 'shop/web/r', 1), 1, 'the filters of its connections are still those of before');
  assert.equal(await web.draw(bed, 'shop/web/r', 9), 2, 'no new bucket');
  assert.equal(await api.draw(bed, 'shop/web/r', 1), 0);
  await bed.settle(31_000);
  assert.equal(await web.draw(bed, 'shop/web/r', 1), 0);
});

test('who has no discovery stream any more draws no more, and who comes back as something else draws as that', async () => {
  const bed = new Bed();
  const web = await bed.join('web', 'web-1');
  const [first, ...others] = bed.nodes;
  bed.nodes = [{ node: { ...nodeOf('web-1', 'api'), principal: identityOf('web') } }, ...others];
  bed.leases.progressed();
  await bed.settle(1000);
  assert.equal(await web.draw(bed, 'shop/api/r', 1), 1);
  bed.nodes = others;
  bed.leases.progressed();
  await bed.settle(1000);
  assert.ok(web.losses > 0);
  assert.equal(await web.draw(bed, 'shop/api/r', 1), undefined);
  assert.ok(first);
  bed.nodes = [first, ...others];
  await bed.settle(2000);
  assert.equal(await web.draw(bed, 'shop/web/r', 1), 1);
});

test('more streams do not make more of a node', async () => {
  const bed = new Bed();
  const other = await bed.join('web', 'web-2');
  const streams = [];
  for (let i = 0; i < 6; i++) streams.push(await bed.join('web', 'web-1'));
  await bed.settle(400);
  assert.deepEqual(
    streams.map((one) => one.losses > 0),
    [false, false, false, false, true, true],
  );
  for (const stream of streams) await stream.draw(bed, 'shop/web/r', 0);
  assert.equal(await other.draw(bed, 'shop/web/r', 10), 5, 'half, as of two');
});

test('what was asked in vain is not granted to nobody when the control plane is back', async () => {
  const bed = new Bed();
  const web = await bed.join('web', 'web-1');
  web.link.refuse = true;
  web.link.cut();
  for (let i = 0; i < 20; i++) {
    assert.equal(await web.draw(bed, 'shop/web/r', 1), undefined);
    await bed.settle(500);
  }
  web.link.refuse = false;
  await bed.settle(60_000);
  web.link.stalled = true;
  for (let i = 0; i < 20; i++) {
    assert.equal(await web.draw(bed, 'shop/web/r', 1), undefined);
    await bed.settle(500);
  }
  web.link.stalled = false;
  await bed.settle(100);
  assert.equal(await web.draw(bed, 'shop/web/r', 10), 9, 'only one was on its way');
});

/** A call of the service, by hand. */
class HandCall {
  sent = 0;
  paused = 0;
  resumed = 0;
  writable = true;
  ended: number | undefined;
  readonly #handler: ReturnType<MethodHandler>;

  constructor(bed: Bed, app: string) {
    const value = { spiffeId: identityOf(app), namespace: 'shop', serviceAccount: app, workload: undefined };
    let method: MethodHandler | undefined;
    bed.leases.register(
      { register: (_: string, handler: MethodHandler) => void (method = handler) } as unknown as GrpcServer,
      { caller: async () => ({ ok: true, value }) } as unknown as DiscoveryIdentity,
    );
    const call = {
      path: 'Draw',
      peer: {},
      metadata: {},
      open: true,
      writable: true,
      send: () => {
        this.sent++;
        call.writable = this.writable;
        return this.writable;
      },
      end: ({ code }: { readonly code: number }) => {
        call.open = false;
        this.ended ??= code;
      },
      pause: () => this.paused++,
      resume: () => this.resumed++,
    };
    this.#handler = (method as MethodHandler)(call as unknown as ServerCall);
    this.drain = () => {
      this.writable = true;
      call.writable = true;
      this.#handler.onDrain?.();
    };
  }

  readonly drain: () => void;

  say(message: Partial<Pick<DrawRequest, 'nodeId' | 'threads'>> & { readonly tokens?: number }): void {
    const { tokens, ...hello } = message;
    const asks = tokens === undefined ? [] : [{ id: 1, limit: 'shop/web/r', key: '', tokens }];
    this.raw(toBinary(DrawRequestSchema, create(DrawRequestSchema, { ...hello, asks })));
  }

  raw(bytes: Uint8Array): void {
    this.#handler.onMessage(bytes);
  }
}

test('what nobody can read ends the call, also where it came before the verdict on who sends it', async () => {
  const bed = new Bed();
  const call = new HandCall(bed, 'web');
  call.raw(Uint8Array.of(0x1a, 0xff));
  await bed.settle();
  assert.equal(call.ended, 13);
});

test('who does not read answers is not listened to', async () => {
  const bed = new Bed();
  const call = new HandCall(bed, 'web');
  call.say({ nodeId: idOf('web-1'), threads: 1 });
  await bed.settle();
  call.writable = false;
  call.say({ tokens: 1 });
  assert.deepEqual([call.sent, call.paused], [2, 1]);
  bed.configure(OBJECTS + rateLimit('more', 'web'));
  await bed.settle(2000);
  assert.equal(call.sent, 2, 'nor told of what changed');
  call.drain();
  assert.deepEqual([call.sent, call.resumed], [3, 1]);
});

test('of several control planes each grants its part, and none while their number is not known', async () => {
  const bed = new Bed();
  bed.replicas = undefined;
  const web = await bed.join('web', 'web-1');
  assert.equal(await web.draw(bed, 'shop/web/r', 10), 0);
  bed.replicas = 5;
  assert.equal(await web.draw(bed, 'shop/web/r', 10), 2);
});
