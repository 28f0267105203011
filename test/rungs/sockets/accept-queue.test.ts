// A listener that ends while connections wait in the kernel's queue: their clients believe them open, and none is reset.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type BoundListener, TYPE_URL } from '../../../src/base/index.ts';
import { cluster, listener, managerFilter, type RunningProxy, runProxy } from './proxy-fixture.ts';

const WAITING = 40;
/** Connects while the proxy's thread stands still, says what it wants, and hears how each connection ended. */
const CLIENTS = `
const { connect } = require('node:net');
const { parentPort, workerData: { port, count, ready, text } } = require('node:worker_threads');
const ends = [];
let open = 0;
for (let i = 0; i < count; i++) {
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(text);
    if (++open === count) { Atomics.store(ready, 0, 1); Atomics.notify(ready, 0); }
  });
  let heard = '';
  let end = '';
  socket.on('data', (data) => { heard += data; if (heard.includes('pong')) socket.end(); });
  socket.on('error', (error) => { end = error.code; });
  socket.on('close', () => {
    ends.push({ heard, end });
    if (ends.length === count) parentPort.postMessage(ends);
  });
}`;

type End = { readonly heard: string; readonly end: string };

/** Resolves with what the clients heard; `then` runs before the proxy could accept any. */
async function whileTheyWait(port: number, text: string, then: () => void): Promise<readonly End[]> {
  const ready = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(CLIENTS, { eval: true, workerData: { port, count: WAITING, ready, text } });
  const ends = new Promise<readonly End[]>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await new Promise<void>((resolve) => void worker.once('online', resolve));
  Atomics.wait(ready, 0, 0, 60_000);
  assert.equal(Atomics.load(ready, 0), 1, 'the clients are connected');
  then();
  return await ends;
}

async function start(t: TestContext): Promise<RunningProxy> {
  const proxy = await runProxy(
    [
      listener('in', [
        {
          filters: [
            managerFilter([
              { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'pong' } } },
            ]),
          ],
        },
      ]),
    ],
    [cluster('none', [1])],
  );
  t.after(() => proxy.close());
  return proxy;
}

const REQUEST = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const check = (ends: readonly End[]): void => {
  assert.deepEqual(
    ends.filter(({ end, heard }) => end !== '' || !/^HTTP\/1\.1 200 /.test(heard)),
    [],
  );
  assert.ok(
    ends.every(({ heard }) => /connection: close/i.test(heard)),
    'each is told that it was once',
  );
};

test('a listener that is removed serves those that wait', async (t) => {
  const proxy = await start(t);
  const ends = await whileTheyWait(proxy.port('in'), REQUEST, () => {
    assert.deepEqual(proxy.handle.proxy.applyResources(TYPE_URL.listener, [], ['in']), []);
  });
  check(ends);
});

test('a proxy that drains does so', async (t) => {
  const proxy = await start(t);
  let over: Promise<void> | undefined;
  const ends = await whileTheyWait(proxy.port('in'), REQUEST, () => {
    over = proxy.handle.drain(60_000);
  });
  await over;
  check(ends);
});

test('a listener that comes back at the same port takes it when the former one has served them', async (t) => {
  const proxy = await start(t);
  const port = proxy.port('in');
  let taken: Promise<BoundListener> | undefined;
  const ends = await whileTheyWait(port, REQUEST, () => {
    assert.deepEqual(proxy.handle.proxy.applyResources(TYPE_URL.listener, [], ['in']), []);
    taken = proxy.handle.proxy.config
      .settled()
      .then(async () => await proxy.handle.proxy.services.net.listen({ host: '127.0.0.1', port }, (c) => c.destroy()));
  });
  check(ends);
  const next = await taken;
  assert.equal(next?.port, port);
  next?.close();
});
