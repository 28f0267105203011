import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { FakeClock } from '#base';
import { MalformedProtobuf } from '#proto/light.ts';
import { AgentCommandSchema, TapStartSchema } from '#proto/topsail/telemetry/v1/telemetry_pb.ts';
import { StreamRecord, UNKNOWN_PEER } from '#telemetry';
import { TapStation } from './tap-station.ts';

const start = (fields: { readonly pathPrefix?: string; readonly status?: string }): Uint8Array =>
  toBinary(
    AgentCommandSchema,
    create(AgentCommandSchema, {
      command: { case: 'tapStart', value: create(TapStartSchema, { subscription: 7n, perSecondMax: 2, ...fields }) },
    }),
  );
const stop = toBinary(
  AgentCommandSchema,
  create(AgentCommandSchema, { command: { case: 'tapStop', value: { subscription: 7n } } }),
);

function record(path: string, status: number): StreamRecord {
  return Object.assign(new StreamRecord(), { path, responseCode: status, requestId: 'id', endMs: 5 });
}

function listening(): { readonly station: TapStation; readonly clock: FakeClock; readonly told: { path: string }[] } {
  const clock = new FakeClock();
  const station = new TapStation({ clock, local: { ...UNKNOWN_PEER, workload: 'a', namespace: 'd' } });
  const told: { path: string }[] = [];
  station.tell = (_subscription, json) => void told.push(JSON.parse(json) as { path: string });
  return { station, clock, told };
}

test('several threads tap as one: each knows who asks, and together they tell no more than was asked for', () => {
  const main = listening();
  const worker = listening();
  main.station.changed = (asks) => worker.station.take(asks);
  worker.station.tell = (subscription, json) => main.station.relay(subscription, json);
  main.station.onCommand(start({}));
  for (const path of ['/a', '/b']) worker.station.add(record(path, 200), true);
  main.station.add(record('/main', 200), true);
  assert.deepEqual(
    main.told.map(({ path }) => path),
    ['/a', '/b'],
  );
  worker.clock.advance(1000);
  main.clock.advance(1000);
  main.station.onCommand(stop);
  worker.station.add(record('/late', 200), true);
  main.station.relay(7n, '{}');
  assert.equal(main.told.length, 2);
});

test('only what fits is told, and never a query', () => {
  const { station, told } = listening();
  station.onCommand(start({ pathPrefix: '/api', status: '5xx' }));
  for (const one of [record('/api/a?token=secret', 503), record('/api/b', 200), record('/other', 500)])
    station.add(one, true);
  assert.deepEqual(
    told.map((one) => one.path),
    ['/api/a'],
  );
});

test('no more is told in a second than was asked for', () => {
  const { station, clock, told } = listening();
  station.onCommand(start({}));
  for (let i = 0; i < 5; i++) station.add(record('/', 200), false);
  clock.advance(1_000);
  station.add(record('/', 200), false);
  assert.equal(told.length, 3);
});

test('what a workload sends leaves room for what it answers, also when another thread tells it', () => {
  const main = listening();
  const worker = listening();
  worker.station.tell = (subscription, json) => main.station.relay(subscription, json);
  main.station.changed = (asks) => worker.station.take(asks);
  main.station.onCommand(start({}));
  for (let i = 0; i < 5; i++) worker.station.add(record(`/sent-${i}`, 200), false);
  for (let i = 0; i < 5; i++) worker.station.add(record(`/"direction":"outbound"/${i}`, 200), true);
  for (let i = 0; i < 5; i++) main.station.add(record('/late', 200), i % 2 === 0);
  assert.deepEqual(
    main.told.map(({ path }) => path),
    ['/sent-0', '/sent-1', '/"direction":"outbound"/0', '/"direction":"outbound"/1'],
  );
});

test('after its end, or the end of the stream, nothing is told', () => {
  const { station, told } = listening();
  station.onCommand(start({}));
  station.onCommand(stop);
  station.add(record('/', 200), true);
  station.onCommand(start({}));
  station.clear();
  station.add(record('/', 200), true);
  assert.equal(told.length, 0);
});

test('damaged commands are refused by name', () => {
  const { station } = listening();
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        station.onCommand(bytes);
      } catch (error) {
        assert.ok(error instanceof MalformedProtobuf);
      }
    }),
  );
});
