// Never two leaders: a lease changes hands when it is given back or runs out, and who cannot renew steps down first.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import { KubeClient } from './client.ts';
import { LeaderElection } from './leader-election.ts';
import type { KubeObject } from './object.ts';
import { FakeApi, reply, settle } from './testing/fake-api.ts';

/** One lease, with the API server's optimistic locking. */
class LeaseServer extends FakeApi {
  lease: KubeObject | undefined;
  #version = 0;
  /** Replicas that cannot reach it. */
  readonly cut = new Set<string>();

  transportOf(identity: string): FakeApi {
    const api = new FakeApi();
    api.answer = ({ method, body }) => {
      if (this.cut.has(identity)) return undefined;
      if (method === 'GET') return this.lease === undefined ? reply(404, {}) : reply(200, this.lease);
      const object = JSON.parse(body ?? '{}') as KubeObject;
      if (method === 'POST' && this.lease !== undefined) return reply(409, { reason: 'AlreadyExists' });
      if (method === 'PUT' && object.metadata.resourceVersion !== this.lease?.metadata.resourceVersion)
        return reply(409, { reason: 'Conflict' });
      this.lease = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
      return reply(200, this.lease);
    };
    return api;
  }
}

function begin() {
  const clock = new FakeClock();
  const server = new LeaseServer();
  const make = (identity: string): LeaderElection => {
    const client = new KubeClient({ transport: server.transportOf(identity), fieldManager: 'test' });
    return new LeaderElection({
      client,
      clock,
      random: new SeededRandom(identity.length),
      log: silentLogger,
      namespace: 'istio-system',
      lease: 'l',
      identity,
      changed: () => {},
    });
  };
  const pass = async (ms: number, look: () => void = () => {}): Promise<void> => {
    for (let t = 0; t < ms; t += 500) {
      clock.advance(500);
      await settle();
      look();
    }
  };
  return { clock, server, make, pass };
}

describe('leader election', () => {
  it('makes one of two the leader, and the other when the first gives the lease back', async () => {
    const { make, pass } = begin();
    const [a, b] = [make('a'), make('bb')];
    a.start();
    await settle();
    b.start();
    await pass(20_000);
    assert.deepEqual([a.leading, b.leading], [true, false]);
    await a.close();
    await pass(15_000);
    assert.deepEqual([a.leading, b.leading], [false, true]);
  });

  it('never has two leaders while one is cut off, and has one again after the lease ran out', async () => {
    const { server, make, pass } = begin();
    const [a, b] = [make('a'), make('bb')];
    a.start();
    await settle();
    b.start();
    await pass(10_000);
    server.cut.add('a');
    await pass(60_000, () => assert.ok(!(a.leading && b.leading)));
    assert.deepEqual([a.leading, b.leading], [false, true]);
    server.cut.delete('a');
    await pass(60_000, () => assert.ok(!(a.leading && b.leading)));
    assert.equal(b.leading, true);
  });
});
