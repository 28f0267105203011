// Our gRPC against grpc-js, in both directions, over TCP, TLS and a Unix socket.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, constants } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as grpcJs from '@grpc/grpc-js';
import { silentLogger } from '#base';
import {
  type GrpcDialOptions,
  type GrpcListener,
  grpcDialer,
  gunzip,
  listenGrpc,
  SystemClock,
  SystemRandom,
} from '#io';
import { GRPC_STATUS, GrpcChannel, GrpcServer, unaryMethod } from '#wire/grpc';
import { selfSigned } from './self-signed.ts';

const clock = new SystemClock();
const folder = mkdtempSync(join(tmpdir(), 'grpc-'));
const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(folder, { recursive: true });
});

const same = (bytes: Buffer): Buffer => bytes;
const shape = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const definition = {
  Unary: { path: '/t.Echo/Unary', requestStream: false, responseStream: false, ...shape },
  Bidi: { path: '/t.Echo/Bidi', requestStream: true, responseStream: true, ...shape },
  Fail: { path: '/t.Echo/Fail', requestStream: false, responseStream: false, ...shape },
};

function ourServer(): GrpcServer {
  return new GrpcServer({ clock, gunzip })
    .register(
      '/t.Echo/Unary',
      unaryMethod((request) => request),
    )
    .register('/t.Echo/Bidi', (call) => ({
      onMessage: (bytes) => void call.send(bytes),
      onHalfClose: () => call.end(),
    }))
    .register('/t.Echo/Fail', (call) => {
      call.end({ code: GRPC_STATUS.notFound, message: 'kein ☂ da' }, { 'x-why': 'rain' });
      return { onMessage() {}, onHalfClose() {} };
    });
}

async function listen(options: { host: string; tls?: boolean }): Promise<GrpcListener> {
  const server = ourServer();
  const tls =
    options.tls === true
      ? { tls: { context: selfSigned('server'), check: () => ({ ok: true, verdict: { kind: 'anonymous' } }) as const } }
      : {};
  const listener = await listenGrpc({ host: options.host, port: 0, log: silentLogger, ...tls }, (stream) =>
    server.accept(stream),
  );
  closers.push(() => listener.close());
  return listener;
}

function theirClient(
  target: string,
  credentials: grpcJs.ChannelCredentials,
  options: grpcJs.ChannelOptions = {},
): grpcJs.Client & Record<string, Function> {
  const Client = grpcJs.makeGenericClientConstructor(definition, 't.Echo');
  const client = new Client(target, credentials, options);
  closers.push(() => client.close());
  return client as unknown as grpcJs.Client & Record<string, Function>;
}

function unary(client: Record<string, Function>, method: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client[method]?.(request, (error: Error | null, answer: Buffer) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
}

for (const [name, size] of [
  ['empty', 0],
  ['small', 100],
  ['large', 3_000_000],
] as const) {
  test(`grpc-js as client has a ${name} message echoed by our server`, async () => {
    const { port } = await listen({ host: '127.0.0.1' });
    const client = theirClient(`127.0.0.1:${port}`, grpcJs.credentials.createInsecure());
    const request = Buffer.alloc(size, 7);
    assert.ok((await unary(client, 'Unary', request)).equals(request));
  });
}

test('grpc-js may compress what it sends to us', async () => {
  const { port } = await listen({ host: '127.0.0.1' });
  const client = theirClient(`127.0.0.1:${port}`, grpcJs.credentials.createInsecure(), {
    'grpc.default_compression_algorithm': 2,
  });
  const request = Buffer.alloc(10_000, 7);
  assert.ok((await unary(client, 'Unary', request)).equals(request));
});

test('grpc-js sees our status, message and trailers', async () => {
  const { port } = await listen({ host: '127.0.0.1' });
  const client = theirClient(`127.0.0.1:${port}`, grpcJs.credentials.createInsecure());
  const error = await unary(client, 'Fail', Buffer.alloc(0)).then(
    () => undefined,
    (e: grpcJs.ServiceError) => e,
  );
  assert.equal(error?.code, 5);
  assert.equal(error?.details, 'kein ☂ da');
  assert.deepEqual(error?.metadata.get('x-why'), ['rain']);
});

test('grpc-js streams 200 messages both ways over TLS', async () => {
  const { port } = await listen({ host: '127.0.0.1', tls: true });
  const context = selfSigned('server');
  const client = theirClient(
    `127.0.0.1:${port}`,
    grpcJs.credentials.createSsl(Buffer.from(context.certChainPem as string)),
    { 'grpc.ssl_target_name_override': 'localhost' },
  );
  const stream = client['Bidi']?.() as grpcJs.ClientDuplexStream<Buffer, Buffer>;
  const got: number[] = [];
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (data: Buffer) => got.push(data.readUInt32BE()));
    stream.on('error', reject);
    stream.on('end', resolve);
    for (let i = 0; i < 200; i++) {
      const message = Buffer.alloc(5000);
      message.writeUInt32BE(i);
      stream.write(message);
    }
    stream.end();
  });
  assert.deepEqual(
    got,
    Array.from({ length: 200 }, (_, i) => i),
  );
});

