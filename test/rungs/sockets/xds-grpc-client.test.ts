// A proxyless gRPC client (grpc-js-xds, which nobody here wrote) that follows our xDS by name, state of the world.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createRegistry, type DescMessage, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import * as grpcJs from '@grpc/grpc-js';
import { silentLogger, TYPE_URL, type XdsResource } from '#base';
import { type GrpcListener, listenGrpc, SystemClock } from '#io';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { RouterSchema } from '#proto/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { HttpConnectionManagerSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { GrpcServer, unaryMethod } from '#wire/grpc';
import { MapBackend, XdsServer } from '#xds';
import { until } from '../../mesh/until.ts';

const clock = new SystemClock();
const registry = createRegistry(HttpConnectionManagerSchema, RouterSchema);
const ads = { ads: {}, resourceApiVersion: 'V3' };

function resource(schema: DescMessage, typeUrl: string, name: string, json: JsonValue): XdsResource {
  const bytes = toBinary(schema, fromJson(schema, json, { registry }));
  return { typeUrl, name, bytes, version: createHash('sha256').update(bytes).digest('hex').slice(0, 16), origins: [] };
}

const listener = resource(ListenerSchema, TYPE_URL.listener, 'echo', {
  name: 'echo',
  apiListener: {
    apiListener: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      rds: { routeConfigName: 'r', configSource: ads },
      httpFilters: [
        {
          name: 'router',
          typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
        },
      ],
    },
  },
});

const route = (to: string): XdsResource =>
  resource(RouteConfigurationSchema, TYPE_URL.route, 'r', {
    name: 'r',
    virtualHosts: [{ name: 'v', domains: ['echo'], routes: [{ match: { prefix: '' }, route: { cluster: to } }] }],
  });

const cluster = (name: string): XdsResource =>
  resource(ClusterSchema, TYPE_URL.cluster, name, {
    name,
    type: 'EDS',
    edsClusterConfig: { edsConfig: ads },
    lbPolicy: 'ROUND_ROBIN',
  });

const endpoints = (name: string, port: number): XdsResource =>
  resource(ClusterLoadAssignmentSchema, TYPE_URL.endpoint, name, {
    clusterName: name,
    endpoints: [
      {
        locality: { region: 'r' },
        loadBalancingWeight: 1,
        lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: port } } } }],
      },
    ],
  });

function app(name: string): Promise<GrpcListener> {
  const server = new GrpcServer({ clock }).register(
    '/t.Echo/Who',
    unaryMethod(() => Buffer.from(name)),
  );
  return listenGrpc({ host: '127.0.0.1', port: 0, log: silentLogger }, (stream) => server.accept(stream));
}

test('a proxyless client moves to another cluster without a failed call', async () => {
  const [a, b] = [await app('a'), await app('b')];
  const backend = new MapBackend();
  const show = (name: string, port: number): number =>
    backend.set({
      [TYPE_URL.listener]: [listener],
      [TYPE_URL.route]: [route(name)],
      [TYPE_URL.cluster]: [cluster(name)],
      [TYPE_URL.endpoint]: [endpoints(name, port)],
    });
  show('a', a.port);
  const xds = new XdsServer({ backend, clock });
  const grpc = new GrpcServer({ clock });
  xds.register(grpc);
  const main = await listenGrpc({ host: '127.0.0.1', port: 0, log: silentLogger }, (stream) => grpc.accept(stream));
  process.env['GRPC_XDS_BOOTSTRAP_CONFIG'] = JSON.stringify({
    xds_servers: [
      { server_uri: `127.0.0.1:${main.port}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] },
    ],
    node: { id: 'proxyless', cluster: 'c', locality: {}, metadata: {} },
  });
  const { register } = await import('@grpc/grpc-js-xds');
  register();
  const same = (bytes: Buffer): Buffer => bytes;
  const client = new grpcJs.Client('xds:///echo', grpcJs.credentials.createInsecure());
  const call = (): Promise<string> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(
        '/t.Echo/Who',
        same,
        same,
        Buffer.alloc(0),
        { deadline: Date.now() + 60_000 },
        (error, answer) => resolve(error === null ? String(answer) : `failed: ${error.message}`),
      );
    });
  try {
    assert.equal(await call(), 'a');
    const answers = new Set<string>();
    for (let round = 0; round < 4; round++) {
      const [name, at] = round % 2 === 0 ? (['b', b] as const) : (['a', a] as const);
      const snapshot = show(name, at.port);
      await until(
        () => JSON.stringify(xds.status(), undefined, 1),
        async () => {
          const last = await call();
          answers.add(last);
          return last === name && (xds.status()[0]?.watermark ?? 0) >= snapshot;
        },
      );
    }
    assert.deepEqual([...answers].sort(), ['a', 'b']);
    assert.deepEqual(xds.status()[0]?.rejects, []);
  } finally {
    client.close();
    await Promise.all([main.close(), a.close(), b.close()]);
  }
});
