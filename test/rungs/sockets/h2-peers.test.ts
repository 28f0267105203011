// Our HTTP/2 codec in both roles against node:http2, an implementation that nobody here wrote.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { ConnHandler } from '#base';
import { SystemNet } from '#io';
import { DEFAULT_H2_LIMITS, H2ClientConnection, H2ServerConnection } from '#wire/h2';
import { type ClientStreamHandler, HeaderBlock, type RequestHead, type ServerStream } from '#wire/http';

const options = { limits: DEFAULT_H2_LIMITS, defer: queueMicrotask };

function head(path: string, method: string): RequestHead {
  return {
    method,
    path,
    authority: 'peer.test',
    scheme: 'http',
    version: '2',
    protocol: '',
    headers: new HeaderBlock(),
  };
}

test('node:http2 as client: a body of 1 MB comes back whole, with trailers', async (t) => {
  const listener = await new SystemNet().listen({ host: '127.0.0.1', port: 0 }, (conn) => {
    conn.handler = new H2ServerConnection(
      conn,
      {
        onRequest(stream: ServerStream) {
          stream.sendHead({ status: 200, headers: new HeaderBlock() }, false);
          const finish = (): void => {
            const trailers = new HeaderBlock();
            trailers.add('x-end', 'yes');
            stream.sendTrailers(trailers);
          };
          return {
            onData(data, end) {
              if (data.length > 0 && !stream.sendData(Buffer.from(data), false)) stream.pause();
              if (end) finish();
            },
            onTrailers: finish,
            onDrain: () => stream.resume(),
            onReset: () => {},
          };
        },
        onProtocolError: () => {},
      },
      options,
    );
  });
  t.after(() => listener.close());
  const session = http2.connect(`http://127.0.0.1:${listener.port}`);
  t.after(() => session.destroy());
  const body = Buffer.alloc(1_000_000, 'abcdefghij');
  const stream = session.request({ ':method': 'POST', ':path': '/echo' });
  const chunks: Buffer[] = [];
  let trailer = '';
  stream.on('trailers', (h) => void (trailer = String(h['x-end'])));
  stream.end(body);
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  assert.ok(Buffer.concat(chunks).equals(body));
  assert.equal(trailer, 'yes');
});

test('node:http2 as server: 200 requests over one connection, bodies and resets included', async (t) => {
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    if (headers[':path'] === '/reset') stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    else {
      stream.respond({ ':status': 200, 'content-type': 'text/plain' });
      stream.end(`path ${String(headers[':path'])}`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const idle: ConnHandler = { onData: () => {}, onEnd: () => {}, onDrain: () => {}, onClose: () => {} };
  const results = await new Promise<Map<string, string>>((resolve) => {
    const seen = new Map<string, string>();
    const done = (path: string, what: string): void => {
      seen.set(path, what);
      if (seen.size === 200) resolve(seen);
    };
    const conn = new SystemNet().connect(
      { host: '127.0.0.1', port: (server.address() as AddressInfo).port, timeoutMs: 60_000 },
      {
        ...idle,
        onConnected: () => {
          const client = new H2ClientConnection(
            conn,
            { onCapacity: () => {}, onGoaway: () => {}, onConnectionClosed: () => {} },
            { ...options, concurrentMax: 1000 },
          );
          conn.handler = client;
          t.after(() => conn.destroy());
          for (let i = 0; i < 200; i++) {
            const path = i % 10 === 3 ? '/reset' : `/${i}`;
            const key = i % 10 === 3 ? `/reset${i}` : path;
            let body = '';
            const handler: ClientStreamHandler = {
              onInformational: () => {},
              onHead: (_h, end) => end && done(key, body),
              onData: (d, end) => {
                body += d.toString('latin1');
                if (end) done(key, body);
              },
              onTrailers: () => {},
              onDrain: () => {},
              onReset: (reason, _detail, processed) => done(key, `${reason} ${processed}`),
            };
            client.open(handler)?.sendHead(head(path, 'GET'), true);
          }
        },
      },
    );
  });
  assert.equal(results.get('/7'), 'path /7');
  assert.equal(results.get('/reset13'), 'refused-stream false');
});
