import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#base';
import type { XdsVariant } from '../codec/response.ts';
import { FakeXdsClient, resource, SHORT } from '../testing/fake-client.ts';
import { MapBackend } from './map-backend.ts';
import { XdsServer } from './server.ts';

const { CDS, EDS, LDS, RDS } = SHORT;

function mesh(variant: XdsVariant): {
  clock: FakeClock;
  backend: MapBackend;
  server: XdsServer;
  client: FakeXdsClient;
} {
  const clock = new FakeClock();
  const backend = new MapBackend();
  backend.set({
    [CDS]: [resource('CDS', 'a')],
    [EDS]: [resource('EDS', 'a')],
    [LDS]: [resource('LDS', 'l')],
    [RDS]: [resource('RDS', 'r', '1', 'reviews')],
  });
  const server = new XdsServer({ backend, clock });
  const client = new FakeXdsClient(server, clock, { variant });
  return { clock, backend, server, client };
}

/** Cluster a gives way to b, and the route follows. */
function moveToB(backend: MapBackend): number {
  return backend.set({
    [CDS]: [resource('CDS', 'b')],
    [EDS]: [resource('EDS', 'b')],
    [RDS]: [resource('RDS', 'r', '2', 'reviews')],
  });
}

function start(client: FakeXdsClient): void {
  client.subscribe('CDS');
  client.take();
  client.subscribe('EDS', ['a']).subscribe('LDS').subscribe('RDS', ['r']);
  client.take();
}

