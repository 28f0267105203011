import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, TimerWheel } from '#base';
import { H2KeepAlive, type PingedConnection } from './h2-keep-alive.ts';

const SETTINGS = { intervalMs: 1000, timeoutMs: 200, jitter: 0 };

function build(settings = SETTINGS) {
  const clock = new FakeClock();
  const pings: Buffer[] = [];
  const connection = {
    closing: false,
    chunksReceived: 0,
    writer: { ping: (payload: Uint8Array) => pings.push(Buffer.from(payload)) },
    pong: undefined as PingedConnection['pong'],
  };
  let deaths = 0;
  const services = { clock, wheel: new TimerWheel(clock), random: new SeededRandom(1) };
  const keepAlive = new H2KeepAlive(settings, connection, services, () => deaths++);
  const answer = (): void => {
    connection.chunksReceived++;
    connection.pong?.(pings.at(-1) as Buffer);
  };
  return { clock, connection, pings, keepAlive, answer, deaths: () => deaths };
}

test('a peer that answers is asked once an interval and lives on', () => {
  const bed = build();
  for (let n = 1; n <= 5; n++) {
    bed.clock.advance(1020);
    assert.equal(bed.pings.length, n);
    bed.answer();
  }
  assert.equal(bed.deaths(), 0);
});

test('a peer that says nothing is dead once', () => {
  const bed = build();
  bed.clock.advance(1020);
  assert.equal(bed.deaths(), 0);
  bed.clock.advance(60_000);
  assert.equal(bed.deaths(), 1);
  assert.equal(bed.pings.length, 1);
});

test('other bytes before the answer give it more time', () => {
  const bed = build();
  bed.clock.advance(1020);
  for (let i = 0; i < 10; i++) {
    bed.connection.chunksReceived++;
    bed.clock.advance(180);
  }
  assert.equal(bed.deaths(), 0);
  bed.answer();
  bed.clock.advance(1020);
  assert.equal(bed.pings.length, 2);
});

test('somebody else’s PING that comes back is no answer', () => {
  const bed = build();
  bed.clock.advance(1020);
  bed.connection.pong?.(Buffer.from('drainpng'));
  bed.clock.advance(1000);
  assert.equal(bed.deaths(), 1);
});

test('a connection that is over is left alone', () => {
  const bed = build();
  bed.clock.advance(1020);
  bed.keepAlive.stop();
  bed.clock.advance(60_000);
  assert.equal(bed.deaths(), 0);
  const closing = build();
  closing.connection.closing = true;
  closing.clock.advance(60_000);
  assert.equal(closing.pings.length, 0);
});

test('the interval varies by its share', () => {
  const bed = build({ ...SETTINGS, jitter: 0.5 });
  bed.clock.advance(1000);
  assert.equal(bed.pings.length, 0);
  bed.clock.advance(520);
  assert.equal(bed.pings.length, 1);
});
