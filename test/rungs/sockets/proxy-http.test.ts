import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectH2, constants, createServer as createH2Server } from 'node:http2';
import { type AddressInfo, createServer, connect as tcpConnect } from 'node:net';
import { test } from 'node:test';
import {
  cluster,
  fetchText,
  listener,
  managerFilter,
  routerFilter,
  runProxy,
  startApp,
  tcpFilter,
} from './proxy-fixture.ts';

const OVER_H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

test('a request reaches the application and its answer the client', async (t) => {
  const app = await startApp((request, response) => {
    let body = '';
    request.on('data', (piece) => (body += piece));
    request.on('end', () =>
      response.end(
        JSON.stringify({
          path: request.url,
          host: request.headers.host,
          xfp: request.headers['x-forwarded-proto'],
          id: request.headers['x-request-id'],
          body,
        }),
      ),
    );
  });
  const proxy = await runProxy(
    [
      listener('l', [
        { filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app', prefix_rewrite: '/new/' } }])] },
      ]),
    ],
    [cluster('app', [app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  const answer = await fetchText(proxy.port('l'), '/old?x=1', {
    method: 'POST',
    headers: { host: 'shop.example' },
    body: 'hello',
  });
  const seen = JSON.parse(answer.body) as Record<string, string>;
  assert.equal(answer.status, 200);
  assert.equal(seen['path'], '/new/old?x=1');
  assert.equal(seen['host'], 'shop.example');
  assert.equal(seen['xfp'], 'http');
  assert.match(seen['id'] ?? '', /^[0-9a-f-]{36}$/);
  assert.equal(seen['body'], 'hello');
  assert.equal(answer.headers['server'], 'envoy');
});

test('large bodies pass both ways unchanged', async (t) => {
  const app = await startApp((request, response) => void request.pipe(response));
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }])] }])],
    [cluster('app', [app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  const body = Array.from({ length: 200_000 }, (_, i) => `line ${i}`).join('\n');
  const answer = await fetchText(proxy.port('l'), '/', { method: 'POST', body });
  assert.equal(answer.body.length, body.length);
  assert.equal(answer.body, body);
});

test("what goes wrong upstream is told in Envoy's words", async (t) => {
  const proxy = await runProxy(
    [
      listener('l', [
        {
          filters: [
            managerFilter([
              { match: { path: '/none' }, route: { cluster: 'none' } },
              { match: { path: '/dead' }, route: { cluster: 'dead' } },
              { match: { path: '/empty' }, route: { cluster: 'empty' } },
              { match: { path: '/moved' }, redirect: { host_redirect: 'other.example', response_code: 'FOUND' } },
              { match: { path: '/said' }, direct_response: { status: 418, body: { inline_string: 'tea' } } },
            ]),
          ],
        },
      ]),
    ],
    [cluster('dead', [1]), cluster('empty', [])],
  );
  t.after(() => proxy.close());
  const port = proxy.port('l');
  assert.deepEqual([(await fetchText(port, '/none')).status, (await fetchText(port, '/nowhere')).status], [503, 404]);
  const dead = await fetchText(port, '/dead');
  assert.equal(dead.status, 503);
  assert.match(
    dead.body,
    /^upstream connect error or disconnect\/reset before headers\. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused$/,
  );
  assert.equal((await fetchText(port, '/empty')).body, 'no healthy upstream');
  const moved = await fetchText(port, '/moved', { headers: { host: 'a.example' } });
  assert.deepEqual([moved.status, moved.headers['location']], [302, 'http://other.example/moved']);
  const said = await fetchText(port, '/said');
  assert.deepEqual([said.status, said.body], [418, 'tea']);
});

test('a refused connection is retried on the other endpoint', async (t) => {
  const app = await startApp((request, response) => response.end(String(request.headers['x-envoy-attempt-count'])));
  const proxy = await runProxy(
    [
      listener('l', [
        {
          filters: [
            managerFilter([
              {
                match: { prefix: '/' },
                route: {
                  cluster: 'app',
                  retry_policy: {
                    retry_on: 'connect-failure',
                    num_retries: 3,
                    retry_host_predicate: [
                      {
                        name: 'p',
                        typed_config: {
                          '@type':
                            'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
                        },
                      },
                    ],
                    host_selection_retry_max_attempts: 5,
                  },
                },
              },
            ]),
          ],
        },
      ]),
    ],
    [cluster('app', [1, app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  for (let i = 0; i < 10; i++)
    assert.equal((await fetchText(proxy.port('l'), '/', { method: 'POST', body: 'work' })).status, 200);
});

test("a slow application is answered for after the route's time", async (t) => {
  const app = await startApp(() => {});
  const proxy = await runProxy(
    [
      listener('l', [
        { filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0.1s' } }])] },
      ]),
    ],
    [cluster('app', [app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  const answer = await fetchText(proxy.port('l'), '/');
  assert.deepEqual([answer.status, answer.body], [504, 'upstream request timeout']);
});

test('a kept connection that the application has closed costs no request', async (t) => {
  let served = 0;
  const server = createServer((socket) => {
    // Answers once, then closes as soon as a second request arrives.
    let first = true;
    socket.on('error', () => {});
    socket.on('data', () => {
      if (!first) {
        socket.destroy();
        return;
      }
      first = false;
      served++;
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as { port: number }).port;
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }])] }])],
    [cluster('app', [port])],
  );
  t.after(() => (proxy.close(), server.close()));
  for (let i = 0; i < 5; i++) assert.equal((await fetchText(proxy.port('l'), '/')).body, 'ok');
  assert.equal(served, 5);
});

test('an answer that breaks off is an error to a client of HTTP/2, not one that it cancelled', async (t) => {
  const app = await startApp((_, response) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('half', () => response.socket?.destroy());
  });
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }])] }])],
    [cluster('app', [app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  const session = connectH2(`http://127.0.0.1:${proxy.port('l')}`);
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => {});
  stream.resume();
  await new Promise((closed) => stream.once('close', closed));
  assert.equal(stream.rstCode, constants.NGHTTP2_INTERNAL_ERROR);
  session.destroy();
});

