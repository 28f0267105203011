import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, TYPE_URL } from '#base';
import { GrpcChannel, GrpcServer, type MemoryLink, memoryLink } from '#wire/grpc';
import type { XdsVariant } from '../codec/response.ts';
import { resource, SHORT } from '../testing/fake-client.ts';
import { MapBackend } from '../server/map-backend.ts';
import { XdsServer } from '../server/server.ts';
import type { ApplyBatch, Reject, XdsBatch } from './xds-batch.ts';
import { DiscoveryClient } from './xds-client.ts';

const { CDS, EDS, LDS, RDS, SDS } = SHORT;

interface Setting {
  readonly clock: FakeClock;
  readonly backend: MapBackend;
  readonly server: XdsServer;
  readonly client: DiscoveryClient;
  readonly link: MemoryLink;
  readonly batches: XdsBatch[];
  readonly bad: Map<string, string>;
  readonly health: (string | undefined)[];
  log(): string[];
}

function setting(variant: XdsVariant, onlyType?: string, around?: (apply: ApplyBatch) => ApplyBatch): Setting {
  const clock = new FakeClock();
  const health: (string | undefined)[] = [];
  const backend = Object.assign(new MapBackend(), {
    health: (_: unknown, problem: string | undefined) => void health.push(problem),
  });
  backend.set({
    [CDS]: [resource('CDS', 'a')],
    [EDS]: [resource('EDS', 'a')],
    [LDS]: [resource('LDS', 'l')],
    [RDS]: [resource('RDS', 'r')],
    [SDS]: [resource('SDS', 's')],
  });
  const server = new XdsServer({ backend, clock });
  const grpc = new GrpcServer({ clock });
  server.register(grpc);
  const link = memoryLink({ clock, accept: (stream) => grpc.accept(stream) });
  const random = new SeededRandom(5);
  const batches: XdsBatch[] = [];
  const bad = new Map<string, string>();
  const apply = (batch: XdsBatch): readonly Reject[] => {
    batches.push(batch);
    // As a proxy does: the endpoints of its clusters, the routes of its listeners.
    if (batch.typeUrl === CDS) client.subscribe(EDS, new Set(batch.added.map((r) => r.name)));
    if (batch.typeUrl === LDS) client.subscribe(RDS, new Set(['r']));
    return batch.added
      .filter((r) => bad.has(r.name))
      .map((r): Reject => ({ name: r.name, detail: bad.get(r.name) as string }));
  };
  const client: DiscoveryClient = new DiscoveryClient({
    channel: new GrpcChannel({ dialer: link.dialer, clock, random, keepaliveMs: 0 }),
    clock,
    random,
    variant,
    ...(onlyType === undefined ? {} : { onlyType }),
    node: () => ({
      id: 'sidecar~10.0.0.1~web.default~default.svc.cluster.local',
      cluster: '',
      metadata: {},
      locality: { region: '', zone: '', subZone: '' },
      userAgent: '',
    }),
    apply: around === undefined ? apply : around(apply),
  });
  const log = (): string[] =>
    batches
      .splice(0)
      .map(
        (b) =>
          `${short(b.typeUrl)} ${[...b.added.map((r) => `+${r.name}`), ...b.removed.map((n) => `-${n}`)].join(' ')}`,
      );
  return { clock, backend, server, client, link, batches, bad, health, log };
}

function short(typeUrl: string): string {
  return Object.entries(SHORT).find(([, url]) => url === typeUrl)?.[0] ?? typeUrl;
}

