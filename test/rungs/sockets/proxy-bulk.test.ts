// Bulk through the proxy, byte for byte: buffers are read into again as soon as nobody needs them, and never before.
// Slow readers, retries and mirrors keep bytes beyond the read that brought them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type ClientHttp2Session, createServer as createH2Server, connect as connectH2, constants } from 'node:http2';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, test } from 'node:test';
import {
  type App,
  cluster,
  listener,
  managerFilter,
  type RunningProxy,
  runProxy,
  startApp,
  tcpFilter,
} from './proxy-fixture.ts';

const BYTES = 6 << 20;
/** Every 4 bytes tell where they are: what is overwritten or out of place shows. */
const pattern = Buffer.alloc(BYTES);
for (let i = 0; i < BYTES; i += 4) pattern.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const WHOLE = digest(pattern);

const H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

async function collect(stream: AsyncIterable<unknown>, slowly: boolean): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream) {
    pieces.push(piece as Buffer);
    bytes += (piece as Buffer).length;
    if (slowly && bytes > 200_000) {
      bytes = 0;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  return Buffer.concat(pieces);
}

/** Sends the pattern and reads what comes back. */
async function echoed(port: number, slowly: boolean): Promise<string> {
  const response = await new Promise<AsyncIterable<unknown>>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/', agent: false }, resolve);
    sent.on('error', reject);
    sent.end(pattern);
  });
  return digest(await collect(response, slowly));
}

const route = (action: object): object[] => [{ match: { prefix: '/' }, route: { cluster: 'app', ...action } }];

async function proxyTo(app: App, action: object = {}, more: readonly object[] = []): Promise<RunningProxy> {
  return await runProxy(
    [listener('in', [{ filters: [managerFilter(route(action))] }])],
    [cluster('app', [app.port]), ...more],
  );
}

describe('6 MB both ways over HTTP/1.1', () => {
  for (const slowly of [false, true])
    test(slowly ? 'to a slow reader' : 'as fast as it goes', async (t) => {
      const app = await startApp((asked, answer) => void asked.pipe(answer));
      const proxy = await proxyTo(app);
      t.after(() => (proxy.close(), app.close()));
      const all = await Promise.all([1, 2, 3, 4].map(() => echoed(proxy.port('in'), slowly)));
      assert.deepEqual(all, [WHOLE, WHOLE, WHOLE, WHOLE]);
    });
});

test('an answer of 1 MB that comes in one piece is whole, again and again', async (t) => {
  const whole = Buffer.concat([
    Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 1048576\r\n\r\n'),
    pattern.subarray(0, 1 << 20),
  ]);
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => void socket.write(whole));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const proxy = await runProxy([listener('in', [{ filters: [managerFilter(route({}))] }])], [cluster('app', [port])]);
  t.after(() => (proxy.close(), server.close()));
  for (let i = 0; i < 5; i++) {
    const answer = await fetch(`http://127.0.0.1:${proxy.port('in')}/`);
    assert.equal(digest(Buffer.from(await answer.arrayBuffer())), digest(pattern.subarray(0, 1 << 20)));
  }
});

/** Sends the body in two parts, so that the second is read where the first was. */
async function postInParts(port: number, body: Buffer, path = '/'): Promise<string> {
  const answer = await new Promise<AsyncIterable<unknown>>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', agent: false }, resolve);
    sent.on('error', reject);
    sent.setHeader('content-length', body.length);
    sent.write(body.subarray(0, body.length / 2));
    setTimeout(() => sent.end(body.subarray(body.length / 2)), 20);
  });
  return digest(await collect(answer, false));
}

