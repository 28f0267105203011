// A proxy with nothing but an ADS cluster in its bootstrap takes everything else from an xDS server over gRPC, and
// keeps it while the server is gone.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type DescMessage, fromJson, toBinary } from '@bufbuild/protobuf';
import { silentLogger, TYPE_URL, type XdsResource } from '#base';
import { type GrpcListener, listenGrpc, SystemClock, SystemRandom } from '#io';
import { loadTypes } from '#proto';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { GrpcServer } from '#wire/grpc';
import { MapBackend, XdsServer } from '#xds';
import { ProxySources } from '../../../src/main/proxy-ads.ts';
import { readBootstrap } from '../../../src/main/read-bootstrap.ts';
import { address, cluster, fetchText, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const clock = new SystemClock();
const registry = await loadTypes();
const ADS = { ads: {}, resource_api_version: 'V3' };
const H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

function resource(schema: DescMessage, typeUrl: string, name: string, json: object): XdsResource {
  const bytes = toBinary(schema, fromJson(schema, JSON.parse(JSON.stringify(json)) as never, { registry }));
  return { typeUrl, name, bytes, version: createHash('sha256').update(bytes).digest('hex').slice(0, 16), origins: [] };
}

const resources = (port: number, others = 0, badCluster = false) => ({
  [TYPE_URL.cluster]: [
    resource(ClusterSchema, TYPE_URL.cluster, 'app', {
      name: 'app',
      type: 'EDS',
      connect_timeout: '60s',
      eds_cluster_config: { eds_config: ADS },
    }),
    ...(badCluster
      ? [resource(ClusterSchema, TYPE_URL.cluster, 'bad', { name: 'bad', cluster_type: { name: 'no.such.type' } })]
      : []),
  ],
  [TYPE_URL.endpoint]: [
    resource(ClusterLoadAssignmentSchema, TYPE_URL.endpoint, 'app', {
      cluster_name: 'app',
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: address(port) } },
            // Of a lower priority: they get nothing, but they have to be read.
          ],
        },
        {
          priority: 1,
          lb_endpoints: Array.from({ length: others }, (_, i) => ({
            endpoint: {
              address: { socket_address: { address: `10.0.${i >> 8}.${i & 255}`, port_value: 80 } },
            },
          })),
        },
      ],
    }),
  ],
  [TYPE_URL.listener]: [
    resource(ListenerSchema, TYPE_URL.listener, 'l', {
      ...listener('l', [
        {
          filters: [
            managerFilter([], { route_config: undefined, rds: { route_config_name: 'r', config_source: ADS } }),
          ],
        },
      ]),
    }),
  ],
  [TYPE_URL.route]: [
    resource(RouteConfigurationSchema, TYPE_URL.route, 'r', {
      name: 'r',
      virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'app' } }] }],
    }),
  ],
});

const listen = (grpc: GrpcServer, port: number): Promise<GrpcListener> =>
  listenGrpc({ host: '127.0.0.1', port, log: silentLogger }, (stream) => grpc.accept(stream));

for (const apiType of ['DELTA_GRPC', 'GRPC'] as const) {
  test(`over ${apiType} everything comes, changes, and stays while the server is gone`, async (t) => {
    const app = await startApp((_, response) => response.end('served'));
    const backend = new MapBackend();
    backend.set(resources(app.port));
    const xds = new XdsServer({ backend, clock });
    const grpc = new GrpcServer({ clock });
    xds.register(grpc);
    let server: GrpcListener = await listen(grpc, 0);
    const bootstrap = await readBootstrap(
      JSON.stringify({
        node: { id: 'sidecar~127.0.0.1~a.default~default.svc.cluster.local', cluster: 'a' },
        dynamic_resources: {
          ads_config: { api_type: apiType, grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] },
          cds_config: ADS,
          lds_config: ADS,
        },
        static_resources: { clusters: [cluster('xds', [server.port], H2)] },
      }),
    );
    const proxy = await runProxy([], [], undefined, { bootstrap });
    assert.ok(bootstrap.ads !== undefined);
    const client = new ProxySources({ clock, random: new SystemRandom(), log: silentLogger, bootstrap });
    client.follow(proxy.handle.proxy);
    t.after(() => {
      client.close();
      proxy.close();
      void server.close(0);
      app.close();
    });
    await until('the first configuration', () => proxy.handle.proxy.config.ready);
    await until('the listener', () => proxy.port('l') !== 0);
    const ask = () => fetchText(proxy.port('l'), '/').then(({ body }) => body);
    assert.equal(await ask(), 'served');

    const size = () => proxy.handle.proxy.clusters.get('app')?.hosts.size;
    backend.set(resources(app.port, 3000));
    const answers: string[] = [];
    await until('3,000 endpoints', async () => {
      answers.push(await ask());
      return size() === 3001;
    });
    assert.ok(answers.every((one) => one === 'served'));

    backend.set(resources(app.port, 3000, true));
    await until('the rejection', () => backend.rejections.length > 0);
    assert.match(backend.rejections[0]?.detail ?? '', /bad: .*cluster_type/);
    assert.equal(await ask(), 'served');

    const { port } = server;
    await server.close(0);
    await until('the loss', () => !client.connected);
    assert.equal(await ask(), 'served');
    backend.set(resources(app.port, 5));
    server = await listen(grpc, port);
    await until('what changed meanwhile', () => size() === 6);
    assert.equal(await ask(), 'served');
  });
}

test('a bootstrap that asks for other sources is refused by name', async () => {
  const dynamic = (dynamic_resources: object) => readBootstrap(JSON.stringify({ dynamic_resources }));
  await assert.rejects(
    () => dynamic({ cds_config: { path_config_source: { path: '/x' } } }),
    /cds_config: .*ads_config/,
  );
  await assert.rejects(() => dynamic({ cds_config: ADS }), /ads_config is missing/);
  await assert.rejects(
    () =>
      dynamic({
        ads_config: { api_type: 'GRPC', grpc_services: [{ google_grpc: { target_uri: 'x', stat_prefix: 'x' } }] },
      }),
    /envoy_grpc/,
  );
});
