import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Conn } from '#base';
import { CLUSTER, StatStore } from '#telemetry';
import { OpenBytes } from './open-bytes.ts';

const SLOTS = { read: CLUSTER.upstream_cx_rx_bytes_total, written: CLUSTER.upstream_cx_tx_bytes_total };

function bed() {
  const later: (() => void)[] = [];
  const open = new OpenBytes({ setTimer: (_, then) => (later.push(then), { cancel: () => {} }) });
  const store = new StatStore();
  const conn = (bytesRead: number, bytesWritten: number): Conn & { bytesRead: number } =>
    ({ bytesRead, bytesWritten }) as unknown as Conn & { bytesRead: number };
  return { open, store, conn, later };
}

test('each look counts what came since the last one, and the end the rest', () => {
  const { open, store, conn } = bed();
  const stats = store.cluster('c');
  const one = conn(10, 20);
  const counted = open.add(one, stats, SLOTS);
  assert.equal(stats.get(SLOTS.read), 0);
  open.update();
  assert.deepEqual([stats.get(SLOTS.read), stats.get(SLOTS.written)], [10, 20]);
  open.update();
  assert.equal(stats.get(SLOTS.read), 10);
  one.bytesRead = 15;
  counted.end();
  one.bytesRead = 99;
  open.update();
  assert.deepEqual([stats.get(SLOTS.read), stats.get(SLOTS.written)], [15, 20]);
});

test('a connection that another block counts leaves there what it carried so far', () => {
  const { open, store, conn } = bed();
  const [before, after] = [store.cluster('a'), store.cluster('b')];
  const one = conn(10, 0);
  const counted = open.add(one, before, SLOTS);
  counted.move(after);
  one.bytesRead = 14;
  open.update();
  assert.deepEqual([before.get(SLOTS.read), after.get(SLOTS.read)], [10, 4]);
});

test('very many connections are counted in several turns, each once', () => {
  const { open, store, conn, later } = bed();
  const stats = store.cluster('c');
  for (let i = 0; i < 2_500; i++) open.add(conn(1, 0), stats, SLOTS);
  open.update();
  assert.equal(stats.get(SLOTS.read), 1_000);
  // Somebody else reads meanwhile.
  open.update();
  for (let turns = 0; later.length > 0 && turns < 9; turns++) later.shift()?.();
  assert.equal(stats.get(SLOTS.read), 2_500);
  open.update();
  assert.equal(stats.get(SLOTS.read), 2_500);
});

test('what was never used stays so', () => {
  const { open, store, conn } = bed();
  const stats = store.cluster('c');
  open.add(conn(0, 0), stats, SLOTS);
  open.update();
  assert.ok(Object.is(stats.values[SLOTS.read], -0));
});
