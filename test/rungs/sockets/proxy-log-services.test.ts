// Our proxy as a client of access log services: Envoy's (ALS v3), read by the agent's own receiver, and an OpenTelemetry collector.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { accessLogMethod, ACCESS_LOG_PATH } from '../../../src/agent/envoy/access-log.ts';
import { silentLogger } from '#base';
import { type GrpcListener, listenGrpc, SystemClock } from '#io';
import { ProtoReader } from '#proto/light.ts';
import { renderPrometheus, StatStore, type StreamRecord } from '#telemetry';
import { GrpcServer, unaryMethod } from '#wire/grpc';
import { cluster, fetchText, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const clock = new SystemClock();
const TYPE = 'type.googleapis.com/envoy.extensions';
const H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

const listen = (grpc: GrpcServer, port = 0): Promise<GrpcListener> =>
  listenGrpc({ host: '127.0.0.1', port, log: silentLogger }, (stream) => grpc.accept(stream));

const common = (logName: string, extra: object = {}) => ({
  log_name: logName,
  transport_api_version: 'V3',
  grpc_service: { envoy_grpc: { cluster_name: 'logs' } },
  buffer_flush_interval: '0.05s',
  ...extra,
});

const http = (config: object) => ({
  name: 'envoy.access_loggers.http_grpc',
  typed_config: { '@type': `${TYPE}.access_loggers.grpc.v3.HttpGrpcAccessLogConfig`, ...config },
});

test('finished requests and connections arrive at the access log service', async (t) => {
  const seen: { readonly record: StreamRecord; readonly side: string }[] = [];
  const grpc = new GrpcServer({ clock });
  const taken = accessLogMethod(clock, (side) => ({
    onStreamEnd: (record) => void seen.push({ record, side }),
    onTcpConnected: () => undefined,
  }));
  grpc.register(ACCESS_LOG_PATH, taken);
  const server = await listen(grpc);
  const app = await startApp((_, response) => response.writeHead(418, { 'x-app': 'tea' }).end('short'));
  const route = { match: { prefix: '/' }, name: 'the-route', route: { cluster: 'app' } };
  const proxy = await runProxy(
    [
      listener('http', [
        {
          filters: [
            managerFilter([route], {
              access_log: [
                http({
                  common_config: common('destination', {
                    custom_tags: [{ tag: 'team', literal: { value: 'bread' } }],
                  }),
                  additional_request_headers_to_log: ['content-type'],
                }),
              ],
            }),
          ],
        },
      ]),
      listener('tcp', [
        {
          filters: [
            {
              name: 'envoy.filters.network.tcp_proxy',
              typed_config: {
                '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`,
                stat_prefix: 't',
                cluster: 'app',
                access_log: [
                  {
                    name: 'envoy.access_loggers.tcp_grpc',
                    typed_config: {
                      '@type': `${TYPE}.access_loggers.grpc.v3.TcpGrpcAccessLogConfig`,
                      common_config: common('tcp'),
                    },
                  },
                ],
              },
            },
          ],
        },
      ]),
    ],
    [cluster('app', [app.port]), cluster('logs', [server.port], H2)],
  );
  t.after(() => {
    proxy.close();
    void server.close(0);
    app.close();
  });
  const headers = { 'user-agent': 'test', 'content-type': 'application/grpc+x' };
  const answer = await fetchText(proxy.port('http'), '/a?b=c', { method: 'POST', body: 'four', headers });
  assert.equal(answer.status, 418);
  await until('the entry', () => seen.length === 1);
  const { record, side } = seen[0] as (typeof seen)[number];
  assert.equal(side, 'destination');
  assert.deepEqual(
    [record.method, record.path, record.protocol, record.responseCode, record.bytesReceived, record.bytesSent],
    ['POST', '/a?b=c', 'HTTP/1.1', 418, 4, 5],
  );
  assert.deepEqual(
    [record.routeName, record.upstreamCluster, record.upstreamHost, record.grpc, record.attempts],
    ['the-route', 'app', `127.0.0.1:${app.port}`, true, 1],
  );
  assert.ok(Math.abs(record.startWallMs - Date.now()) < 60_000);
  assert.ok(record.endMs > 0);

  const socket = connect(proxy.port('tcp'), '127.0.0.1');
  socket.end('GET / HTTP/1.0\r\n\r\n');
  await new Promise((resolve) => socket.resume().on('close', resolve));
  await until("the connection's entry", () => seen.length === 2);
  assert.equal(seen[1]?.record.protocol, 'TCP');
  assert.ok((seen[1]?.record.bytesSent ?? 0) > 0);
});

test('a service that is away costs entries and no request; when it is back entries come again', async (t) => {
  const app = await startApp((_, response) => response.end('ok'));
  let count = 0;
  const grpc = new GrpcServer({ clock });
  grpc.register(
    ACCESS_LOG_PATH,
    accessLogMethod(clock, () => ({ onStreamEnd: () => void count++, onTcpConnected: () => undefined })),
  );
  const first = await listen(grpc);
  const { port } = first;
  await first.close(0);
  const stats = new StatStore();
  const proxy = await runProxy(
    [
      listener('l', [
        {
          filters: [
            managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }], {
              access_log: [http({ common_config: common('x') })],
            }),
          ],
        },
      ]),
    ],
    [cluster('app', [app.port]), cluster('logs', [port], H2)],
    undefined,
    { stats },
  );
  let back: GrpcListener | undefined;
  t.after(() => {
    proxy.close();
    void back?.close(0);
    app.close();
  });
  for (let i = 0; i < 20; i++) assert.equal((await fetchText(proxy.port('l'), '/')).body, 'ok');
  back = await listen(grpc, port);
  await until('entries', async () => {
    assert.equal((await fetchText(proxy.port('l'), '/')).body, 'ok');
    return count > 0;
  });
  assert.match([...renderPrometheus(stats)].join(''), /grpc_access_log_logs_written/);
});