function ourClient(options: GrpcDialOptions): GrpcChannel {
  const channel = new GrpcChannel({ dialer: grpcDialer(options), clock, random: new SystemRandom(), gunzip });
  closers.push(() => channel.close());
  return channel;
}

async function theirServer(): Promise<number> {
  const server = new grpcJs.Server();
  server.addService(definition, {
    Unary: (call: grpcJs.ServerUnaryCall<Buffer, Buffer>, done: grpcJs.sendUnaryData<Buffer>) =>
      done(null, call.request),
    Bidi: (call: grpcJs.ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (data: Buffer) => call.write(data));
      call.on('end', () => call.end());
    },
    Fail: (_call: unknown, done: grpcJs.sendUnaryData<Buffer>) => done({ code: 5, details: 'kein ☂ da' }),
  } as grpcJs.UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpcJs.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  closers.push(() => server.forceShutdown());
  return port;
}

test('our client calls grpc-js: answer, status, and a stream of both directions', async () => {
  const channel = ourClient({ host: '127.0.0.1', port: await theirServer() });
  const request = new Uint8Array(1_000_000).fill(9);
  const answer = await channel.callUnary('/t.Echo/Unary', request);
  assert.ok(answer.ok && Buffer.from(answer.message).equals(request));
  const failed = await channel.callUnary('/t.Echo/Fail', new Uint8Array());
  assert.deepEqual(failed.ok ? undefined : failed.status, { code: GRPC_STATUS.notFound, message: 'kein ☂ da' });
  const missing = await channel.callUnary('/t.Echo/None', new Uint8Array());
  assert.equal(missing.ok ? 0 : missing.status.code, GRPC_STATUS.unimplemented);
  const got: number[] = [];
  const code = await new Promise((resolve) => {
    const call = channel.openStream('/t.Echo/Bidi', {
      onMessage: (m) => got.push(m[0] as number),
      onStatus: (status) => resolve(status.code),
    });
    for (let i = 0; i < 30; i++) call.send(new Uint8Array([i]));
    call.halfClose();
  });
  assert.equal(code, GRPC_STATUS.ok);
  assert.equal(got.length, 30);
});

test('our client and server meet on a Unix socket that nobody else can open', async () => {
  const path = join(folder, 'sds');
  await listen({ host: path });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const answer = await ourClient({ host: path, port: 0 }).callUnary('/t.Echo/Unary', new Uint8Array([1]));
  assert.ok(answer.ok);
});

