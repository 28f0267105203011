import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, type Net } from '#base';
import { CaptureWatch, type CaptureWatchOptions, PROBE_PORT } from './capture-watch.ts';

function setUp(more: Partial<CaptureWatchOptions> = {}) {
  const clock = new FakeClock();
  const said: string[] = [];
  const state = { redirected: true, asked: [] as string[] };
  const net: Pick<Net, 'connect'> = {
    connect: ({ host, port }, handler) => {
      state.asked.push(`${host}:${port}`);
      const closed = (): void => handler.onClose(undefined);
      clock.setTimer(1, () => (state.redirected ? handler.onConnected?.() : closed()));
      return { destroy: closed } as unknown as ReturnType<Net['connect']>;
    },
  };
  const changed = (captured: boolean): void => void said.push(captured ? 'back' : 'lost');
  const watch = new CaptureWatch({ clock, net, address: '10.1.2.3', changed, ...more });
  return { clock, said, state, watch };
}

test('rules that are deleted are missed within five seconds, and their return is told', () => {
  const { clock, said, state, watch } = setUp();
  watch.start();
  clock.advance(10_000);
  assert.deepEqual(said, []);
  assert.deepEqual(state.asked[0], `10.1.2.3:${PROBE_PORT}`);
  state.redirected = false;
  clock.advance(5000);
  assert.deepEqual([said, watch.lost], [['lost'], true]);
  state.redirected = true;
  clock.advance(5000);
  assert.deepEqual([said, watch.lost], [['lost', 'back'], false]);
});

test('one refusal is none', () => {
  const { clock, said, state, watch } = setUp();
  watch.start();
  clock.advance(1000);
  state.redirected = false;
  clock.advance(2000);
  state.redirected = true;
  clock.advance(10_000);
  assert.deepEqual(said, []);
});

test('where nothing was ever redirected nothing is missed', () => {
  const { clock, said, state, watch } = setUp();
  state.redirected = false;
  watch.start();
  clock.advance(60_000);
  assert.deepEqual([said, watch.lost], [[], false]);
});

test('whoever made them misses them at once, where they tell', () => {
  const { clock, said, state, watch } = setUp({ port: 53, made: true });
  state.redirected = false;
  watch.start();
  clock.advance(5000);
  assert.deepEqual([state.asked[0], said], ['10.1.2.3:53', ['lost']]);
});

test('once closed it asks no more', () => {
  const { clock, state, watch } = setUp();
  watch.start();
  clock.advance(3000);
  watch.close();
  const asked = state.asked.length;
  clock.advance(60_000);
  assert.equal(state.asked.length, asked);
});
