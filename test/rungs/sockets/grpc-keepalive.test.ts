// A connection on which nothing comes through any more: whoever ends its calls says why, on the stream and in the log.
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { type Logger, silentLogger } from '#base';
import { grpcDialer, listenGrpc, SystemClock, SystemRandom } from '#io';
import { GRPC_STATUS, GrpcChannel, GrpcServer, type GrpcStatus } from '#wire/grpc';

const clock = new SystemClock();
const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
});

/** Passes bytes on until a side is told to swallow. */
async function relay(toPort: number): Promise<{ port: number; swallow: (from: 'client' | 'server') => void }> {
  const swallowed = new Set<'client' | 'server'>();
  const sockets = new Set<Socket>();
  const pass = (from: 'client' | 'server', source: Socket, target: Socket): void => {
    sockets.add(source);
    source.on('error', () => {});
    source.on('close', () => target.destroy());
    source.on('data', (data) => {
      if (!swallowed.has(from)) target.write(data);
    });
  };
  const server = createServer((client) => {
    const upstream = connect(toPort, '127.0.0.1');
    pass('client', client, upstream);
    pass('server', upstream, client);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, swallow: (from) => void swallowed.add(from) };
}

const noKeepalive = { keepaliveMs: 0 };
const shortKeepalive = { keepaliveMs: 20, keepaliveTimeoutMs: 100 };
const UNANSWERED: GrpcStatus = { code: GRPC_STATUS.unavailable, message: 'no answer to a PING within 100 ms' };

/** One open call over the relay, which swallows one direction once the call is up; what each side was told. */
async function cutCall(pings: 'client' | 'server', swallow: 'client' | 'server') {
  const warnings: unknown[] = [];
  const log: Logger = { ...silentLogger, warn: (message, fields) => void warnings.push([message, fields]) };
  let serverStatus: GrpcStatus | undefined;
  const server = new GrpcServer({ clock }).register('/t.Echo/Bidi', (call) => ({
    onMessage: (bytes) => void call.send(bytes),
    onHalfClose: () => call.end(),
    onClosed: (status) => {
      serverStatus = status;
    },
  }));
  const listener = await listenGrpc(
    { host: '127.0.0.1', port: 0, log, ...(pings === 'server' ? shortKeepalive : noKeepalive) },
    (stream) => server.accept(stream),
  );
  closers.push(() => listener.close());
  const path = await relay(listener.port);
  const channel = new GrpcChannel({
    dialer: grpcDialer({ host: '127.0.0.1', port: path.port }),
    clock,
    random: new SystemRandom(),
    ...(pings === 'client' ? shortKeepalive : noKeepalive),
  });
  closers.push(() => channel.close());
  const clientStatus = await new Promise<GrpcStatus>((resolve) => {
    const call = channel.openStream('/t.Echo/Bidi', {
      onMessage: () => path.swallow(swallow),
      onStatus: resolve,
    });
    call.send(new Uint8Array([1]));
  });
  return { clientStatus, serverStatus, warnings };
}

test('a server that gives a silent client up tells it why, and its log from where it came', async () => {
  const { clientStatus, serverStatus, warnings } = await cutCall('server', 'client');
  assert.deepEqual(clientStatus, UNANSWERED);
  assert.deepEqual(serverStatus, UNANSWERED);
  assert.deepEqual(warnings, [
    ['a gRPC connection is ended', { peer: '127.0.0.1', calls: 1, reason: UNANSWERED.message }],
  ]);
});

test('a client that gives a silent server up does not say that the server ended the stream', async () => {
  const { clientStatus } = await cutCall('client', 'server');
  assert.deepEqual(clientStatus, UNANSWERED);
});
