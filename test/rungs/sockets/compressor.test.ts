// Responses are compressed as they pass, for clients that take it, by real zlib over real sockets.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { brotliDecompressSync, createGunzip, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { listener, managerFilter, cluster, routerFilter, runProxy, startApp } from './proxy-fixture.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const LIBRARIES = { gzip: 'Gzip', brotli: 'Brotli', zstd: 'Zstd' };
const TEXT = 'All the world is a stage, and all the men and women merely players. '.repeat(3000);

function compressor(library: keyof typeof LIBRARIES, response: object = {}, extra: object = {}): object {
  return {
    name: `compress-${library}`,
    typed_config: {
      '@type': `${TYPE}.filters.http.compressor.v3.Compressor`,
      compressor_library: {
        name: 'text',
        typed_config: { '@type': `${TYPE}.compression.${library}.compressor.v3.${LIBRARIES[library]}` },
      },
      response_direction_config: response,
      ...extra,
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly body: Buffer;
}

type Ask = (accept: string | undefined, method?: string, path?: string) => Promise<Answer>;
type Handle = (request: IncomingMessage, response: ServerResponse) => void;

async function run(t: TestContext, filters: readonly object[], handle: Handle, route: object = {}) {
  const app = await startApp(handle);
  const manager = managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' }, ...route }], {
    http_filters: [...filters, routerFilter],
  });
  const proxy = await runProxy([listener('l', [{ filters: [manager] }])], [cluster('app', [app.port])]);
  t.after(() => (proxy.close(), app.close()));
  const port = proxy.port('l');
  const ask: Ask = (accept, method = 'GET', path = '/') =>
    new Promise((resolve, reject) => {
      const headers = accept === undefined ? {} : { 'accept-encoding': accept };
      const r = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece)).on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            trailers: response.trailers,
            body: Buffer.concat(pieces),
          }),
        );
      });
      r.on('error', reject).end();
    });
  return { port, ask, proxy };
}

const page =
  (headers: Record<string, string> = {}, body = TEXT, status = 200): Handle =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(body);

test('gzip, brotli and zstd: the body is the same, and smaller; the likeliest of a chain compresses', async (t) => {
  const filters = [compressor('gzip'), compressor('brotli'), compressor('zstd')];
  const { ask, proxy } = await run(t, filters, page({ 'content-length': String(TEXT.length) }));
  for (const [accept, encoding, decompress] of [
    ['gzip, br', 'gzip', gunzipSync],
    ['gzip;q=0.9, br', 'br', brotliDecompressSync],
    ['zstd', 'zstd', zstdDecompressSync],
  ] as const) {
    const answer = await ask(accept);
    assert.equal(answer.headers['content-encoding'], encoding);
    assert.equal(answer.headers['content-length'], undefined);
    assert.equal(answer.headers.vary, 'Accept-Encoding');
    assert.equal(decompress(answer.body).toString(), TEXT);
    assert.ok(answer.body.length < TEXT.length / 10);
  }
  const stats = proxy.handle.proxy.services.stats;
  assert.equal(stats.counter('http.test.compressor.text.gzip.response.compressed').value, 1);
  assert.equal(stats.counter('http.test.compressor.text.gzip.response.total_uncompressed_bytes').value, TEXT.length);
});

test('what the client does not take, or is not worth it, passes untouched', async (t) => {
  const cases: readonly [string, Handle, string | undefined, boolean][] = [
    ['no accept-encoding', page(), undefined, true],
    ['another coding', page(), 'deflate', true],
    ['weight 0', page(), 'gzip;q=0', true],
    ['an image', page({ 'content-type': 'image/png' }), 'gzip', false],
    ['too short', page({ 'content-length': '5' }, 'short'), 'gzip', false],
    ['compressed already', page({ 'content-encoding': 'br' }), 'gzip', false],
    ['no-transform', page({ 'cache-control': 'public, no-transform' }), 'gzip', false],
    ['a part', page({ 'content-range': 'bytes 0-9/10' }, TEXT, 206), 'gzip', false],
  ];
  for (const [what, handle, accept, varies] of cases) {
    const { ask } = await run(t, [compressor('gzip')], handle);
    const answer = await ask(accept);
    assert.notEqual(answer.headers['content-encoding'], 'gzip', what);
    assert.equal(answer.headers.vary, varies ? 'Accept-Encoding' : undefined, what);
    assert.ok(answer.body.toString() === TEXT || what === 'too short', what);
  }
});

