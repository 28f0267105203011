// `topsail proxy` in front of a control plane that speaks as Istio's does (inventory §3.1, §3.4, §4): its filters, its names, filters by
// ECDS, a name table and types of its own. What is known works, what is not is reported by name, and nothing of it is fatal.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type DescMessage, fromJson, toBinary } from '@bufbuild/protobuf';
import { type Logger, silentLogger, TYPE_URL, type XdsResource } from '#base';
import { listenGrpc, SystemClock, SystemRandom } from '#io';
import { loadTypes } from '#proto';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { TypedExtensionConfigSchema } from '#proto/envoy/config/core/v3/extension_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { GrpcServer } from '#wire/grpc';
import { MapBackend, XdsServer } from '#xds';
import { ProxySources } from '../../../src/main/proxy-ads.ts';
import { readBootstrap } from '../../../src/main/read-bootstrap.ts';
import {
  address,
  cluster,
  fetchText,
  listener,
  managerFilter,
  routerFilter,
  runProxy,
  startApp,
} from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const clock = new SystemClock();
const registry = await loadTypes();
const T = 'type.googleapis.com';
const ADS = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
const HOST = 'reviews.default.svc.cluster.local';
const CLUSTER = `outbound|9080|v1|${HOST}`;
const PLUGIN = 'extenstions.istio.io/wasmplugin/default.basic-auth';
const WASM = `${T}/envoy.extensions.filters.http.wasm.v3.Wasm`;

function resource(schema: DescMessage, typeUrl: string, name: string, json: object): XdsResource {
  const bytes = toBinary(schema, fromJson(schema, JSON.parse(JSON.stringify(json)) as never, { registry }));
  return { typeUrl, name, bytes, version: createHash('sha256').update(bytes).digest('hex').slice(0, 16), origins: [] };
}

const typed = (name: string, type: string, config: object = {}): object => ({
  name,
  typed_config: { '@type': `${T}/${type}`, ...config },
});
/** Istio's own types that this project has no messages for: by name and as a struct, as its proxies take them as well. */
const struct = (name: string, type: string, value: object = {}): object =>
  typed(name, 'udpa.type.v1.TypedStruct', { type_url: `${T}/${type}`, value });

/** The order of inventory §3.4. */
const filters = (extra: readonly object[] = []): object[] => [
  typed('istio.metadata_exchange', 'io.istio.http.peer_metadata.Config'),
  typed('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC'),
  ...extra,
  typed('envoy.filters.http.grpc_stats', 'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig', {
    emit_filter_state: true,
    stats_for_all_methods: false,
  }),
  struct('istio.alpn', 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig', {
    alpn_override: [{ upstream_protocol: 'HTTP11', alpn_override: ['istio-http/1.1', 'istio', 'http/1.1'] }],
  }),
  typed('envoy.filters.http.fault', 'envoy.extensions.filters.http.fault.v3.HTTPFault'),
  typed('envoy.filters.http.cors', 'envoy.extensions.filters.http.cors.v3.Cors'),
  typed('istio.stats', 'stats.PluginConfig', { tcp_reporting_duration: '15s' }),
  routerFilter,
];
const wasm = {
  name: PLUGIN,
  config_discovery: {
    config_source: ADS,
    type_urls: [WASM, `${T}/envoy.extensions.filters.http.rbac.v3.RBAC`],
  },
};

const manager = (extra: readonly object[] = []): object =>
  managerFilter([], {
    route_config: undefined,
    rds: { route_config_name: '9080', config_source: ADS },
    http_filters: filters(extra),
    server_name: 'istio-envoy',
    stream_idle_timeout: '0s',
    request_id_extension: { typed_config: { '@type': `${T}/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig` } },
  });

const http = (name: string, extra: readonly object[] = []): XdsResource =>
  resource(
    ListenerSchema,
    TYPE_URL.listener,
    name,
    listener(name, [{ filters: [manager(extra)] }], {
      traffic_direction: 'OUTBOUND',
      listener_filters: [
        typed('envoy.filters.listener.original_dst', 'envoy.extensions.filters.listener.original_dst.v3.OriginalDst'),
        typed(
          'envoy.filters.listener.tls_inspector',
          'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
        ),
        typed(
          'envoy.filters.listener.http_inspector',
          'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
        ),
      ],
      listener_filters_timeout: '0s',
      continue_on_listener_filters_timeout: true,
    }),
  );
const tcp = (name: string, extra: readonly object[] = []): XdsResource =>
  resource(
    ListenerSchema,
    TYPE_URL.listener,
    name,
    listener(name, [
      {
        filters: [
          typed('istio.stats', 'stats.PluginConfig'),
          ...extra,
          typed('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
            stat_prefix: CLUSTER,
            cluster: CLUSTER,
          }),
        ],
      },
    ]),
  );

