// max_connections of a cluster with several endpoints: it bounds what they have together, and shuts none of them out.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { CLUSTER } from '#telemetry';
import { until } from '../../mesh/until.ts';
import { cluster, fetchText, listener, managerFilter, type RunningProxy, runProxy, startApp } from './proxy-fixture.ts';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

async function start(t: TestContext, ports: readonly number[], protocol: object): Promise<RunningProxy> {
  const route = { match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } };
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([route])] }])],
    [
      cluster('app', ports, {
        circuit_breakers: { thresholds: [{ max_connections: 1 }] },
        typed_extension_protocol_options: {
          [HTTP_OPTIONS]: { '@type': `type.googleapis.com/${HTTP_OPTIONS}`, explicit_http_config: protocol },
        },
      }),
    ],
  );
  t.after(() => proxy.close());
  return proxy;
}

async function startH2(t: TestContext, onStream: (stream: ServerHttp2Stream) => void) {
  const sessions: ServerHttp2Session[] = [];
  const server = createServer();
  server.on('session', (session) => void sessions.push(session.on('error', () => {})));
  server.on('stream', (stream) => onStream(stream.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sessions };
}

test('each endpoint gets a connection over HTTP/1.1, though another one holds all that there may be', async (t) => {
  const held: (() => void)[] = [];
  const answer = (_: unknown, response: { end(text: string): void }): void =>
    void held.push(() => response.end('fine'));
  const apps = [await startApp(answer), await startApp(answer)];
  t.after(() => apps.forEach((app) => app.close()));
  const proxy = await start(
    t,
    apps.map(({ port }) => port),
    { http_protocol_options: {} },
  );
  const answers = Promise.all([fetchText(proxy.port('l'), '/'), fetchText(proxy.port('l'), '/')]);
  await until('both are asked', () => held.length === 2);
  for (const one of held) one();
  assert.deepEqual(
    (await answers).map(({ status }) => status),
    [200, 200],
  );
  const { stats } = proxy.handle.proxy.services.clusters.get('app') ?? assert.fail('no cluster');
  assert.equal(stats.get(CLUSTER.upstream_cx_overflow), 1);
});

test('and over HTTP/2, also one whose connection takes no more requests', async (t) => {
  const held: ServerHttp2Stream[] = [];
  const { port, sessions } = await startH2(t, (stream) => void held.push(stream));
  const proxy = await start(t, [port], { http2_protocol_options: {} });
  const first = fetchText(proxy.port('l'), '/');
  await until('it is asked', () => held.length === 1);
  // GOAWAY: what is under way goes on.
  const session = sessions[0] as ServerHttp2Session;
  session.goaway(0);
  await new Promise<void>((heard) => session.ping(() => heard()));
  const second = fetchText(proxy.port('l'), '/');
  await until('it is asked again', () => held.length === 2);
  for (const stream of held) {
    stream.respond({ ':status': 200 });
    stream.end('fine');
  }
  assert.equal((await first).status, 200);
  assert.equal((await second).status, 200);
});
