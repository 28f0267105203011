// HTTP/2 endpoints whose connections carry so many requests and no more (max_requests_per_connection).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { until } from '../../mesh/until.ts';
import { cluster, fetchText, listener, managerFilter, runProxy } from './proxy-fixture.ts';

const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

for (const [most, expected] of [
  [1, [1, 1, 1, 1, 1, 1]],
  [3, [3, 3]],
] as const)
  test(`${most} on each: all are answered, without a retry`, async (t) => {
    const sessions = new Map<ServerHttp2Session, number>();
    const server = createServer((request, response) => {
      const session = request.stream.session as ServerHttp2Session;
      sessions.set(session, (sessions.get(session) ?? 0) + 1);
      // Node refuses what it has not begun when a GOAWAY comes.
      setImmediate(() => response.end('ok'));
    });
    let open = 0;
    server.on('session', (session) => {
      open++;
      session.once('close', () => open--);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const proxy = await runProxy(
      [listener('l', [{ filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }])] }])],
      [
        cluster('app', [(server.address() as AddressInfo).port], {
          typed_extension_protocol_options: {
            [OPTIONS]: {
              '@type': `type.googleapis.com/${OPTIONS}`,
              common_http_protocol_options: { max_requests_per_connection: most },
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        }),
      ],
    );
    t.after(() => proxy.close());
    for (let i = 0; i < 6; i++) assert.equal((await fetchText(proxy.port('l'), '/')).status, 200, `request ${i + 1}`);
    assert.deepEqual([...sessions.values()], expected);
    await until('the spent connections end', () => open === 0);
  });
