import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, TimerWheel } from '#base';
import type { EarlyNews } from '../network/filter.ts';
import { FirstSpeakers } from './first-speakers.ts';
import type { FilterChain } from './listener-snapshot.ts';
import type { LiveListener } from './live-listener.ts';
import { SilentClient, type Undecided } from './silent-client.ts';

/** A client on a port of which nothing is known yet. */
function silent() {
  const clock = new FakeClock();
  const conn = { holdsUnread: false };
  const events: string[] = [];
  let tell: ((news: EarlyNews) => void) | undefined;
  const terminal = {
    dialEarly: (_: unknown, heard: (news: EarlyNews) => void) => {
      events.push('dialled');
      tell = heard;
      return { abandon: () => void events.push('abandoned') };
    },
  };
  const chain = { filters: [], terminal } as unknown as FilterChain;
  const listener = {
    speakers: new FirstSpeakers(),
    snapshot: { direction: 'inbound', host: '127.0.0.1' },
    services: { clock, wheel: new TimerWheel(clock) },
  } as unknown as LiveListener;
  const connection = {
    conn,
    localAddress: '10.0.0.1',
    localPort: 9000,
    match: () => chain,
    goOnUnseen: () => void events.push('unseen'),
  } as unknown as Undecided;
  const client = new SilentClient(connection, listener);
  return { clock, conn, events, client, chain, hear: (news: EarlyNews) => tell?.(news) };
}

test('who says nothing has its endpoint dialled, once', () => {
  const { clock, events } = silent();
  clock.advance(5000);
  assert.deepEqual(events, ['dialled']);
});

test('who has spoken and was not heard yet is not silent, for as long as that takes', () => {
  const { clock, conn, events, client, chain } = silent();
  conn.holdsUnread = true;
  clock.advance(5000);
  assert.deepEqual(events, []);
  client.spoke();
  assert.equal(client.handOver(chain), undefined);
  clock.advance(5000);
  assert.deepEqual(events, []);
});

test('what an endpoint does decides only when its client has nothing to be heard', () => {
  for (const news of ['spoke', 'left'] as const) {
    const { clock, conn, events, hear } = silent();
    clock.advance(5000);
    conn.holdsUnread = true;
    hear(news);
    clock.advance(5000);
    assert.deepEqual(events, ['dialled']);
    // It was a part of something; more is to come.
    conn.holdsUnread = false;
    clock.advance(5000);
    assert.deepEqual(events, ['dialled', 'unseen']);
  }
});
