import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, silentLogger } from '#base';
import { StatStore } from '#telemetry';
import type { StreamReset } from './held-memory.ts';
import { OverloadManager } from './overload-manager.ts';

function fixture(streamReset?: StreamReset) {
  const clock = new FakeClock();
  const state = { memory: 0, connections: 10, reset: 0, shrunk: 0, looks: 0 };
  /** What each stream holds. */
  const held: number[] = [];
  const stats = new StatStore();
  const manager = new OverloadManager({
    clock,
    log: silentLogger,
    stats,
    memory: () => {
      state.looks++;
      return state.memory;
    },
    connections: () => state.connections,
    resetNewest: (count) => {
      state.reset += count;
      state.connections -= count;
    },
    shrink: () => void state.shrunk++,
    streamReset,
    holders: (leastBytes) =>
      held
        .filter((bytes) => bytes >= leastBytes)
        .map((bytes) => ({ heldBytes: bytes, shed: () => void held.splice(held.indexOf(bytes), 1) })),
  });
  const at = (memory: number): { closing: boolean; requests: boolean; connections: boolean } => {
    state.memory = memory;
    clock.advance(250);
    return { closing: manager.closing, requests: manager.refusingRequests, connections: manager.refusingConnections };
  };
  const stat = (name: string): number | undefined => [...stats.named()].find((one) => one.name === name)?.values[0];
  return { clock, state, stats, stat, manager, at, held };
}

describe('memory', () => {
  test('first ends connections, then refuses requests, then connections', () => {
    const { manager, at, state } = fixture();
    manager.watch();
    assert.deepEqual(at(0.8), { closing: false, requests: false, connections: false });
    assert.deepEqual(at(0.86), { closing: true, requests: false, connections: false });
    assert.equal(state.shrunk, 1, 'what can be given back is given back');
    assert.deepEqual(at(0.93), { closing: true, requests: true, connections: false });
    assert.deepEqual(at(0.96), { closing: true, requests: true, connections: true });
    assert.equal(state.reset, 0);
  });

  test('at last closes a tenth of the connections at every look, the newest first', () => {
    const { manager, at, state } = fixture();
    state.connections = 100;
    manager.watch();
    at(0.99);
    assert.equal(state.reset, 10);
    at(0.99);
    assert.equal(state.reset, 19);
    at(0.96);
    assert.equal(state.reset, 28, 'an action ends only somewhat below its threshold');
    at(0.9);
    assert.equal(state.reset, 28);
  });

  test('an action ends below where it began, not at it', () => {
    const { manager, at } = fixture();
    manager.watch();
    at(0.93);
    assert.equal(at(0.9).requests, true);
    assert.equal(at(0.88).requests, false);
    assert.equal(at(0.88).closing, true);
    assert.equal(at(0.81).closing, false);
  });

  test('what can be given back is given back again and again, as long as it is short', () => {
    const { manager, at, state, clock } = fixture();
    manager.watch();
    at(0.96);
    state.connections = 0;
    assert.equal(state.shrunk, 1);
    clock.advance(4500);
    assert.equal(state.shrunk, 1);
    clock.advance(500);
    assert.equal(state.shrunk, 2, 'nobody is let in, so nothing else would collect what those left who went');
    at(0.5);
    clock.advance(60_000);
    assert.equal(state.shrunk, 2);
  });

  test('goes on looking while it refuses, though no connection is left', () => {
    const { manager, at, state } = fixture();
    manager.watch();
    at(0.96);
    state.connections = 0;
    assert.equal(at(0.96).connections, true);
    assert.equal(at(0.5).connections, false, 'and lets go');
  });
});

describe('streams that hold memory', () => {
  const COUNT = 'envoy.overload_actions.reset_high_memory_stream.count';
  const KIB = 1024;

  test('the largest go when the shortage lasts, and what they held is collected before others go', () => {
    const { manager, at, held, state, stat } = fixture();
    held.push(20 * KIB, 900 * KIB, 10 * KIB, 300 * KIB);
    manager.watch();
    for (let look = 0; look < 3; look++) at(0.93);
    assert.equal(held.length, 4, 'a shortage that passes costs nobody anything');
    assert.equal(state.shrunk, 1, 'and first it is given back what can be');
    at(0.93);
    assert.deepEqual(held, [20 * KIB, 10 * KIB, 300 * KIB]);
    assert.equal(state.shrunk, 1);
    at(0.93);
    assert.equal(state.shrunk, 2);
    for (let look = 0; look < 3; look++) at(0.9);
    assert.deepEqual(held, [20 * KIB, 10 * KIB], 'as long as requests are refused');
    for (let look = 0; look < 9; look++) at(0.93);
    assert.deepEqual(held, [10 * KIB], 'who holds next to nothing stays');
    assert.equal(stat(COUNT), 3);
    assert.equal(stat('overload.envoy.overload_actions.reset_high_memory_stream.active'), 1);
  });

  test('nobody goes below the threshold, nor for a loop that lags', () => {
    const { manager, at, held, clock } = fixture();
    held.push(900 * KIB);
    manager.watch();
    for (let look = 0; look < 20; look++) at(0.91);
    for (let look = 0; look < 20; look++) {
      clock.advanceBusy(2000);
      clock.advance(0);
    }
    assert.equal(manager.refusingRequests, true);
    assert.equal(held.length, 1);
  });

  test('the bootstrap says from where on, and who', () => {
    const { manager, at, held, state } = fixture({ from: 0.5, full: 0.6, leastBytes: 1024 * KIB });
    held.push(900 * KIB, 2048 * KIB, 256 * 1024 * KIB);
    manager.watch();
    for (let look = 0; look < 4; look++) at(0.51);
    assert.deepEqual(held, [900 * KIB, 2048 * KIB], 'of the largest class only');
    assert.equal(manager.refusingRequests, false);
    at(0.51);
    assert.equal(state.shrunk, 2, 'also where nothing else is short yet');
    for (let look = 0; look < 8; look++) at(0.6);
    assert.deepEqual(held, [900 * KIB]);
  });
});

describe('lag', () => {
  const late = (clock: FakeClock, looks: number): void => {
    for (let i = 0; i < looks; i++) {
      clock.advanceBusy(1450);
      clock.advance(0);
    }
  };

  test('counts only when it lasts', () => {
    const { clock, manager } = fixture();
    manager.watch();
    late(clock, 7);
    assert.equal(manager.refusingRequests, false);
    late(clock, 1);
    assert.equal(manager.refusingRequests, true);
    clock.advance(250);
    assert.equal(manager.refusingRequests, false, 'one look in time ends it');
  });
});

test('an idle process is not woken', () => {
  const { clock, manager, at, state } = fixture();
  assert.equal(clock.pendingTimers, 0);
  manager.watch();
  manager.watch();
  assert.equal(clock.pendingTimers, 1);
  state.connections = 0;
  at(0.5);
  assert.equal(clock.pendingTimers, 0);
});

test('pressure and actions are statistics', () => {
  const { manager, at, stats } = fixture();
  manager.watch();
  at(0.93);
  const values = new Map([...stats.named()].map((stat) => [stat.name, stat.values[0]]));
  assert.equal(values.get('overload.envoy.resource_monitors.fixed_heap.pressure'), 93);
  assert.equal(values.get('overload.envoy.overload_actions.stop_accepting_requests.active'), 1);
  assert.equal(values.get('overload.envoy.overload_actions.stop_accepting_connections.active'), 0);
});