test('over TLS each side judges the other, and a refused client is cut', async () => {
  const seen: (readonly [number, boolean | undefined])[] = [];
  let accept = true;
  const server = ourServer();
  const context = selfSigned('server');
  const own = selfSigned('client');
  const listener = await listenGrpc(
    {
      host: '127.0.0.1',
      port: 0,
      log: silentLogger,
      tls: {
        context: { ...context, rootsPem: own.certChainPem as string },
        check: ({ chain, pathVerified }) => {
          seen.push([chain.length, pathVerified]);
          return accept ? { ok: true, verdict: { kind: 'anonymous' } } : { ok: false, reason: 'not today' };
        },
      },
    },
    (stream) => server.accept(stream),
  );
  closers.push(() => listener.close());
  const tls = (clientContext = own) => ({
    context: { ...clientContext, rootsPem: context.certChainPem as string },
    alpn: ['h2'],
    sni: 'localhost',
    checkKey: '',
    check: () => ({ ok: true, verdict: { kind: 'anonymous' } }) as const,
  });
  const good = await ourClient({ host: '127.0.0.1', port: listener.port, tls: () => tls() }).callUnary(
    '/t.Echo/Unary',
    new Uint8Array([1]),
  );
  assert.ok(good.ok);
  assert.deepEqual(seen, [[1, true]]);
  const stranger = selfSigned('stranger');
  const bad = await ourClient({ host: '127.0.0.1', port: listener.port, tls: () => tls(stranger) }).callUnary(
    '/t.Echo/Unary',
    new Uint8Array([1]),
  );
  assert.equal(bad.ok ? 0 : bad.status.code, GRPC_STATUS.unavailable);
  // The check is asked for its reason, and cannot accept a chain that does not verify.
  assert.deepEqual(seen.at(-1), [1, false]);
  accept = false;
  const refused = await ourClient({ host: '127.0.0.1', port: listener.port, tls: () => tls() }).callUnary(
    '/t.Echo/Unary',
    new Uint8Array([1]),
  );
  assert.equal(refused.ok ? 0 : refused.status.code, GRPC_STATUS.unavailable);
});

test('a rotated server certificate is used by the next connection', async () => {
  const server = ourServer();
  const first = selfSigned('server');
  const check = () => ({ ok: true, verdict: { kind: 'anonymous' } }) as const;
  const listener = await listenGrpc(
    { host: '127.0.0.1', port: 0, log: silentLogger, tls: { context: first, check } },
    (stream) => server.accept(stream),
  );
  closers.push(() => listener.close());
  const second = selfSigned('server', 'v2');
  const dial = (roots: string) =>
    ourClient({
      host: '127.0.0.1',
      port: listener.port,
      tls: () => ({
        context: { rootsPem: roots, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', version: roots },
        alpn: ['h2'],
        sni: '',
        checkKey: '',
        check,
      }),
    });
  assert.ok((await dial(first.certChainPem as string).callUnary('/t.Echo/Unary', new Uint8Array())).ok);
  listener.setTls(second);
  assert.ok((await dial(second.certChainPem as string).callUnary('/t.Echo/Unary', new Uint8Array())).ok);
  assert.ok(!(await dial(first.certChainPem as string).callUnary('/t.Echo/Unary', new Uint8Array())).ok);
});

test('a call that is reset while it is paused is over', async () => {
  const over = Promise.withResolvers<number>();
  const server = new GrpcServer({ clock }).register('/t.Echo/Paused', (call) => ({
    onMessage: () => call.pause(),
    onHalfClose() {},
    onClosed: ({ code }) => over.resolve(code),
  }));
  const listener = await listenGrpc({ host: '127.0.0.1', port: 0, log: silentLogger }, (stream) =>
    server.accept(stream),
  );
  closers.push(() => listener.close());
  const session = connect(`http://127.0.0.1:${listener.port}`);
  closers.push(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/t.Echo/Paused',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  // A message without content, and what is not read after it.
  stream.write(Buffer.alloc(5), () =>
    stream.write(Buffer.alloc(64 * 1024), () => stream.close(constants.NGHTTP2_NO_ERROR)),
  );
  assert.equal(await over.promise, GRPC_STATUS.cancelled);
});
