// CUSTOM over real sockets: services over HTTP and gRPC, a real OPA, a policy in Wasm; what happens when they fail.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import {
  CheckRequestSchema,
  type CheckRequest,
  type CheckResponse,
  CheckResponseSchema,
} from '#proto/envoy/service/auth/v3/external_auth_pb.ts';
import { fetchText, startApp } from './proxy-fixture.ts';
import { type Inbound, runInbound } from './security-fixture.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { until } from '../../mesh/until.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples/opa');

const service = (name: string, port: number, protocol: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.shop.svc.cluster.local]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: ${port}, name: ${protocol}-authz, protocol: ${protocol.toUpperCase()} }]
  endpoints: [{ address: 127.0.0.1 }]
---`;

const mesh = (provider: string): string => `
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system }
extensionProviders: [{ name: judge, ${provider} }]
---`;

const custom = (rules = '[{}]', name = 'judge'): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask, namespace: shop }
spec: { action: CUSTOM, provider: { name: ${name} }, rules: ${rules} }
`;

const echo = () =>
  startApp((request, response) => {
    let body = '';
    request.on('data', (piece) => (body += piece));
    request.on('end', () => response.end(JSON.stringify({ url: request.url, headers: request.headers, body })));
  });

interface Echo {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}
const echoed = (text: string): Echo => JSON.parse(text) as Echo;

test('a service over HTTP sees what it may see, and its headers go where they may go', async (t) => {
  const app = await echo();
  const asked: { url: string; headers: Record<string, unknown>; body: string }[] = [];
  const judge = await startApp((request, response) => {
    let body = '';
    request.on('data', (piece) => (body += piece));
    request.on('end', () => {
      asked.push({ url: request.url ?? '', headers: request.headers, body });
      const allowed = request.headers['x-key'] === 'good';
      response.writeHead(allowed ? 200 : 418, { 'x-user': 'ann', 'x-secret': 'no', 'x-why': 'tea' });
      response.end(allowed ? '' : 'short and stout');
    });
  });
  const proxy = await runInbound(
    service('judge', judge.port, 'http') +
      mesh(
        `envoyExtAuthzHttp: { service: judge.shop.svc.cluster.local, port: ${judge.port}, pathPrefix: /check, includeRequestHeadersInCheck: [x-key, x-a*], includeAdditionalHeadersInCheck: { x-from: mesh }, headersToUpstreamOnAllow: [x-user], headersToDownstreamOnDeny: [x-why], includeRequestBodyInCheck: { maxRequestBytes: 100 } }`,
      ) +
      custom('[{ to: [{ operation: { notPaths: ["/free*"] } }] }]'),
    app.port,
  );
  t.after(() => (proxy.close(), app.close(), judge.close()));
  const good = await fetchText(proxy.appPort, '/a?b', {
    method: 'POST',
    headers: { 'x-key': 'good', 'x-abc': '1', 'x-private': '2', 'x-user': 'forged' },
    body: 'hello',
  });
  assert.equal(good.status, 200);
  assert.deepEqual(
    [echoed(good.body).headers['x-user'], echoed(good.body).headers['x-secret'], echoed(good.body).body],
    ['ann', undefined, 'hello'],
  );
  const [first] = asked;
  assert.deepEqual(
    [first?.url, first?.body, first?.headers['x-abc'], first?.headers['x-private'], first?.headers['x-from']],
    ['/check/a?b', 'hello', '1', undefined, 'mesh'],
  );
  const refused = await fetchText(proxy.appPort, '/a', {});
  assert.deepEqual(
    [refused.status, refused.body, refused.headers['x-why'], refused.headers['x-secret']],
    [418, 'short and stout', 'tea', undefined],
  );
  assert.equal((await fetchText(proxy.appPort, '/free/1')).status, 200);
  assert.equal(asked.length, 2, 'what no rule matches is not asked about');
  assert.equal((await fetchText(proxy.appPort, '/a', { method: 'POST', body: 'x'.repeat(200) })).status, 413);
  assert.deepEqual([proxy.counter('ext_authz.ok'), proxy.counter('ext_authz.denied')], [1, 1]);
});

async function grpcJudge(
  decide: (request: CheckRequest) => CheckResponse,
): Promise<{ readonly port: number; close(): void }> {
  const server = new grpc.Server();
  const same = (bytes: Buffer): Buffer => bytes;
  const shape = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    {
      Check: {
        path: '/envoy.service.auth.v3.Authorization/Check',
        requestStream: false,
        responseStream: false,
        ...shape,
      },
    },
    {
      Check: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) =>
        done(null, Buffer.from(toBinary(CheckResponseSchema, decide(fromBinary(CheckRequestSchema, call.request))))),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}

