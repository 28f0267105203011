import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '#base';
import { FakeXdsClient, resource, SHORT } from '../testing/fake-client.ts';
import { MapBackend } from './map-backend.ts';
import { XdsServer } from './server.ts';

const NAMES = ['a', 'b', 'c', 'd'];

/** The route's version says which clusters it sends to. */
function snapshot(backend: MapBackend, clusters: readonly string[], version: number): void {
  backend.set({
    [SHORT.CDS]: clusters.map((n) => resource('CDS', n, version % 3 === 0 ? String(version) : '1')),
    [SHORT.EDS]: clusters.map((n) => resource('EDS', n)),
    [SHORT.LDS]: [resource('LDS', 'l')],
    [SHORT.RDS]: [resource('RDS', 'r', clusters.join('') + version)],
  });
}

type Action =
  | { readonly do: 'change'; readonly clusters: readonly string[] }
  | { readonly do: 'answer'; readonly pick: number }
  | { readonly do: 'reject'; readonly pick: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('change' as const), clusters: fc.subarray(NAMES, { minLength: 1 }) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const), pick: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reject' as const), pick: fc.nat(3) }) },
);

for (const variant of ['delta', 'sotw'] as const) {
  test(`${variant}: whatever changes and in whatever order the client answers, its route never sends to a cluster that it does not hold`, () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const clock = new FakeClock();
        const backend = new MapBackend();
        snapshot(backend, ['a'], 1);
        const server = new XdsServer({ backend, clock });
        const client = new FakeXdsClient(server, clock, { variant });
        client.subscribe('CDS');
        client.take();
        client.subscribe('EDS', ['a']).subscribe('LDS').subscribe('RDS', ['r']);
        client.take();
        client.autoAck = false;
        // The route in force: a rejected one leaves the one before.
        let inForce = ['a'];
        let routes: string[] = [];
        const look = (): void => {
          client.take();
          routes = client.versions('RDS');
          const latest = routes.at(-1) ?? 'a1';
          const current = client.rejectedLast('RDS') ? inForce : [...latest.replace(/\d+$/, '')];
          inForce = current;
          const held = new Set(client.held('CDS'));
          for (const name of current) assert.ok(held.has(name), `route to ${name}, clusters ${[...held].join()}`);
          const endpoints = new Set(client.held('EDS'));
          for (const name of current) assert.ok(endpoints.has(name), `route to ${name} without its endpoints`);
        };
        const step = (entry: Action, version: number): void => {
          if (entry.do === 'change') snapshot(backend, entry.clusters, version);
          else {
            const waiting = client.waiting();
            const short = waiting[entry.pick % Math.max(1, waiting.length)];
            if (short === undefined) {
              look();
              return;
            }
            if (entry.do === 'reject' && short === 'RDS') client.answer(short, 'r: no');
            else client.answer(short);
            if (short === 'CDS') client.follow('EDS', client.held('CDS'));
          }
          look();
        };
        actions.forEach((entry, i) => step(entry, i + 2));
        snapshot(backend, ['c'], 999);
        for (let i = 0; i < 100; i++) step({ do: 'answer', pick: 0 }, 0);
        assert.equal(server.status()[0]?.watermark, backend.snapshot(), 'in the end everything is acknowledged');
        assert.deepEqual(client.held('CDS'), ['c']);
      }),
      { numRuns: 150 },
    );
  });
}

test('requests made of arbitrary bytes end a stream with a status, and the server lives on', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }),
      fc.constantFrom('delta' as const, 'sotw' as const),
      (messages, variant) => {
        const clock = new FakeClock();
        const server = new XdsServer({ backend: new MapBackend(), clock });
        const client = new FakeXdsClient(server, clock, { variant });
        for (const message of messages) client.sendRaw(message);
        client.take();
        assert.ok(client.status === undefined || client.status.code !== 13, client.status?.message);
      },
    ),
    { numRuns: 200 },
  );
});
