// Active health checks over real sockets: HTTP, TCP and gRPC; what fails takes no requests, and comes back.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { createServer as createH2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { cluster, fetchText, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const ROUTE = { match: { prefix: '/' }, route: { cluster: 'app' } };
const QUICK = { timeout: '0.3s', interval: '0.03s', unhealthy_threshold: 2, healthy_threshold: 2 };

test('HTTP: an endpoint that answers 500 takes no requests until it is well again', async (t) => {
  let sick = false;
  const answer = (name: string, checked: () => boolean) =>
    startApp((request, response) => {
      response.statusCode = request.url === '/healthz' && checked() ? 500 : 200;
      response.end(name);
    });
  const [a, b] = await Promise.all([answer('a', () => sick), answer('b', () => false)]);
  const checks = {
    health_checks: [{ ...QUICK, http_health_check: { path: '/healthz', host: 'app.example' } }],
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
  };
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([ROUTE])] }])],
    [cluster('app', [a.port, b.port], checks)],
  );
  t.after(() => (proxy.close(), a.close(), b.close()));
  const bodies = async (): Promise<string> =>
    [
      ...new Set(
        await Promise.all(Array.from({ length: 12 }, async () => (await fetchText(proxy.port('l'), '/')).body)),
      ),
    ]
      .sort()
      .join();
  await until('both take requests', async () => (await bodies()) === 'a,b');
  sick = true;
  await until('only the well one does', async () => (await bodies()) === 'b');
  sick = false;
  await until('both do again', async () => (await bodies()) === 'a,b');
});

test('before the first good answer nothing is sent', async (t) => {
  const checked: ServerResponse[] = [];
  const app = await startApp((request, response) =>
    request.url === '/healthz' ? void checked.push(response) : void response.end('well'),
  );
  const checks = {
    health_checks: [{ ...QUICK, timeout: '600s', http_health_check: { path: '/healthz' } }],
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
  };
  const proxy = await runProxy(
    [listener('l', [{ filters: [managerFilter([ROUTE])] }])],
    [cluster('app', [app.port], checks)],
  );
  t.after(() => (proxy.close(), app.close()));
  await until('it is checked', () => checked.length > 0);
  assert.equal((await fetchText(proxy.port('l'), '/')).status, 503);
  await until('it is known to be well', async () => {
    for (const response of checked.splice(0)) response.end('well');
    return (await fetchText(proxy.port('l'), '/')).status === 200;
  });
});

test('TCP: what answers the expected bytes is well', async (t) => {
  let well = true;
  const server = createServer((socket) =>
    socket
      .on('error', () => {})
      .on('data', (data) => socket.end(data.toString() === 'PING' && well ? 'xxPONGxx' : 'NO')),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hex = (text: string): string => Buffer.from(text).toString('hex');
  const checks = {
    health_checks: [{ ...QUICK, tcp_health_check: { send: { text: hex('PING') }, receive: [{ text: hex('PONG') }] } }],
  };
  const proxy = await runProxy([], [cluster('app', [(server.address() as AddressInfo).port], checks)]);
  t.after(() => (proxy.close(), server.close()));
  const healthy = async (): Promise<boolean> =>
    [...(proxy.handle.proxy.clusters.get('app')?.allHosts() ?? [])][0]?.healthy === true;
  await until('it is well', healthy);
  well = false;
  await until('it is sick', async () => !(await healthy()));
});

test('gRPC: SERVING is well, and nothing else', async (t) => {
  let status = 1;
  const server = createH2();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const options = {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
  const checks = { ...options, health_checks: [{ ...QUICK, grpc_health_check: { service_name: 'shop' } }] };
  const proxy = await runProxy([], [cluster('app', [(server.address() as AddressInfo).port], checks)]);
  t.after(() => (proxy.close(), server.close()));
  const healthy = async (): Promise<boolean> =>
    [...(proxy.handle.proxy.clusters.get('app')?.allHosts() ?? [])][0]?.healthy === true;
  await until('it is well', healthy);
  status = 2;
  await until('it is sick', async () => !(await healthy()));
});

test('per_try_idle_timeout ends an attempt on which nothing moves', async (t) => {
  const app = await startApp(() => {});
  const route = {
    match: { prefix: '/' },
    route: { cluster: 'app', retry_policy: { retry_on: 'retriable-4xx', per_try_idle_timeout: '0.1s' } },
  };
  const proxy = await runProxy([listener('l', [{ filters: [managerFilter([route])] }])], [cluster('app', [app.port])]);
  t.after(() => (proxy.close(), app.close()));
  assert.equal((await fetchText(proxy.port('l'), '/')).status, 504);
});

test('previous_priorities: a retry goes to the next priority', async (t) => {
  const bad = await startApp((_, response) => ((response.statusCode = 503), response.end('bad')));
  const good = await startApp((_, response) => response.end('good'));
  const endpoints = [bad, good].map(({ port }, priority) => ({
    priority,
    lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }],
  }));
  const retry = {
    retry_on: '5xx',
    num_retries: 1,
    retry_priority: {
      name: 'envoy.retry_priorities.previous_priorities',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
        update_frequency: 1,
      },
    },
  };
  const proxy = await runProxy(
    [
      listener('l', [
        { filters: [managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app', retry_policy: retry } }])] },
      ]),
    ],
    [{ name: 'app', type: 'STATIC', connect_timeout: '60s', load_assignment: { cluster_name: 'app', endpoints } }],
  );
  t.after(() => (proxy.close(), bad.close(), good.close()));
  for (let i = 0; i < 5; i++) assert.equal((await fetchText(proxy.port('l'), '/')).body, 'good');
});