test('an OpenTelemetry collector gets records with body, attributes and time', async (t) => {
  const requests: Uint8Array[] = [];
  const grpc = new GrpcServer({ clock });
  grpc.register(
    '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
    unaryMethod(async (request: Uint8Array) => {
      requests.push(Uint8Array.from(request));
      return new Uint8Array(0);
    }),
  );
  const server = await listen(grpc);
  const app = await startApp((_, response) => response.end('ok'));
  const proxy = await runProxy(
    [
      listener('l', [
        {
          filters: [
            managerFilter([{ match: { prefix: '/' }, route: { cluster: 'app' } }], {
              access_log: [
                {
                  name: 'envoy.access_loggers.open_telemetry',
                  typed_config: {
                    '@type': `${TYPE}.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig`,
                    common_config: common('otel'),
                    body: { string_value: '%REQ(:METHOD)% %RESPONSE_CODE%' },
                    attributes: { values: [{ key: 'path', value: { string_value: '%REQ(:PATH)%' } }] },
                  },
                },
              ],
            }),
          ],
        },
      ]),
    ],
    [cluster('app', [app.port]), cluster('logs', [server.port], H2)],
  );
  t.after(() => {
    proxy.close();
    void server.close(0);
    app.close();
  });
  assert.equal((await fetchText(proxy.port('l'), '/shop')).body, 'ok');
  await until('the record', () => requests.length > 0);
  const resource = at(requests[0] as Uint8Array, [1]);
  const text = Buffer.from(resource).toString('latin1');
  assert.ok(text.includes('log_name') && text.includes('otel'), 'built-in labels');
  const record = at(resource, [2, 2]);
  assert.equal(Buffer.from(at(record, [5, 1])).toString(), 'GET 200');
  assert.equal(Buffer.from(at(record, [6, 1])).toString(), 'path');
  assert.equal(Buffer.from(at(record, [6, 2, 1])).toString(), '/shop');
  const reader = new ProtoReader(record);
  reader.next();
  assert.ok(Math.abs(Number(reader.fixed64() / 1_000_000n) - Date.now()) < 60_000, 'the time of its start');
});

/** The bytes of the first field of each number on the way down. */
function at(bytes: Uint8Array, path: readonly number[]): Uint8Array {
  let found = bytes;
  for (const field of path) {
    const reader = new ProtoReader(found);
    let inner: Uint8Array | undefined;
    while (inner === undefined && reader.next())
      if (reader.field === field) inner = reader.bytes();
      else reader.skip();
    assert.ok(inner !== undefined, `field ${field} of ${path.join('.')}`);
    found = inner;
  }
  return found;
}
