import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, silentLogger } from '#base';
import { type ConfigDiff, type ConfigView, viewOf } from '#config';
import { BOUND_PORTS_ANNOTATION } from '#registry';
import { type Joined, JoinedConfig } from './joined-config.ts';

const reviews: Joined = {
  name: 'reviews-v1',
  namespace: 'default',
  serviceAccount: 'reviews',
  labels: { app: 'reviews' },
  address: '127.0.0.1',
  ports: {},
  boundPorts: [{ port: 9080, appPort: 40001, boundPort: 40002 }],
  joinedMs: 1000,
};
const nothing: ConfigDiff = { from: 0, to: 1, added: new Set(), changed: new Set(), removed: new Set() };

function setUp(restored: readonly Joined[] = []) {
  const clock = new FakeClock();
  const seen: { view: ConfigView; diff: ConfigDiff }[] = [];
  const saved: (readonly Joined[])[] = [];
  const joined = new JoinedConfig({
    clock,
    log: silentLogger,
    changed: (view, diff) => void seen.push({ view, diff }),
    save: (all) => void saved.push(all),
    restored,
  });
  joined.baseChanged(viewOf([]), nothing);
  return {
    clock,
    joined,
    seen,
    saved,
    names: () => joined.view?.list('WorkloadEntry').map((one) => one.metadata.name),
  };
}

test('a workload that joins is a WorkloadEntry with its bound ports, and is kept', () => {
  const { joined, seen, saved } = setUp();
  joined.connected(reviews);
  const entry = joined.view?.get('WorkloadEntry', 'default', 'reviews-v1');
  assert.equal(entry?.metadata.annotations[BOUND_PORTS_ANNOTATION], '9080:40002');
  assert.equal(entry?.spec.serviceAccount, 'reviews');
  assert.deepEqual([...(seen.at(-1)?.diff.added ?? [])], ['WorkloadEntry/default/reviews-v1']);
  assert.deepEqual(saved.at(-1), [reviews]);
});

test('it stays for a grace after its connection ended, and goes then', () => {
  const { clock, joined, names } = setUp();
  joined.connected(reviews);
  joined.disconnected('default', 'reviews-v1');
  clock.advance(9_999);
  assert.deepEqual(names(), ['reviews-v1']);
  clock.advance(1);
  assert.deepEqual(names(), []);
});

test('a workload that comes back within the grace changes nothing', () => {
  const { clock, joined, seen, names } = setUp();
  joined.connected(reviews);
  const before = seen.length;
  joined.disconnected('default', 'reviews-v1');
  clock.advance(5000);
  joined.connected({ ...reviews, joinedMs: 6000 });
  clock.advance(60_000);
  assert.equal(seen.length, before);
  assert.deepEqual(names(), ['reviews-v1']);
});

test('with two connections the first end says nothing', () => {
  const { clock, joined, names } = setUp();
  joined.connected(reviews);
  joined.connected(reviews);
  joined.disconnected('default', 'reviews-v1');
  clock.advance(60_000);
  assert.deepEqual(names(), ['reviews-v1']);
});

test('one that said that it goes is not waited for, and may come again', () => {
  const { joined, names } = setUp();
  joined.connected(reviews);
  joined.goes('default', 'reviews-v1');
  assert.deepEqual(joined.staying(), []);
  assert.deepEqual(names(), ['reviews-v1'], 'it still ends what it has begun');
  joined.disconnected('default', 'reviews-v1');
  assert.deepEqual(names(), []);
  joined.connected(reviews);
  assert.equal(joined.staying().length, 1);
});

test('after a restart the workloads are known before they are back, and forgotten if they never come', () => {
  const { clock, names } = setUp([reviews]);
  assert.deepEqual(names(), ['reviews-v1']);
  clock.advance(60_000);
  assert.deepEqual(names(), []);
});
