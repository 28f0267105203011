import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, type Net } from '#base';
import { HealthProbe } from './health-probe.ts';

function setUp() {
  const clock = new FakeClock();
  const said: string[] = [];
  let listens = false;
  const net: Pick<Net, 'connect'> = {
    connect: (_target, handler) => {
      const conn = { destroy: () => {} } as ReturnType<Net['connect']>;
      clock.setTimer(1, () =>
        listens
          ? handler.onConnected?.()
          : handler.onClose({ kind: 'refused', code: 'ECONNREFUSED', message: 'refused' }),
      );
      return conn;
    },
  };
  const probe = new HealthProbe({
    ...{ clock, net, port: 8000 },
    changed: (healthy) => said.push(healthy ? 'healthy' : 'unhealthy'),
    silent: (seconds) => said.push(`silent for ${seconds} s`),
  });
  probe.start();
  return { clock, said, probe, listen: (now: boolean) => (listens = now) };
}

test('an application that does not listen is told of after a few seconds, then once a minute', () => {
  const { clock, said, probe } = setUp();
  clock.advance(4900);
  assert.deepEqual(said, []);
  clock.advance(60_000);
  assert.deepEqual(said, ['silent for 5 s']);
  clock.advance(6000);
  assert.deepEqual(said, ['silent for 5 s', 'silent for 65 s']);
  probe.close();
});

test('an application that answers is healthy, and its later end is no silence', () => {
  const { clock, said, listen, probe } = setUp();
  listen(true);
  clock.advance(200);
  listen(false);
  clock.advance(120_000);
  assert.deepEqual(said, ['healthy', 'unhealthy']);
  assert.equal(probe.healthy, false);
  probe.close();
});