const common = (port: number) => ({
  [TYPE_URL.cluster]: [
    resource(ClusterSchema, TYPE_URL.cluster, CLUSTER, {
      name: CLUSTER,
      type: 'EDS',
      connect_timeout: '60s',
      eds_cluster_config: { eds_config: ADS, service_name: CLUSTER },
      metadata: { filter_metadata: { istio: { services: [{ host: HOST, name: 'reviews', namespace: 'default' }] } } },
    }),
  ],
  [TYPE_URL.endpoint]: [
    resource(ClusterLoadAssignmentSchema, TYPE_URL.endpoint, CLUSTER, {
      cluster_name: CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
    }),
  ],
  [TYPE_URL.route]: [
    resource(RouteConfigurationSchema, TYPE_URL.route, '9080', {
      name: '9080',
      virtual_hosts: [
        {
          name: `${HOST}:9080`,
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: CLUSTER }, decorator: { operation: `${HOST}:9080/*` } }],
          include_request_attempt_count: true,
        },
      ],
    }),
  ],
});
const plugin = (failOpen: boolean): XdsResource =>
  resource(TypedExtensionConfigSchema, TYPE_URL.extensionConfig, PLUGIN, {
    name: PLUGIN,
    typed_config: {
      '@type': WASM,
      config: {
        name: 'default.basic-auth',
        fail_open: failOpen,
        vm_config: {
          runtime: 'envoy.wasm.runtime.v8',
          // Where nobody may ask.
          code: {
            remote: {
              http_uri: { uri: 'oci://127.0.0.1:1/basic-auth:1', cluster: '_', timeout: '30s' },
              sha256: 'nil',
            },
          },
        },
      },
    },
  });

function collecting(lines: string[]): Logger {
  const note = (message: string, fields?: Readonly<Record<string, unknown>>): void =>
    void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log: Logger = { debug: () => {}, info: () => {}, warn: note, error: note, scope: () => log };
  return log;
}

for (const apiType of ['DELTA_GRPC', 'GRPC'] as const) {
  test(`what Istio's control plane sends is taken over ${apiType}`, async (t) => {
    const app = await startApp((_, response) => response.end('served'));
    const backend = new MapBackend();
    backend.set({
      ...common(app.port),
      [TYPE_URL.listener]: [http('0.0.0.0_9080'), tcp('10.0.0.1_9000'), http('plugged', [wasm])],
      [TYPE_URL.extensionConfig]: [plugin(false)],
    });
    const grpc = new GrpcServer({ clock });
    new XdsServer({ backend, clock }).register(grpc);
    const server = await listenGrpc({ host: '127.0.0.1', port: 0, log: silentLogger }, (stream) => grpc.accept(stream));
    const lines: string[] = [];
    const bootstrap = await readBootstrap(
      JSON.stringify({
        node: {
          id: 'sidecar~10.0.0.9~web-5d.default~default.svc.cluster.local',
          cluster: 'web.default',
          metadata: {
            ...{ NAMESPACE: 'default', SERVICE_ACCOUNT: 'web', ISTIO_VERSION: '1.31.0', CLUSTER_ID: 'Kubernetes' },
            ...{
              INSTANCE_IPS: '10.0.0.9',
              LABELS: { app: 'web' },
              PROXY_CONFIG: { concurrency: 2 },
              SOMETHING_NEW: [1],
            },
          },
        },
        dynamic_resources: {
          ads_config: {
            api_type: apiType,
            set_node_on_first_message_only: true,
            transport_api_version: 'V3',
            grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
          },
          cds_config: ADS,
          lds_config: ADS,
        },
        static_resources: {
          clusters: [
            cluster('xds-grpc', [server.port], {
              typed_extension_protocol_options: {
                'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
                  '@type': `${T}/envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
                  explicit_http_config: { http2_protocol_options: {} },
                },
              },
            }),
          ],
        },
      }),
    );
    const log = collecting(lines);
    const proxy = await runProxy([], [], undefined, { bootstrap, log });
    const sources = new ProxySources({ clock, random: new SystemRandom(), log, bootstrap });
    sources.follow(proxy.handle.proxy);
    t.after(() => {
      sources.close();
      proxy.close();
      void server.close(0);
      app.close();
    });
    await until('everything', () => proxy.handle.proxy.config.ready && proxy.port('plugged') !== 0);
    const status = async (name: string) => (await fetchText(proxy.port(name), '/')).status;
    assert.equal(await status('0.0.0.0_9080'), 200, 'its HTTP filters');
    assert.equal((await fetchText(proxy.port('10.0.0.1_9000'), '/')).body, 'served', 'its network filters');
    assert.deepEqual(backend.rejections, []);

    assert.equal(await status('plugged'), 503, 'a plugin that must run lets nothing pass');
    assert.ok(
      lines.some((line) => line.includes('default.basic-auth')),
      'and is named',
    );
    backend.set({ [TYPE_URL.extensionConfig]: [plugin(true)] });
    await until('the plugin that may fail open', async () => (await status('plugged')) === 200);

    backend.set({
      [TYPE_URL.listener]: [
        http('0.0.0.0_9080'),
        http('plugged', [struct('envoy.filters.http.odd', 'istio.envoy.config.filter.http.Odd')]),
        tcp('10.0.0.1_9000', [struct('envoy.filters.network.odd', 'istio.Odd')]),
      ],
    });
    await until('the refusal', () => backend.rejections.length > 0);
    const told = backend.rejections.map(({ detail }) => detail).join();
    assert.match(told, /plugged.*istio\.envoy\.config\.filter\.http\.Odd/s);
    for (const name of ['0.0.0.0_9080', 'plugged', '10.0.0.1_9000'])
      assert.equal(await status(name), 200, `${name} goes on as it was`);
  });
}