for (const variant of ['delta', 'sotw'] as const) {
  test(`${variant}: each type is answered when it is asked for`, () => {
    const { client, server } = mesh(variant);
    client.subscribe('CDS');
    assert.deepEqual(client.take(), ['CDS +a']);
    client.subscribe('EDS', ['a']).subscribe('LDS').subscribe('RDS', ['r']);
    assert.deepEqual(client.take(), ['EDS +a', 'LDS +l', 'RDS +r']);
    assert.equal(server.status()[0]?.watermark, 1);
  });

  test(`${variant}: clusters come before their endpoints, routes after both, removals last`, () => {
    const { client, backend, server } = mesh(variant);
    start(client);
    client.autoAck = false;
    moveToB(backend);
    assert.deepEqual(client.take(), [variant === 'delta' ? 'CDS +b' : 'CDS +b,a'], 'the old cluster stays');
    assert.deepEqual(client.take(), [], 'the client is bound to ask for the endpoints of b');
    client.subscribe('EDS', ['b']);
    assert.equal(client.take()[0], 'EDS +b', 'which do not wait for the acknowledgement');
    client.answer('EDS');
    assert.deepEqual(client.take(), [], 'nothing more before all is acknowledged');
    client.answer('CDS');
    assert.deepEqual(client.take(), ['RDS +r']);
    assert.ok((server.status()[0]?.watermark ?? 0) < 2);
    client.answer('RDS');
    assert.deepEqual(client.take(), variant === 'delta' ? ['CDS -a', 'EDS -a'] : ['CDS +b']);
    client.answerAll();
    client.take();
    assert.equal(server.status()[0]?.watermark, 2);
  });

  test(`${variant}: endpoints of a changed cluster follow it at once, because Envoy acknowledges a cluster when it is warm`, () => {
    const { client, backend, server } = mesh(variant);
    start(client);
    client.autoAck = false;
    backend.set({ [CDS]: [resource('CDS', 'a', '2')] });
    assert.deepEqual(client.take(), ['CDS +a', 'EDS +a']);
    client.answer('EDS');
    client.answer('CDS');
    client.take();
    assert.equal(server.status()[0]?.watermark, 2);
  });

  test(`${variant}: a client that never acknowledges is reported as lagging after 5 s, and its order goes on`, () => {
    const { client, backend, server, clock } = mesh(variant);
    start(client);
    client.autoAck = false;
    moveToB(backend);
    client.take();
    clock.advance(4999);
    assert.equal(server.status()[0]?.lagging, '');
    clock.advance(2);
    assert.equal(server.status()[0]?.lagging, 'clusters');
    clock.advance(5001);
    assert.ok(client.take().includes('RDS +r'));
    clock.advance(5001);
    assert.equal(client.held('CDS').join(), 'b');
    client.answerAll();
    client.take();
    assert.equal(server.status()[0]?.lagging, '');
    assert.equal(server.status()[0]?.watermark, 2);
  });

  test(`${variant}: after a rejected route the old cluster stays`, () => {
    const { client, backend, server } = mesh(variant);
    start(client);
    client.autoAck = false;
    const snapshot = moveToB(backend);
    client.take();
    client.answer('CDS');
    client.subscribe('EDS', ['b']);
    client.take();
    client.answer('EDS');
    client.take();
    client.answer('RDS', 'route r: no good');
    client.take();
    client.answerAll();
    client.take();
    assert.deepEqual(client.held('CDS'), ['a', 'b']);
    const reviews = { kind: 'VirtualService', namespace: 'default', name: 'reviews' };
    const programmed = server.programmed(reviews, snapshot);
    assert.deepEqual([programmed.total, programmed.acked, programmed.rejects[0]?.detail], [1, 0, 'route r: no good']);
    assert.deepEqual(backend.rejections[0]?.origins, [reviews]);
    client.autoAck = true;
    backend.set({ [RDS]: [resource('RDS', 'r', '3', 'reviews')] });
    client.take();
    assert.deepEqual(client.held('CDS'), ['b'], 'a good route ends the wait');
    assert.equal(server.programmed(reviews, 3).acked, 1);
  });

  test(`${variant}: snapshots that come during a push are one push afterwards`, () => {
    const { client, backend, server } = mesh(variant);
    start(client);
    client.autoAck = false;
    for (let v = 2; v < 50; v++) {
      backend.set({ [CDS]: [resource('CDS', 'a', String(v))] });
      client.take();
    }
    assert.equal(server.status()[0]?.types.find((t) => t.typeUrl === CDS)?.outstanding, 1);
    client.autoAck = true;
    client.answerAll();
    assert.deepEqual(client.take(), ['CDS +a', 'EDS +a']);
    assert.equal(server.status()[0]?.watermark, 49);
  });

  test(`${variant}: endpoints alone pass a push that waits`, () => {
    const { client, backend } = mesh(variant);
    start(client);
    client.autoAck = false;
    backend.set({ [CDS]: [resource('CDS', 'a', '2')] });
    assert.deepEqual(client.take(), ['CDS +a', 'EDS +a']);
    client.answer('EDS');
    backend.setEndpoints(EDS, [resource('EDS', 'a', '7')]);
    assert.deepEqual(client.take(), ['EDS +a']);
  });

  test(`${variant}: a client without clusters waits for nothing that it does not subscribe to`, () => {
    const { client, backend } = mesh(variant);
    client.subscribe('RDS', ['r']);
    assert.deepEqual(client.take(), ['RDS +r']);
    moveToB(backend);
    assert.deepEqual(client.take(), ['RDS +r']);
  });

  test(`${variant}: a client that names its clusters has its routes at once, and removals when it no longer asks`, () => {
    const { client, backend, clock } = mesh(variant);
    client.subscribe('LDS', ['l']).subscribe('RDS', ['r']).subscribe('CDS', ['a']).subscribe('EDS', ['a']);
    client.take();
    moveToB(backend);
    assert.deepEqual(client.take(), ['RDS +r'], 'the old cluster is not taken away');
    client.subscribe('CDS', ['b'], ['a']).subscribe('EDS', ['b'], ['a']);
    client.take();
    assert.deepEqual([client.held('EDS').includes('b'), client.held('CDS').includes('b')], [true, true]);
    clock.advance(6000);
    assert.deepEqual(client.take(), []);
  });

  test(`${variant}: an unchanged proxy is at the newest snapshot at once`, () => {
    const { client, backend, server } = mesh(variant);
    start(client);
    backend.set({ [SHORT.SDS]: [resource('SDS', 's')] });
    assert.deepEqual(client.take(), []);
    assert.equal(server.status()[0]?.watermark, 2);
  });
}