test('a service over gRPC gets Envoy’s attributes and answers with Envoy’s words', async (t) => {
  const app = await echo();
  const asked: CheckRequest[] = [];
  const judge = await grpcJudge((request) => {
    asked.push(request);
    const http = request.attributes?.request?.http;
    const header = (key: string, value: string, append?: boolean) => ({
      header: { key, value },
      ...(append === undefined ? {} : { append }),
    });
    if (http?.headers['x-key'] !== 'good')
      return create(CheckResponseSchema, {
        status: { code: 7 },
        httpResponse: {
          case: 'deniedResponse',
          value: { status: { code: 402 }, body: 'pay', headers: [header('x-price', '1')] },
        },
      });
    return create(CheckResponseSchema, {
      status: { code: 0 },
      httpResponse: {
        case: 'okResponse',
        value: {
          headers: [
            header('x-user', 'ann'),
            header('x-list', 'two', true),
            { header: { key: 'x-raw', rawValue: Buffer.from([0xe9]) } },
          ],
          headersToRemove: ['x-key'],
          responseHeadersToAdd: [header('x-judged', 'yes')],
          queryParametersToSet: [{ key: 'q', value: 'new' }],
        },
      },
    });
  });
  const proxy = await runInbound(
    service('judge', judge.port, 'grpc') +
      mesh(
        `envoyExtAuthzGrpc: { service: judge.shop.svc.cluster.local, port: ${judge.port}, includeRequestBodyInCheck: { maxRequestBytes: 10, allowPartialMessage: true } }`,
      ) +
      custom(),
    app.port,
  );
  t.after(() => (proxy.close(), app.close(), judge.close()));
  const good = await fetchText(proxy.appPort, '/a?q=old', {
    method: 'PUT',
    headers: { host: 'shop.example', 'x-key': 'good', 'x-user': 'forged', 'x-list': 'one' },
    body: 'a body of some length',
  });
  assert.equal(good.status, 200, good.body);
  const seen = echoed(good.body);
  assert.equal(seen.headers['x-raw'], '\u00e9', 'the very byte');
  assert.deepEqual(
    [
      seen.url,
      seen.headers['x-user'],
      seen.headers['x-list'],
      seen.headers['x-key'],
      seen.body,
      good.headers['x-judged'],
    ],
    ['/a?q=new', 'ann', 'one, two', undefined, 'a body of some length', 'yes'],
  );
  const http = asked[0]?.attributes?.request?.http;
  assert.deepEqual(
    [
      http?.method,
      http?.path,
      http?.host,
      http?.body,
      http?.headers[':path'],
      http?.headers['x-envoy-auth-partial-body'],
      http?.protocol,
    ],
    ['PUT', '/a?q=old', 'shop.example', 'a body of ', '/a?q=old', 'true', 'HTTP/1.1'],
  );
  const refused = await fetchText(proxy.appPort, '/');
  assert.deepEqual([refused.status, refused.body, refused.headers['x-price']], [402, 'pay', '1']);
});

