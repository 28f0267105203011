// A proxy short of memory, over real sockets: whom it sends away, in which order, and that it comes back.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { callPlain } from '../../mesh/plain-calls.ts';
import { type App, cluster, listener, managerFilter, type RunningProxy, runProxy, startApp } from './proxy-fixture.ts';

const WITHIN_MS = 120_000;

describe('short of memory', () => {
  let app: App;
  let proxy: RunningProxy;
  let memory = 0;
  const ask = () => callPlain({ port: proxy.port('in'), headers: { host: 'a' } });
  before(async () => {
    app = await startApp((_, response) => response.end('fine'));
    const routes = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];
    proxy = await runProxy(
      [listener('in', [{ filters: [managerFilter(routes)] }])],
      [cluster('app', [app.port])],
      undefined,
      { memory: () => memory },
    );
  });
  after(() => {
    proxy.close();
    app.close();
  });

  test('requests are refused with 503 and the reason, then connections; it ends with the shortage', async () => {
    const held = await hold(proxy.port('in'), 1);
    assert.equal((await ask()).status, 200);
    memory = 0.93;
    const refused = await until(ask, (answer) => answer.status === 503);
    assert.equal(refused.body, 'envoy overloaded');
    memory = 0.96;
    await until(ask, (answer) => answer.status === 0);
    memory = 0.5;
    const again = await until(ask, (answer) => answer.status === 200);
    assert.equal(again.body, 'fine');
    for (const socket of held) socket.destroy();
  });

  test('at the limit the newest connections go, the oldest stay', async () => {
    const old = await hold(proxy.port('in'), 5);
    await sleep(20);
    const young = await hold(proxy.port('in'), 5);
    memory = 0.985;
    await until(
      () => Promise.resolve(young.filter((socket) => socket.closed).length),
      (closed) => closed >= 3,
    );
    memory = 0;
    assert.deepEqual(
      old.filter((socket) => socket.closed),
      [],
    );
    for (const socket of [...old, ...young]) socket.destroy();
  });
});

/** Connections that have sent half of a request. */
async function hold(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.resume().write('GET / HTTP/1.1\r\n');
    sockets.push(socket);
  }
  return sockets;
}

async function until<T>(look: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  const end = Date.now() + WITHIN_MS;
  for (;;) {
    const value = await look();
    if (is(value) || Date.now() > end) {
      assert.ok(is(value), JSON.stringify(value));
      return value;
    }
    await sleep(50);
  }
}