test('a websocket passes bytes both ways', async (t) => {
  const app = await startApp(() => {});
  app.server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('data', (data: Buffer) => socket.write(data.toString().toUpperCase()));
    socket.on('error', () => {});
  });
  const proxy = await runProxy(
    [
      listener('l', [
        {
          filters: [
            managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }], {
              upgrade_configs: [{ upgrade_type: 'websocket' }],
            }),
          ],
        },
      ]),
    ],
    [cluster('app', [app.port])],
  );
  t.after(() => (proxy.close(), app.close()));
  const socket = tcpConnect(proxy.port('l'), '127.0.0.1');
  socket.write('GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly ');
  let text = '';
  socket.on('data', (data) => (text += data.toString()));
  while (!text.includes('EARLY')) await once(socket, 'data');
  socket.write('late');
  while (!text.includes('LATE')) await once(socket, 'data');
  assert.match(text, /^HTTP\/1\.1 101 /);
  socket.destroy();
});

test('a tunnel whose application ended first is closed when the client goes', async (t) => {
  const app = await startApp(() => {});
  const closed = new Promise<void>((resolve) => {
    app.server.on('upgrade', (_request, socket) => {
      socket.once('close', () => resolve());
      socket.resume().end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbye');
    });
  });
  t.after(() => app.close());
  const proxy = await runProxy(
    [
      listener('l', [
        {
          filters: [
            managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }], {
              upgrade_configs: [{ upgrade_type: 'websocket' }],
            }),
          ],
        },
      ]),
    ],
    [cluster('app', [app.port])],
  );
  t.after(() => proxy.close());
  const socket = tcpConnect(proxy.port('l'), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  let text = '';
  socket.on('data', (data) => (text += data.toString()));
  while (!text.endsWith('bye')) await once(socket, 'data');
  socket.destroy();
  await closed;
});

