// gRPC-Web over real sockets: a browser's HTTP/1.1 request reaches a gRPC server, and its trailers come back in the body.
import assert from 'node:assert/strict';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { cluster, fetchText, listener, managerFilter, routerFilter, runProxy } from './proxy-fixture.ts';

const H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};
const WEB = {
  name: 'envoy.filters.http.grpc_web',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb' },
};

async function run(
  t: { after(end: () => void): void },
  plain?: { readonly status: number; readonly trailers: boolean },
) {
  const seen: { type: string; body: string }[] = [];
  const server = createServer();
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream
      .on('error', () => {})
      .on('data', (data: Buffer) => chunks.push(data))
      .on('end', () => {
        seen.push({ type: String(headers['content-type']), body: Buffer.concat(chunks).toString('latin1') });
        if (plain !== undefined) {
          const html = { ':status': plain.status, 'content-type': 'text/html' };
          stream.respond(html, { waitForTrailers: plain.trailers });
          stream.once('wantTrailers', () => stream.sendTrailers({ 'x-more': '1' }));
          stream.end('<html>');
          return;
        }
        stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
        stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }));
        stream.end('ANSWER');
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const manager = managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }], {
    http_filters: [WEB, routerFilter],
  });
  const proxy = await runProxy(
    [listener('l', [{ filters: [manager] }])],
    [cluster('app', [(server.address() as AddressInfo).port], H2)],
  );
  t.after(() => (proxy.close(), server.close()));
  return {
    seen,
    ask: (type: string, body: string, accept = type) =>
      fetchText(proxy.port('l'), '/shop.Books/Get', {
        method: 'POST',
        headers: { 'content-type': type, accept },
        body,
      }),
  };
}

const TRAILERS = '\x80\0\0\0\x24grpc-status:0\r\ngrpc-message:fine\r\n'.replace(
  '\x24',
  String.fromCharCode('grpc-status:0\r\ngrpc-message:fine\r\n'.length),
);

test('binary: the content type changes both ways, the trailers are the last frame', async (t) => {
  const { seen, ask } = await run(t);
  const answer = await ask('application/grpc-web+proto', 'ASKED');
  assert.deepEqual(seen, [{ type: 'application/grpc+proto', body: 'ASKED' }]);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/grpc-web+proto');
  // The fixture reads UTF-8, in which the frame's mark is no character of its own.
  assert.equal(answer.body.replace('\uFFFD', '\x80'), `ANSWER${TRAILERS}`);
});

test('text: both bodies are base64', async (t) => {
  const { seen, ask } = await run(t);
  const answer = await ask(
    'application/grpc-web-text',
    Buffer.from('ASK').toString('base64') + Buffer.from('ED').toString('base64'),
  );
  assert.equal(seen[0]?.body, 'ASKED');
  const decoded = (answer.body.match(/.{4}/g) ?? [])
    .map((piece) => Buffer.from(piece, 'base64').toString('latin1'))
    .join('');
  assert.equal(decoded, `ANSWER${TRAILERS}`);
});

test('the answer is in what the client accepts, whatever it asked in', async (t) => {
  const { seen, ask } = await run(t);
  const plain = await ask('application/grpc-web-text', Buffer.from('ASKED').toString('base64'), '*/*');
  assert.equal(seen[0]?.body, 'ASKED');
  assert.equal(plain.headers['content-type'], 'application/grpc-web+proto');
  assert.equal(plain.body.replace('\uFFFD', '\x80'), `ANSWER${TRAILERS}`);
  const text = await ask('application/grpc-web+proto', 'ASKED', 'application/grpc-web-text');
  assert.equal(text.headers['content-type'], 'application/grpc-web-text+proto');
  assert.ok(text.body.startsWith(Buffer.from('ANSWER').toString('base64')));
});

test('text that is no base64 is refused', async (t) => {
  const { ask } = await run(t);
  // As gRPC says it: by its status, not HTTP's.
  const answer = await ask('application/grpc-web-text', 'a!b?');
  assert.deepEqual(
    [answer.headers['grpc-status'], answer.headers['content-type']],
    ['13', 'application/grpc-web-text+proto'],
  );
});

test("an answer that is no gRPC's says so by a status, without its body", async (t) => {
  for (const [status, grpcStatus] of [
    [200, '2'],
    [404, '12'],
    [503, '14'],
  ] as const)
    for (const trailers of [false, true])
      for (const type of ['application/grpc-web+proto', 'application/grpc-web-text+proto']) {
        const { ask } = await run(t, { status, trailers });
        const answer = await ask(type, '');
        assert.equal(answer.status, status);
        assert.equal(answer.headers['grpc-status'], grpcStatus);
        assert.equal(answer.headers['content-type'], type);
        assert.match(String(answer.headers['grpc-message']), /not with gRPC/);
        assert.equal(answer.body, '');
      }
});
