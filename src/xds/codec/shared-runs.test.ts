import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, type XdsResource } from '#base';
import { SharedRuns } from './shared-runs.ts';

const resource = (name: string, version = '1'): XdsResource => ({
  typeUrl: 'tt',
  name,
  bytes: new Uint8Array(8),
  version,
  origins: [],
});
const encodeOf = (bytes: number) => {
  const counted = { calls: 0, encode: () => (counted.calls++, [new Uint8Array(bytes)]) };
  return counted;
};

test('streams that are sent the same entries within seconds share their bytes', () => {
  const clock = new FakeClock();
  const runs = new SharedRuns(clock);
  const list = [resource('a'), resource('b'), resource('c')];
  const counted = encodeOf(10);
  const first = runs.of(list, 0, 2, counted.encode);
  assert.equal(runs.of([...list], 0, 2, counted.encode), first);
  clock.advance(6000);
  assert.equal(runs.of(list, 0, 2, counted.encode), first);
  assert.equal(counted.calls, 1);
  assert.notEqual(runs.of(list, 0, 3, counted.encode), first);
  assert.notEqual(runs.of([list[0] as XdsResource, resource('b', '2')], 0, 2, counted.encode), first);
  assert.equal(counted.calls, 3);
});

test('nothing is kept once nobody was sent it for ten seconds, nor is a timer', () => {
  const clock = new FakeClock();
  const runs = new SharedRuns(clock);
  runs.of([resource('a')], 0, 1, encodeOf(1000).encode);
  assert.ok(runs.bytes > 1000);
  clock.advance(10_000);
  assert.equal(runs.bytes, 0);
  assert.equal(clock.pendingTimers, 0);
});

test('streams that fall behind, each with entries of its own, keep no more than the bound', () => {
  const clock = new FakeClock();
  const runs = new SharedRuns(clock);
  const one = resource('a');
  for (let i = 0; i < 4000; i++) {
    runs.of([i % 2 === 0 ? one : resource(`n${i}`), resource('b', String(i))], 0, 2, encodeOf(100_000).encode);
    assert.ok(runs.bytes <= 65 * 1024 * 1024 + 200_000, String(runs.bytes));
  }
  clock.advance(10_000);
  assert.equal(runs.bytes, 0);
});
