import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { FakeClock, type Net, SeededRandom, silentLogger, TYPE_URL } from '#base';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { PLAIN_PICK } from '../cluster/index.ts';
import { Proxy } from '../proxy.ts';
import { assignmentOf } from './assignment.testing.ts';
import type { NamedResource } from './named-resource.ts';

/** Looking at it takes time: a machine on which every step costs something. */
class SlowClock extends FakeClock {
  override now(): number {
    this.advanceBusy(0.05);
    return super.now();
  }
}

async function open() {
  const clock = new SlowClock();
  const proxy = await Proxy.create({
    clock,
    random: new SeededRandom(1),
    net: {} as Net,
    log: silentLogger,
    secrets: { subscribe: () => () => {} },
  });
  const cluster = (name: string): NamedResource => ({
    name,
    version: '1',
    bytes: toBinary(ClusterSchema, create(ClusterSchema, { name, clusterDiscoveryType: { case: 'type', value: 3 } })),
  });
  const endpoints = (name: string, network: number, count: number, version: string): NamedResource => ({
    name,
    version,
    bytes: assignmentOf(name, network, count),
  });
  /** Turns of the loop until it is done. */
  const turns = async (running: unknown): Promise<number> => {
    let count = 0;
    for (; clock.pendingTimers > 0 && running instanceof Promise; count++) {
      clock.advance(0);
      await Promise.resolve();
    }
    await running;
    return count;
  };
  return { clock, proxy, cluster, endpoints, turns };
}

const network = (proxy: Proxy, name: string): string | undefined =>
  proxy.clusters.get(name)?.pick(PLAIN_PICK)?.spec.address.split('.')[1];

test('a large assignment takes many turns, and requests see the former endpoints until all of it is there', async () => {
  const { clock, proxy, cluster, endpoints } = await open();
  proxy.applyResources(TYPE_URL.cluster, [cluster('c')], []);
  proxy.applyResources(TYPE_URL.endpoint, [endpoints('c', 1, 10, '1')], []);
  const running = proxy.applyInSlices(TYPE_URL.endpoint, [endpoints('c', 2, 5000, '2')], []);
  assert.ok(running instanceof Promise);
  let done = false;
  void running.then(() => (done = true));
  let count = 0;
  while (!done) {
    const size = proxy.clusters.get('c')?.hosts.size;
    assert.ok(size === 10 || size === 5000, `half of it: ${size}`);
    assert.equal(network(proxy, 'c'), size === 10 ? '1' : '2');
    clock.advance(0);
    await Promise.resolve();
    count++;
  }
  assert.ok(count > 5, `${count} turns`);
  assert.deepEqual([proxy.clusters.get('c')?.hosts.size, network(proxy, 'c')], [5000, '2']);
  proxy.close();
});

test('of many resources each is in force when it is done, and what is bad is named', async () => {
  const { proxy, cluster, turns } = await open();
  const many = Array.from({ length: 200 }, (_, i) => cluster(`c${i}`));
  many.splice(100, 0, { name: 'bad', version: '1', bytes: new Uint8Array([0xff]) });
  const running = proxy.applyInSlices(TYPE_URL.cluster, many, []);
  assert.ok((await turns(running)) > 5);
  assert.deepEqual(
    (await running).map(({ name }) => name),
    ['bad'],
  );
  assert.equal([...proxy.clusters.all()].length, 200);
  proxy.close();
});

test('what has not changed is not applied again, whatever its version says', async () => {
  const { proxy, cluster, endpoints } = await open();
  proxy.applyResources(TYPE_URL.cluster, [cluster('c')], []);
  proxy.applyResources(TYPE_URL.endpoint, [endpoints('c', 1, 3, '1')], []);
  const before = proxy.clusters.get('c')?.hosts.version;
  proxy.applyResources(TYPE_URL.endpoint, [endpoints('c', 1, 3, '2')], []);
  assert.equal(proxy.clusters.get('c')?.hosts.version, before);
  assert.equal(proxy.config.held().get(TYPE_URL.endpoint)?.get('c')?.version, '2');
  proxy.close();
});

test('a cluster that went and came again does not keep the endpoints of its first life', async () => {
  const { proxy, cluster, endpoints } = await open();
  proxy.applyResources(TYPE_URL.cluster, [cluster('c')], []);
  proxy.applyResources(TYPE_URL.endpoint, [endpoints('c', 1, 3, '1')], []);
  proxy.applyResources(TYPE_URL.cluster, [], ['c']);
  proxy.applyResources(TYPE_URL.cluster, [cluster('c')], []);
  assert.equal(proxy.clusters.get('c')?.warm, false);
  proxy.close();
});

test('endpoints that came before their cluster are there when it comes', async () => {
  const { proxy, cluster, endpoints } = await open();
  proxy.applyResources(TYPE_URL.endpoint, [endpoints('c', 1, 3, '1')], []);
  proxy.applyResources(TYPE_URL.cluster, [cluster('c')], []);
  assert.equal(proxy.clusters.get('c')?.hosts.size, 3);
  proxy.close();
});