test('HEAD, 204 and 304 are left as they are', async (t) => {
  const { ask } = await run(t, [compressor('gzip')], (incoming, response) => {
    const status = Number(incoming.url?.slice(1));
    response.writeHead(status, {
      'content-type': 'text/html',
      etag: '"a"',
      ...(status === 200 ? { 'content-length': '1000' } : {}),
    });
    response.end();
  });
  for (const [method, path] of [
    ['HEAD', '/200'],
    ['GET', '/204'],
    ['GET', '/304'],
  ] as const) {
    const { headers } = await ask('gzip', method, path);
    assert.equal(headers['content-encoding'], undefined);
    assert.equal(headers.etag, '"a"');
    if (method === 'HEAD') assert.equal(headers['content-length'], '1000');
  }
});

test('a weak ETag stays, a strong one goes, or forbids it', async (t) => {
  const weak = await (await run(t, [compressor('gzip')], page({ etag: 'W/"a"', vary: 'Origin' }))).ask('gzip');
  assert.equal(weak.headers.etag, 'W/"a"');
  assert.equal(weak.headers.vary, 'Origin, Accept-Encoding');
  const strong = await (await run(t, [compressor('gzip')], page({ etag: '"a"' }))).ask('gzip');
  assert.equal(strong.headers.etag, undefined);
  const kept = compressor('gzip', { disable_on_etag_header: true });
  const forbidden = await (await run(t, [kept], page({ etag: '"a"' }))).ask('gzip');
  assert.equal(forbidden.headers.etag, '"a"');
  assert.equal(forbidden.headers['content-encoding'], undefined);
});

test('accept-encoding is kept from the application where that is asked for, and routes may turn all off', async (t) => {
  const echo: Handle = (incoming, response) =>
    response.writeHead(200, { 'content-type': 'text/plain' }).end(`${incoming.headers['accept-encoding']} ${TEXT}`);
  const removing = compressor('gzip', { remove_accept_encoding_header: true });
  const answer = await (await run(t, [removing], echo)).ask('gzip');
  assert.equal(gunzipSync(answer.body).toString(), `undefined ${TEXT}`);
  const off = {
    typed_per_filter_config: {
      'compress-gzip': { '@type': `${TYPE}.filters.http.compressor.v3.CompressorPerRoute`, disabled: true },
    },
  };
  assert.equal((await (await run(t, [removing], echo, off)).ask('gzip')).body.toString(), `gzip ${TEXT}`);
});

test('each piece is flushed: it arrives before the next one is written', async (t) => {
  let next: () => void = () => {};
  const { port } = await run(t, [compressor('gzip')], (_incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).write('first');
    next = () => response.end(' and last');
  });
  const text = await new Promise<string>((resolve, reject) => {
    const r = request({ host: '127.0.0.1', port, headers: { 'accept-encoding': 'gzip' }, agent: false }, (response) => {
      let seen = '';
      const plain = response.pipe(createGunzip());
      plain.on('data', (piece: Buffer) => {
        seen += piece.toString();
        if (seen === 'first') next();
      });
      plain.on('end', () => resolve(seen)).on('error', reject);
    });
    r.on('error', reject).end();
  });
  assert.equal(text, 'first and last');
});

test('trailers follow behind the whole body', async (t) => {
  const { ask } = await run(t, [compressor('gzip')], (_incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-sum' });
    response.write(TEXT);
    response.addTrailers({ 'x-sum': '42' });
    response.end();
  });
  const answer = await ask('gzip');
  assert.equal(gunzipSync(answer.body).toString(), TEXT);
  assert.equal(answer.trailers['x-sum'], '42');
});

test('a reader that is slow holds the application up, and still gets all of it', async (t) => {
  const blocks = 800;
  let written = 0;
  const { port } = await run(t, [compressor('zstd')], (_incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    const pump = (): void => {
      while (written < blocks) {
        written++;
        // Random bytes do not shrink: what comes out is what came in.
        if (!response.write(randomBytes(65_536))) return void response.once('drain', pump);
      }
      response.end();
    };
    pump();
  });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { 'accept-encoding': 'zstd' };
    request({ host: '127.0.0.1', port, headers, agent: false }, resolve).on('error', reject).end();
  });
  response.pause();
  for (let seen = -1; seen !== written; ) {
    seen = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.ok(written < blocks, `${written} blocks were taken although nobody read`);
  const pieces: Buffer[] = [];
  response.on('data', (piece: Buffer) => pieces.push(piece)).resume();
  await once(response, 'end');
  assert.equal(zstdDecompressSync(Buffer.concat(pieces)).length, blocks * 65_536);
});

test('what it can not do is refused with the field', async () => {
  const route = [{ match: { prefix: '/' }, direct_response: { status: 200 } }];
  for (const [filter, reason] of [
    [compressor('gzip', {}, { request_direction_config: {} }), /request_direction_config/],
    [compressor('gzip', {}, { compressor_library: { name: 'x' } }), /compressor_library/],
  ] as const) {
    const manager = managerFilter(route, { http_filters: [filter, routerFilter] });
    await assert.rejects(runProxy([listener('l', [{ filters: [manager] }])], []), reason);
  }
});
