// Asking a resolver over real sockets: datagrams, streams, strangers' answers, silence.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { askResolver } from '#io';

const QUERY = Uint8Array.of(0, 7, 1, 2, 3);
const good = (answer: Uint8Array): boolean => answer[1] === 7;

test('over UDP the first answer that fits counts', async () => {
  const server = createSocket('udp4');
  server.on('message', (_, from) => {
    server.send(Uint8Array.of(0, 8), from.port);
    server.send(Uint8Array.of(0, 7, 9), from.port);
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  assert.deepEqual(
    Uint8Array.from((await askResolver(`127.0.0.1#${server.address().port}`, QUERY, 'udp', 60_000, good)) ?? []),
    Uint8Array.of(0, 7, 9),
  );
  server.close();
});

test('silence and a closed port give no answer', async () => {
  const silent = createSocket('udp4');
  await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
  const { port } = silent.address();
  assert.equal(await askResolver(`127.0.0.1#${port}`, QUERY, 'udp', 50, good), undefined);
  await new Promise<void>((resolve) => silent.close(resolve));
  assert.equal(await askResolver(`127.0.0.1#${port}`, QUERY, 'udp', 60_000, good), undefined);
  assert.equal(await askResolver(`127.0.0.1#${port}`, QUERY, 'tcp', 60_000, good), undefined);
});

test('over TCP an answer may come in pieces', async () => {
  const server = createServer((socket) => {
    socket.once('data', (data) => {
      assert.deepEqual(Uint8Array.from(data), Uint8Array.of(0, QUERY.length, ...QUERY));
      socket.write(Uint8Array.of(0));
      setTimeout(() => socket.end(Uint8Array.of(3, 0, 7, 1)), 20);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  assert.deepEqual(
    Uint8Array.from((await askResolver(`127.0.0.1#${port}`, QUERY, 'tcp', 60_000, good)) ?? []),
    Uint8Array.of(0, 7, 1),
  );
  server.close();
});
