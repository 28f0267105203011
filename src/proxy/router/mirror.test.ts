import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, TimerWheel } from '#base';
import { HeaderBlock } from '#wire/http';
import type { ProxyServices } from '../services.ts';
import { heldByMirrors, Mirror } from './mirror.ts';

test('what a copy holds counts until it is given up', () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  let cancelled = 0;
  let released = 0;
  const aim = {
    services: { clock, wheel } as unknown as ProxyServices,
    cluster: { stats: { inc() {}, dec() {} } },
    host: { activeRequests: 0, totalRequests: 0 },
    breaker: { releaseRequest: () => released++ },
    timeoutMs: 1_000,
  } as unknown as ConstructorParameters<typeof Mirror>[0];
  const head = { method: 'POST', path: '/', authority: 'a', scheme: 'http', version: '1.1', protocol: '' } as const;
  const mirror = new Mirror(aim, { ...head, headers: new HeaderBlock() }, false);
  // Its endpoint never answers.
  mirror.start({ request() {}, cancel: () => cancelled++, drain() {}, activeConnections: 0 });
  mirror.data(Buffer.alloc(700), false);
  mirror.data(Buffer.alloc(300), true);
  assert.equal(heldByMirrors([mirror]), 1_000);
  // Its client's request is whole: that one's end is not its own.
  mirror.abandon();
  assert.equal(aim.host.activeRequests, 1);
  clock.advance(1_100);
  assert.deepEqual([heldByMirrors([mirror]), aim.host.activeRequests, cancelled, released], [0, 0, 1, 1]);
  assert.equal(wheel.size, 0);
});