for (const variant of ['delta', 'sotw'] as const) {
  test(`${variant}: the client takes what it subscribes to and everything is acknowledged`, () => {
    const { clock, client, server, log } = setting(variant);
    client.subscribeAll(LDS);
    client.subscribeAll(CDS);
    client.start();
    clock.advance(0);
    assert.deepEqual(log().sort(), ['CDS +a', 'EDS +a', 'LDS +l', 'RDS +r']);
    const sync = server.status()[0];
    assert.equal(sync?.watermark, 1);
    assert.ok(sync?.types.every((t) => t.outstanding === 0 && t.error === ''));
  });

  test(`${variant}: a rejected resource is named, and comes again when it changes`, () => {
    const { clock, client, server, backend, bad, log } = setting(variant);
    client.subscribeAll(CDS);
    client.subscribeAll(LDS);
    client.start();
    clock.advance(0);
    log();
    bad.set('b', 'has no address');
    backend.set({ [CDS]: [resource('CDS', 'a'), resource('CDS', 'b')] });
    clock.advance(0);
    assert.equal(backend.rejections[0]?.detail, 'b: has no address');
    assert.deepEqual(backend.rejections[0]?.names, ['b']);
    assert.equal(server.status()[0]?.rejects.length, 1);
    assert.equal(client.status.types.get(CDS)?.held, 1);
    bad.clear();
    backend.set({ [CDS]: [resource('CDS', 'a'), resource('CDS', 'b', '2')] });
    clock.advance(0);
    assert.equal(server.status()[0]?.rejects.length, 0);
    assert.equal(client.status.types.get(CDS)?.held, 2);
    assert.equal(server.status()[0]?.watermark, 3);
  });

  test(`${variant}: nothing is removed while the server is gone; afterwards only differences count`, () => {
    const { clock, client, backend, link, server, log } = setting(variant);
    client.subscribeAll(CDS);
    client.subscribe(SDS, new Set(['s']));
    client.start();
    clock.advance(0);
    log();
    link.refuse = true;
    link.cut();
    clock.advance(60_000);
    assert.equal(client.status.connected, false);
    assert.deepEqual(log(), []);
    assert.equal(server.status().length, 0);
    backend.set({ [CDS]: [resource('CDS', 'b')] });
    link.refuse = false;
    clock.advance(200_000);
    assert.equal(client.status.connected, true);
    const seen = log();
    assert.ok(seen.includes('CDS +b -a'), seen.join('; '));
    if (variant === 'delta')
      assert.ok(!seen.some((l) => l.startsWith('SDS')), 'the unchanged secret does not come again');
  });
}

test('clients whose server ended their streams come back one by one', () => {
  const times = new Set<number>();
  for (let seed = 1; seed <= 30; seed++) {
    const clock = new FakeClock();
    const random = new SeededRandom(seed);
    const arrivals: number[] = [];
    const link = memoryLink({
      clock,
      accept: (stream) => {
        arrivals.push(clock.now());
        stream.reset(7);
      },
    });
    const node = { id: 'n', cluster: '', metadata: {}, locality: { region: '', zone: '', subZone: '' }, userAgent: '' };
    const client = new DiscoveryClient({
      channel: new GrpcChannel({ dialer: link.dialer, clock, random, keepaliveMs: 0 }),
      clock,
      random,
      node: () => node,
      apply: () => [],
    });
    client.subscribeAll(TYPE_URL.cluster);
    client.start();
    clock.advance(1000);
    client.close();
    const second = arrivals[1] as number;
    assert.ok(second >= 250 && second <= 750, String(second));
    times.add(second);
  }
  assert.ok(times.size > 25);
});

test('secrets come over their own service too', () => {
  const { clock, client, log } = setting('sotw', SDS);
  client.subscribe(SDS, new Set(['s']));
  client.start();
  clock.advance(0);
  assert.deepEqual(log(), ['SDS +s']);
});

test('health is told now and again after a reconnect', () => {
  const { clock, client, health, link } = setting('delta');
  client.subscribeAll(CDS);
  client.start();
  client.reportHealth('probe failed');
  clock.advance(0);
  client.reportHealth(undefined);
  clock.advance(0);
  assert.deepEqual(health, ['probe failed', undefined]);
  link.cut();
  clock.advance(60_000);
  assert.deepEqual(health, ['probe failed', undefined, undefined]);
});

test('a name that is no longer wanted is dropped without a word of the server', () => {
  const { clock, client, log, backend } = setting('delta');
  client.subscribe(SDS, new Set(['s']));
  client.start();
  clock.advance(0);
  log();
  client.subscribe(SDS, new Set());
  clock.advance(0);
  backend.set({ [SDS]: [resource('SDS', 's', '2')] });
  clock.advance(0);
  assert.deepEqual(log(), []);
  assert.equal(client.status.types.get(SDS)?.held, 0);
});