test('an upgrade is judged without waiting for a body that never ends', async (t) => {
  const app = await startApp(() => {});
  app.server.on('upgrade', (request, socket) =>
    socket
      .resume()
      .end(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n${String(request.headers['x-user'])}`,
      ),
  );
  const judge = await startApp((request, response) =>
    response.writeHead(request.url === '/chat' ? 200 : 403, { 'x-user': 'ann' }).end(),
  );
  const proxy = await runInbound(
    service('judge', judge.port, 'http') +
      mesh(
        `envoyExtAuthzHttp: { service: judge.shop.svc.cluster.local, port: ${judge.port}, headersToUpstreamOnAllow: [x-user], includeRequestBodyInCheck: { maxRequestBytes: 100 } }`,
      ) +
      custom(),
    app.port,
  );
  t.after(() => (proxy.close(), app.close(), judge.close()));
  const upgrade = async (path: string): Promise<string> => {
    const socket = connect(proxy.appPort, '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    while (!/\r\n\r\n(ann)?/.test(text) || (text.includes(' 101 ') && !text.endsWith('ann')))
      await once(socket, 'data');
    socket.destroy();
    return text.slice(9, 12);
  };
  assert.deepEqual([await upgrade('/chat'), await upgrade('/other')], ['101', '403']);
});

test('no answer is a refusal, unless told otherwise; both are counted, and a service that comes back is asked again', async (t) => {
  const app = await echo();
  const port = await freePort();
  const text = (open: boolean, timeout: string): string =>
    service('judge', port, 'http') +
    mesh(
      `envoyExtAuthzHttp: { service: judge.shop.svc.cluster.local, port: ${port}, failOpen: ${open}, statusOnError: "503", timeout: ${timeout} }`,
    ) +
    custom();
  const both = async (timeout: string): Promise<readonly [Inbound, Inbound]> => {
    const two = [await runInbound(text(false, timeout), app.port), await runInbound(text(true, timeout), app.port)];
    t.after(() => two.forEach((one) => one.close()));
    return two as [Inbound, Inbound];
  };
  const [closed, open] = await both('60s');
  t.after(() => app.close());
  const status = async (proxy: Inbound): Promise<number> => (await fetchText(proxy.appPort, '/')).status;
  assert.deepEqual([await status(closed), await status(open)], [503, 200]);
  assert.deepEqual(
    [
      closed.counter('ext_authz.error'),
      open.counter('ext_authz.error'),
      open.counter('ext_authz.failure_mode_allowed'),
    ],
    [1, 1, 1],
  );
  const judge = await startApp((_, response) => response.writeHead(401).end('who?'), port);
  assert.deepEqual([await status(closed), await status(open)], [401, 401]);
  judge.close();
  assert.deepEqual([await status(closed), await status(open)], [503, 200]);
  const slow = await startApp(() => {}, port);
  t.after(() => slow.close());
  const [impatient, easy] = await both('0.3s');
  assert.deepEqual([await status(impatient), await status(easy)], [503, 200]);
});

test('a provider that nobody knows denies what its policies match, and nothing else', async (t) => {
  const app = await echo();
  const proxy = await runInbound(
    mesh('envoyExtAuthzHttp: { service: nobody.example, port: 1 }') +
      custom('[{ to: [{ operation: { paths: ["/judged"] } }] }]'),
    app.port,
  );
  t.after(() => (proxy.close(), app.close()));
  assert.deepEqual(
    [(await fetchText(proxy.appPort, '/judged')).status, (await fetchText(proxy.appPort, '/other')).status],
    [403, 200],
  );
});

/** One table for both ways of asking OPA. */
async function ordersAreJudged(proxy: Inbound): Promise<void> {
  const ask = async (method: string, path: string, user = '', body = '') =>
    await fetchText(proxy.appPort, path, {
      method,
      headers: {
        ...(user === '' ? {} : { 'x-user': user }),
        ...(body === '' ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === '' ? {} : { body }),
    });
  const read = await ask('GET', '/orders/7?x=y');
  assert.deepEqual(
    [read.status, echoed(read.body).headers['x-user'], read.headers['x-decided-by']],
    [200, 'anonymous', 'opa'],
  );
  const refused = await ask('GET', '/admin');
  assert.deepEqual([refused.status, refused.body, refused.headers['x-decided-by']], [403, 'not by this policy', 'opa']);
  assert.equal((await ask('POST', '/orders', 'ann', '{"amount": 100}')).status, 200);
  assert.equal((await ask('POST', '/orders', 'bob', '{"amount": 100}')).status, 403);
  assert.equal((await ask('POST', '/orders', '', '{"amount": 1}')).status, 403);
  assert.equal((await ask('POST', '/orders', 'ann', 'no json')).status, 403);
  assert.equal((await ask('DELETE', '/orders')).status, 403);
}

function findOpa(): string | undefined {
  const gopath = spawnSync('go', ['env', 'GOPATH'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  const places = [
    process.env['OPA_PATH'] ?? '',
    ...(process.env['PATH'] ?? '').split(':').map((folder) => join(folder, 'opa')),
    gopath === '' ? '' : join(gopath, 'bin/opa'),
    join(homedir(), 'go/bin/opa'),
  ];
  return places.find((place) => place !== '' && existsSync(place));
}

const opa = findOpa();

test('a real OPA decides, dies, and decides again', {
  skip:
    opa === undefined && process.env['CI'] === undefined
      ? 'no OPA: set OPA_PATH, or `go install github.com/open-policy-agent/opa@latest`'
      : false,
}, async (t) => {
  const app = await echo();
  const port = await freePort();
  const start = async () => {
    const server = spawn(
      opa ?? 'opa',
      [
        'run',
        '--server',
        '--addr',
        `127.0.0.1:${port}`,
        '--log-level',
        'error',
        join(EXAMPLES, 'policy.rego'),
        join(EXAMPLES, 'data.json'),
      ],
      { stdio: 'ignore' },
    );
    await until('OPA', async () => (await fetchText(port, '/health').catch(() => undefined))?.status === 200);
    return server;
  };
  let server = await start();
  const proxy = await runInbound(
    service('judge', port, 'http') +
      mesh(
        `opa: { service: judge.shop.svc.cluster.local, port: ${port}, timeout: 60s, statusOnError: "503", includeRequestBodyInCheck: { maxRequestBytes: 10000 } }`,
      ) +
      custom(),
    app.port,
  );
  t.after(() => (server.kill('SIGKILL'), proxy.close(), app.close()));
  await ordersAreJudged(proxy);
  server.kill('SIGKILL');
  await once(server, 'exit');
  assert.equal((await fetchText(proxy.appPort, '/orders/1')).status, 503);
  server = await start();
  assert.equal((await fetchText(proxy.appPort, '/orders/1')).status, 200);
  assert.equal(proxy.counter('ext_authz.opa.error'), 1);
});

test('the same policy decides as Wasm in the proxy’s own process', async (t) => {
  const app = await echo();
  const module = readFileSync(join(EXAMPLES, 'policy.wasm')).toString('base64');
  const data = JSON.stringify(JSON.parse(readFileSync(join(EXAMPLES, 'data.json'), 'utf8')));
  const proxy = await runInbound(
    mesh(`opaWasm: { module: "${module}", data: ${data}, includeRequestBodyInCheck: { maxRequestBytes: 10000 } }`) +
      custom(),
    app.port,
  );
  const broken = await runInbound(mesh('opaWasm: { module: "AAAA" }') + custom(), app.port);
  t.after(() => (proxy.close(), broken.close(), app.close()));
  await ordersAreJudged(proxy);
  assert.equal((await fetchText(broken.appPort, '/orders/1')).status, 403);
});