test('TCP passes bytes and ends both ways', async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    socket.on('end', () => socket.end(`got ${text.length}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await runProxy(
    [
      listener('l', [
        {
          filters: [tcpFilter()],
        },
      ]),
    ],
    [cluster('app', [(server.address() as { port: number }).port])],
  );
  t.after(() => (proxy.close(), server.close()));
  const socket = tcpConnect({ port: proxy.port('l'), host: '127.0.0.1', allowHalfOpen: true });
  socket.end('x'.repeat(1_000_000));
  let text = '';
  socket.on('data', (data) => (text += data.toString()));
  await once(socket, 'end');
  assert.equal(text, 'got 1000000');
  socket.destroy();
});

test('an unknown filter is refused as Envoy refuses it', async () => {
  const bad = {
    name: 'my.filter',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
  };
  await assert.rejects(
    runProxy(
      [
        listener('l', [
          {
            filters: [
              {
                ...bad,
                typed_config: {
                  '@type': 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer',
                  max_request_bytes: 1,
                },
              },
            ],
          },
        ]),
      ],
      [],
    ),
    /Didn't find a registered implementation for 'my\.filter' with type URL: 'envoy\.extensions\.filters\.http\.buffer\.v3\.Buffer'/,
  );
});

test('whoever waits for 100 before a body that is too large is answered 413 at once', async (t) => {
  const app = await startApp((request, response) => {
    request.resume();
    request.on('end', () => response.end('got it'));
  });
  const type = 'type.googleapis.com';
  const limits = {
    streamed: { name: 'topsail.filters.http.body_limit', '@type': `${type}/topsail.filters.v1.BodyLimit` },
    collected: {
      name: 'envoy.filters.http.buffer',
      '@type': `${type}/envoy.extensions.filters.http.buffer.v3.Buffer`,
    },
  };
  const listeners = Object.entries(limits).map(([name, limit]) => {
    const filter = { name: limit.name, typed_config: { '@type': limit['@type'], max_request_bytes: 10 } };
    const routes = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];
    return listener(name, [{ filters: [managerFilter(routes, { http_filters: [filter, routerFilter] })] }]);
  });
  const proxy = await runProxy(listeners, [cluster('app', [app.port])]);
  t.after(() => (proxy.close(), app.close()));
  for (const name of Object.keys(limits)) {
    const statuses = async (length: number): Promise<string[]> => {
      const socket = tcpConnect(proxy.port(name), '127.0.0.1');
      socket.write(
        `POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n`,
      );
      let text = '';
      let sent = false;
      socket.on('data', (data) => {
        text += data.toString();
        if (sent || !text.startsWith('HTTP/1.1 100 Continue\r\n\r\n')) return;
        sent = true;
        socket.write('x'.repeat(length));
      });
      await once(socket, 'end');
      socket.destroy();
      return text.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];
    };
    assert.deepEqual(await statuses(10), ['100', '200'], name);
    assert.deepEqual(await statuses(11), ['413'], name);
  }
});

test('a hint before the response says nothing of a body', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () =>
      socket.write(
        'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-length: 3\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
      ),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];
  const proxy = await runProxy(
    [listener('in', [{ filters: [managerFilter(routes)] }])],
    [cluster('app', [(server.address() as AddressInfo).port])],
  );
  const socket = tcpConnect(proxy.port('in'), '127.0.0.1');
  t.after(() => (socket.destroy(), proxy.close(), server.close()));
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  let text = '';
  for await (const piece of socket) if ((text += String(piece)).endsWith('ok')) break;
  assert.match(text, /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\ncontent-length: 2\r\n/);
});

test('what an endpoint answers wrongly on a kept HTTP/2 connection is not asked again', async (t) => {
  const server = createH2Server();
  let asked = 0;
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    if (headers[':path'] === '/fine') return stream.respond({ ':status': 200 }, { endStream: true });
    asked++;
    if (headers[':path'] === '/reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else stream.respond({ ':status': 200, 'content-length': '7' }, { endStream: true });
  });
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];
  const proxy = await runProxy(
    [listener('in', [{ filters: [managerFilter(routes)] }])],
    [cluster('app', [(server.address() as AddressInfo).port], OVER_H2)],
  );
  t.after(() => (proxy.close(), server.close()));
  assert.equal((await fetchText(proxy.port('in'), '/fine')).status, 200);
  assert.equal((await fetchText(proxy.port('in'), '/malformed')).status, 502);
  assert.equal((await fetchText(proxy.port('in'), '/reset')).status, 503);
  assert.equal(asked, 2);
});