test('of virtual hosts that are taken by themselves only the changed one is sent again', () => {
  const { clock, client, backend, log, batches, link } = setting('delta');
  const host = (name: string, version: string) => ({
    ...resource('RDS', name, version),
    typeUrl: TYPE_URL.virtualHost,
  });
  backend.set({ [TYPE_URL.virtualHost]: [host('80/a', '1'), host('80/b', '1')] });
  client.subscribeAll(TYPE_URL.virtualHost);
  client.start();
  clock.advance(0);
  assert.deepEqual(
    batches[0]?.added.map((r) => r.name),
    ['80/a', '80/b'],
  );
  log();
  backend.set({ [TYPE_URL.virtualHost]: [host('80/a', '1'), host('80/b', '2')] });
  clock.advance(0);
  assert.deepEqual(
    batches[0]?.added.map((r) => r.name),
    ['80/b'],
  );
  log();
  backend.set({ [TYPE_URL.virtualHost]: [host('80/b', '2')] });
  clock.advance(0);
  assert.deepEqual(batches[0]?.removed, ['80/a']);
  log();
  // The server goes away and comes back with one more: what is held is not sent again.
  link.refuse = true;
  link.cut();
  clock.advance(60_000);
  backend.set({ [TYPE_URL.virtualHost]: [host('80/b', '2'), host('80/c', '1')] });
  link.refuse = false;
  clock.advance(200_000);
  assert.deepEqual(
    batches.map((b) => [b.added.map((r) => r.name), b.removed]),
    [[['80/c'], []]],
  );
});

/** Batches that wait until they are let go, one by one. */
function slow() {
  const waiting: (() => void)[] = [];
  const around =
    (apply: ApplyBatch): ApplyBatch =>
    (batch) =>
      new Promise((resolve, reject) => {
        waiting.push(() => {
          try {
            resolve(apply(batch));
          } catch (error) {
            reject(error as Error);
          }
        });
      });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    around,
    pending: () => waiting.length,
    go: async () => {
      waiting.shift()?.();
      await turn();
    },
  };
}

for (const variant of ['delta', 'sotw'] as const) {
  test(`${variant}: a batch that takes several turns is answered when it is applied, and the next waits`, async () => {
    const { around, pending, go } = slow();
    const { clock, client, server, log } = setting(variant, undefined, around);
    client.subscribeAll(CDS);
    client.subscribe(SDS, new Set(['s']));
    client.start();
    clock.advance(0);
    assert.equal(pending(), 1, 'one at a time');
    assert.deepEqual(log(), []);
    const cds = () => server.status()[0]?.types.find((t) => t.typeUrl === CDS);
    assert.equal(cds()?.outstanding, 1, 'not answered yet');
    await go();
    clock.advance(0);
    assert.equal(cds()?.outstanding, 0);
    for (let i = 0; i < 3; i++) {
      await go();
      clock.advance(0);
    }
    assert.deepEqual(log().sort(), ['CDS +a', 'EDS +a', 'SDS +s']);
    assert.ok(server.status()[0]?.types.every((t) => t.outstanding === 0 && t.error === ''));
  });

  test(`${variant}: a stream lost in the middle of a batch leaves it applied and answered to nobody`, async () => {
    const { around, pending, go } = slow();
    const { clock, client, server, backend, link, log } = setting(variant, undefined, around);
    client.subscribeAll(CDS);
    client.start();
    clock.advance(0);
    assert.equal(pending(), 1);
    link.cut();
    clock.advance(60_000);
    assert.equal(server.status()[0]?.types.length ?? 0, 0, 'nothing is asked for before the batch is done');
    await go();
    assert.deepEqual(log(), ['CDS +a']);
    assert.equal(client.status.types.get(CDS)?.held, 1);
    clock.advance(60_000);
    for (let i = 0; i < 4; i++) {
      await go();
      clock.advance(0);
    }
    const again = log();
    // Held versions were told: delta sends no cluster again.
    assert.equal(again.includes('CDS +a'), variant === 'sotw', again.join('; '));
    assert.ok(server.status()[0]?.types.every((t) => t.outstanding === 0 && t.error === ''));
    backend.set({ [CDS]: [resource('CDS', 'a', '2')] });
    clock.advance(0);
    await go();
    assert.ok(log().includes('CDS +a'));
  });

  test(`${variant}: a batch that fails late is rejected by name`, async () => {
    const { clock, client, backend } = setting(variant, undefined, () => async () => {
      throw new Error('broken');
    });
    client.subscribeAll(CDS);
    client.start();
    clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(0);
    assert.equal(backend.rejections[0]?.detail, 'a: applying it failed: broken');
    assert.equal(client.status.types.get(CDS)?.held, 0);
  });
}