test('a mirror gets the same bytes as the first', async (t) => {
  const part = pattern.subarray(0, 100_000);
  const seen: string[] = [];
  // Every copy needs a new connection, while the first's is there: the copy is kept, the first is not.
  const shadow = await startApp((asked, answer) => {
    void collect(asked, false).then((bytes) => {
      seen.push(digest(bytes));
      answer.setHeader('connection', 'close').end();
    });
  });
  const app = await startApp((asked, answer) => void asked.pipe(answer));
  const mirrored = { cluster: 'app', request_mirror_policies: [{ cluster: 'shadow' }] };
  const routes = [
    { match: { path: '/warm' }, route: { cluster: 'app' } },
    { match: { prefix: '/' }, route: mirrored },
  ];
  const proxy = await runProxy(
    [listener('in', [{ filters: [managerFilter(routes)] }])],
    [cluster('app', [app.port]), cluster('shadow', [shadow.port])],
  );
  t.after(() => (proxy.close(), app.close(), shadow.close()));
  await postInParts(proxy.port('in'), part, '/warm');
  for (let i = 0; i < 5; i++) assert.equal(await postInParts(proxy.port('in'), part), digest(part));
  for (let i = 0; i < 200 && seen.length < 5; i++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(
    seen,
    Array.from({ length: 5 }, () => digest(part)),
  );
});

test('what a retry sends again is what was sent first', async (t) => {
  const part = pattern.subarray(0, 60_000);
  const seen: string[] = [];
  const app = await startApp((asked, answer) => {
    void collect(asked, false).then((bytes) => {
      seen.push(digest(bytes));
      answer.statusCode = seen.length % 3 === 0 ? 200 : 503;
      answer.end();
    });
  });
  const proxy = await proxyTo(app, { retry_policy: { retry_on: '5xx', num_retries: 3 } });
  t.after(() => (proxy.close(), app.close()));
  for (let i = 0; i < 4; i++) await postInParts(proxy.port('in'), part);
  assert.deepEqual(
    seen,
    Array.from({ length: 12 }, () => digest(part)),
  );
});

describe('6 MB both ways over HTTP/2', () => {
  for (const slowly of [false, true])
    test(slowly ? 'to a slow reader' : 'as fast as it goes', async (t) => {
      const server = createH2Server({ maxSessionMemory: 200 });
      server.on('stream', (stream) => {
        stream.on('error', () => {});
        stream.respond({ ':status': 200 });
        stream.pipe(stream);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const proxy = await runProxy(
        [listener('in', [{ filters: [managerFilter(route({}), { codec_type: 'HTTP2' })] }])],
        [cluster('app', [port], H2)],
      );
      const session = connectH2(`http://127.0.0.1:${proxy.port('in')}`, { maxSessionMemory: 200 });
      t.after(() => (session.destroy(), proxy.close(), server.close()));
      const one = async (): Promise<string> => {
        const stream = session.request({ ':method': 'POST', ':path': '/' });
        stream.end(pattern);
        return digest(await collect(stream, slowly));
      };
      assert.deepEqual(await Promise.all([one(), one(), one()]), [WHOLE, WHOLE, WHOLE]);
    });
});

/** Asks for a large answer and cancels it when a part is there; the status. */
function cancelled(session: ClientHttp2Session): Promise<number> {
  return new Promise((resolve) => {
    let status = 0;
    let bytes = 0;
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => {});
    stream.on('response', (head) => void (status = Number(head[':status'])));
    stream.on('data', (data: Buffer) => {
      bytes += data.length;
      if (bytes > 100_000) stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('close', () => resolve(status));
  });
}

// Node's server never forgets the memory of answers that were cancelled, and from 10 MB on refuses every stream of the connection.
test('an endpoint that has had enough of one connection is asked on another', async (t) => {
  const server = createH2Server();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.end(pattern.subarray(0, 1 << 20));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const proxy = await runProxy(
    [listener('in', [{ filters: [managerFilter(route({}), { codec_type: 'HTTP2' })] }])],
    [cluster('app', [port], H2)],
  );
  const session = connectH2(`http://127.0.0.1:${proxy.port('in')}`);
  t.after(() => (session.destroy(), proxy.close(), server.close()));
  let refused = 0;
  for (let i = 0; i < 60; i++) if ((await cancelled(session)) !== 200) refused++;
  assert.ok(refused <= 10, `${refused} of 60 requests were refused`);
});

test('clients that read nothing of an endless answer make the proxy hold a part of it, not more and more', async (t) => {
  const piece = Buffer.alloc(64 * 1024, 'x');
  let given = 0;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    const pour = (): void => {
      do given += piece.length;
      while (socket.write(piece));
    };
    socket.on('drain', pour);
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n');
      pour();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const tcp = tcpFilter();
  const proxy = await runProxy(
    [listener('http', [{ filters: [managerFilter(route({}))] }]), listener('tcp', [{ filters: [tcp] }])],
    [cluster('app', [port])],
  );
  const clients = ['http', 'tcp'].flatMap((name) =>
    Array.from({ length: 20 }, () => {
      const socket = connect(proxy.port(name), '127.0.0.1');
      socket.on('error', () => socket.destroy());
      socket.pause();
      socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      return socket;
    }),
  );
  t.after(() => {
    for (const socket of clients) socket.destroy();
    proxy.close();
    server.close();
  });
  const before = process.memoryUsage().arrayBuffers;
  // Until the kernel's buffers on the way are full and nothing moves.
  for (let last = -1, still = 0; still < 10; last = given) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    still = given === last && given > 0 ? still + 1 : 0;
  }
  const held = process.memoryUsage().arrayBuffers - before;
  assert.ok(held < 40 * 1024 * 1024, `${(held / 2 ** 20).toFixed(0)} MB are held for 40 clients`);
});