test('a filter that no listener names any more stays until nobody asks for it: connections drain behind it', () => {
  const clock = new FakeClock();
  const backend = new MapBackend();
  backend.set({ [LDS]: [resource('LDS', 'l')], [SHORT.ECDS]: [resource('ECDS', 'f'), resource('ECDS', 'g')] });
  const client = new FakeXdsClient(new XdsServer({ backend, clock }), clock, { variant: 'delta' });
  client.subscribe('LDS').subscribe('ECDS', ['f', 'g']);
  assert.deepEqual(client.take(), ['LDS +l', 'ECDS +f,g']);
  backend.set({ [LDS]: [resource('LDS', 'l', '2')], [SHORT.ECDS]: [resource('ECDS', 'f', '2')] });
  clock.advance(100);
  assert.deepEqual(client.take(), ['ECDS +f', 'LDS +l']);
});

test('a slow receiver gets the latest state only', () => {
  const { client, backend, clock } = mesh('delta');
  start(client);
  client.link.highMark = 1;
  client.link.stalled = true;
  for (let v = 2; v < 30; v++) {
    backend.setEndpoints(EDS, [resource('EDS', 'a', String(v))]);
    clock.advance(1);
  }
  client.link.stalled = false;
  clock.advance(100);
  assert.ok(client.take().length <= 3);
});

test('a resource that is asked for before it exists is answered as missing and sent when it comes', () => {
  const { client, backend } = mesh('delta');
  client.subscribe('SDS', ['later']);
  assert.deepEqual(client.take(), ['SDS -later']);
  backend.set({ [SHORT.SDS]: [resource('SDS', 'later')] });
  assert.deepEqual(client.take(), ['SDS +later']);
});

test('after a reconnect only what changed is sent, and what is gone is removed', () => {
  const { client } = mesh('delta');
  client.subscribe('CDS', [], [], { a: '1', old: '1' });
  assert.deepEqual(client.take(), ['CDS -old']);
});

test('a stream without a node, and a node that is refused, are ended with a reason', () => {
  const clock = new FakeClock();
  const server = new XdsServer({ backend: new MapBackend(() => ({ ok: false, reason: 'wrong namespace' })), clock });
  const client = new FakeXdsClient(server, clock, { variant: 'delta' });
  client.subscribe('CDS');
  client.take();
  assert.match(client.status?.message ?? '', /TSP-XDS-006.*wrong namespace/);
  assert.equal(server.status().length, 0);
});

test('a stream that never says who it is is ended', () => {
  const clock = new FakeClock();
  const client = new FakeXdsClient(new XdsServer({ backend: new MapBackend(), clock }), clock, { variant: 'sotw' });
  clock.advance(20_000);
  assert.match(client.status?.message ?? '', /TSP-XDS-008/);
});

test('a backend that fails for one push ends that stream and leaves the server standing', () => {
  const { client, backend, server } = mesh('delta');
  start(client);
  const whole = backend.resources.bind(backend);
  backend.resources = () => {
    throw new Error('translation failed');
  };
  moveToB(backend);
  client.take();
  assert.match(client.status?.message ?? '', /TSP-XDS-009/);
  backend.resources = whole;
  const clock = new FakeClock();
  const next = new FakeXdsClient(new XdsServer({ backend, clock }), clock, { variant: 'delta' });
  next.subscribe('CDS');
  assert.deepEqual(next.take(), ['CDS +b']);
  assert.equal(server.status().length, 0);
});
