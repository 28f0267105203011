// What a control plane of Istio's sends a sidecar and a gateway, written from its documented dialect: names, filters, chains and
// matches of inventory §3.2–§3.8, with everything that a real one puts beside what is needed.
import { createHash } from 'node:crypto';
import {
  create,
  createMutableRegistry,
  createFileRegistry,
  type DescMessage,
  fromJson,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { TYPE_URL, type XdsResource } from '#base';
import { loadTypes } from '#proto';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { TypedExtensionConfigSchema } from '#proto/envoy/config/core/v3/extension_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';

type Json = Readonly<Record<string, unknown>>;
const T = 'type.googleapis.com';
const ADS = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
const SDS = {
  api_config_source: {
    api_type: 'GRPC',
    grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }],
    set_node_on_first_message_only: true,
    transport_api_version: 'V3',
  },
  initial_fetch_timeout: '0s',
  resource_api_version: 'V3',
};

/** Types of Istio's own that this project has no messages for; a real one sends them as they are. */
function istioFile(name: string, pkg: string, message: string, fields: readonly string[]): object {
  return create(FileDescriptorProtoSchema, {
    name,
    package: pkg,
    syntax: 'proto3',
    messageType: [
      {
        name: message,
        field: fields.map((field, i) => ({ name: field, number: i + 1, type: 9, label: 1, jsonName: field })),
      },
    ],
  });
}

let known: Registry | undefined;
async function types(): Promise<Registry> {
  if (known !== undefined) return known;
  const all = createMutableRegistry(...(await loadTypes()));
  for (const file of [
    istioFile('alpn.proto', 'istio.envoy.config.filter.http.alpn.v2alpha1', 'FilterConfig', ['odd']),
    istioFile('mx.proto', 'envoy.tcp.metadataexchange.config', 'MetadataExchange', ['protocol']),
  ])
    for (const one of createFileRegistry(file as never, () => undefined)) all.add(one);
  known = all;
  return all;
}

export async function encode(typeUrl: string, name: string, json: object): Promise<XdsResource> {
  const schema = SCHEMAS[typeUrl] as DescMessage;
  const bytes = toBinary(
    schema,
    fromJson(schema, JSON.parse(JSON.stringify(json)) as never, { registry: await types() }),
  );
  return { typeUrl, name, bytes, version: createHash('sha256').update(bytes).digest('hex').slice(0, 16), origins: [] };
}

const SCHEMAS: Readonly<Record<string, DescMessage>> = {
  [TYPE_URL.cluster]: ClusterSchema,
  [TYPE_URL.endpoint]: ClusterLoadAssignmentSchema,
  [TYPE_URL.listener]: ListenerSchema,
  [TYPE_URL.route]: RouteConfigurationSchema,
  [TYPE_URL.extensionConfig]: TypedExtensionConfigSchema,
};

const typed = (name: string, type: string, config: Json = {}): Json => ({
  name,
  typed_config: { '@type': `${T}/${type}`, ...config },
});
const struct = (name: string, type: string, value: Json = {}): Json =>
  typed(name, 'udpa.type.v1.TypedStruct', { type_url: `${T}/${type}`, value });
const at = (address: string, port: number): Json => ({ socket_address: { address, port_value: port } });

const MX_TCP = typed('istio.metadata_exchange', 'envoy.tcp.metadataexchange.config.MetadataExchange', {
  protocol: 'istio-peer-exchange',
});
const MX_HTTP = struct('istio.metadata_exchange', 'io.istio.http.peer_metadata.Config', {
  upstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }],
  upstream_propagation: [{ istio_headers: { skip_external_clusters: true } }],
});
const STATS = typed('istio.stats', 'stats.PluginConfig', { disable_host_header_fallback: true });
const LOG_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';
const LOG = [
  typed('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', {
    path: '/dev/null',
    log_format: { text_format_source: { inline_string: LOG_FORMAT } },
  }),
];
/** Of listeners: connections that no chain takes. */
const NO_CHAIN_LOG = LOG.map((log) => ({ ...log, filter: { response_flag_filter: { flags: ['NR'] } } }));

function tcpProxy(cluster: string, extra: Json = {}): Json {
  return typed('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: cluster,
    cluster,
    access_log: LOG,
    idle_timeout: '0s',
    ...extra,
  });
}

const LISTENER_FILTERS = {
  originalDst: typed(
    'envoy.filters.listener.original_dst',
    'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
  ),
  tls: typed('envoy.filters.listener.tls_inspector', 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'),
  http: typed(
    'envoy.filters.listener.http_inspector',
    'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
  ),
};

function manager(statPrefix: string, routes: Json, inbound: boolean, before: readonly Json[] = []): Json {
  return typed(
    'envoy.filters.network.http_connection_manager',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: statPrefix,
      ...routes,
      http_filters: [
        MX_HTTP,
        ...before,
        typed('envoy.filters.http.grpc_stats', 'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig', {
          emit_filter_state: true,
          stats_for_all_methods: false,
        }),
        ...(inbound
          ? []
          : [typed('istio.alpn', 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig', { odd: 'taken whole' })]),
        typed('envoy.filters.http.fault', 'envoy.extensions.filters.http.fault.v3.HTTPFault'),
        typed('envoy.filters.http.cors', 'envoy.extensions.filters.http.cors.v3.Cors'),
        STATS,
        typed('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router'),
      ],
      tracing: {
        client_sampling: { value: 100 },
        random_sampling: { value: 1 },
        overall_sampling: { value: 100 },
        custom_tags: [
          { tag: 'istio.canonical_service', literal: { value: 'reviews' } },
          {
            tag: 'istio.authorization.dry_run.allow_policy.name',
            metadata: {
              kind: { request: {} },
              metadata_key: {
                key: 'envoy.filters.http.rbac',
                path: [{ key: 'istio_dry_run_allow_shadow_effective_policy_id' }],
              },
            },
          },
        ],
      },
      use_remote_address: false,
      ...(inbound
        ? {
            server_name: 'istio-envoy',
            forward_client_cert_details: 'APPEND_FORWARD',
            set_current_client_cert_details: { subject: true, dns: true, uri: true },
          }
        : {}),
      access_log: LOG,
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      stream_idle_timeout: '0s',
      normalize_path: true,
      path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
      request_id_extension: {
        typed_config: {
          '@type': `${T}/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig`,
          use_request_id_for_trace_sampling: true,
        },
      },
      proxy_100_continue: true,
    },
  );
}

function route(cluster: string, operation: string): Json {
  return {
    name: 'default',
    match: { prefix: '/' },
    route: {
      cluster,
      timeout: '0s',
      max_grpc_timeout: '0s',
      retry_policy: {
        retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
        num_retries: 2,
        retry_host_predicate: [
          typed(
            'envoy.retry_host_predicates.previous_hosts',
            'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
          ),
        ],
        host_selection_retry_max_attempts: 5,
        retriable_status_codes: [503],
      },
    },
    decorator: { operation },
    metadata: {
      filter_metadata: { istio: { config: '/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews' } },
    },
  };
}

const mesh = (inbound: boolean, alpn: readonly string[], sans: readonly string[] = [], sni?: string): Json => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: {
    '@type': `${T}/envoy.extensions.transport_sockets.tls.v3.${inbound ? 'Downstream' : 'Upstream'}TlsContext`,
    ...(inbound ? { require_client_certificate: true } : { sni }),
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
      alpn_protocols: alpn,
      tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: SDS }],
      combined_validation_context: {
        default_validation_context: {
          match_subject_alt_names: inbound ? [{ prefix: 'spiffe://cluster.local/' }] : sans.map((exact) => ({ exact })),
        },
        validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: SDS },
      },
    },
  },
});

function istioMetadata(host: string, name: string): Json {
  return {
    filter_metadata: {
      istio: { services: [{ host, name, namespace: 'default' }], default_original_port: 9080, subset: 'v1' },
    },
  };
}

const limits = {
  thresholds: [
    {
      max_connections: 4294967295,
      max_pending_requests: 4294967295,
      max_requests: 4294967295,
      max_retries: 4294967295,
      track_remaining: true,
    },
  ],
};

function outbound(name: string, host: string, service: string, sans: readonly string[], http: boolean): Json {
  const port = name.split('|')[1] ?? '';
  return {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: ADS, service_name: name },
    connect_timeout: '10s',
    lb_policy: 'LEAST_REQUEST',
    circuit_breakers: limits,
    common_lb_config: {},
    alt_stat_name: `${name};`,
    filters: [MX_TCP],
    metadata: istioMetadata(host, service),
    ...(http
      ? {
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': `${T}/envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
              use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
            },
          },
        }
      : {}),
    transport_socket_matches: [
      {
        name: 'tlsMode-istio',
        match: { tlsMode: 'istio' },
        transport_socket: mesh(false, ['istio-peer-exchange', 'istio'], sans, `outbound_.${port}_._.${host}`),
      },
      {
        name: 'tlsMode-disabled',
        match: {},
        transport_socket: typed(
          'envoy.transport_sockets.raw_buffer',
          'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
        ),
      },
    ],
  };
}

function originalDestination(name: string, bind: boolean): Json {
  return {
    name,
    type: 'ORIGINAL_DST',
    connect_timeout: '10s',
    lb_policy: 'CLUSTER_PROVIDED',
    circuit_breakers: limits,
    cleanup_interval: '60s',
    filters: [MX_TCP],
    ...(bind ? { upstream_bind_config: { source_address: { address: '127.0.0.6', port_value: 0 } } } : {}),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${T}/envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
        common_http_protocol_options: { idle_timeout: '300s' },
        use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
      },
    },
  };
}

function endpoint(address: string, port: number, mtls: boolean): Json {
  return {
    endpoint: { address: at(address, port) },
    health_status: 'HEALTHY',
    load_balancing_weight: 1,
    metadata: {
      filter_metadata: {
        istio: { workload: 'reviews-v1;default;reviews;v1;Kubernetes' },
        ...(mtls ? { 'envoy.transport_socket_match': { tlsMode: 'istio' } } : {}),
      },
    },
  };
}

function assignment(name: string, endpoints: readonly Json[]): Json {
  return {
    cluster_name: name,
    endpoints: [
      { locality: { region: 'eu', zone: 'a' }, load_balancing_weight: endpoints.length, lb_endpoints: endpoints },
    ],
  };
}

export const IN_MESH = 'reviews.default.svc.cluster.local';
export const DATABASE = 'db.default.svc.cluster.local';
export const VIP = '10.96.0.7';

export interface SidecarFacts {
  /** Where virtualInbound and virtualOutbound listen. */
  readonly inboundPort: number;
  readonly outboundPort: number;
  /** The application's ports: declared as HTTP, as TCP, and not at all. */
  readonly httpPort: number;
  readonly tcpPort: number;
  readonly serverId: string;
}

type Set_ = Readonly<Record<string, readonly XdsResource[]>>;
async function all(
  typeUrl: string,
  items: readonly (Json & { readonly name?: unknown; readonly cluster_name?: unknown })[],
): Promise<readonly XdsResource[]> {
  return await Promise.all(items.map((one) => encode(typeUrl, String(one.name ?? one.cluster_name), one)));
}

/** One proxy that is both a client's sidecar and a server's: its endpoints lead to its own inbound listener. */
export async function sidecar(facts: SidecarFacts): Promise<Set_> {
  const { inboundPort, httpPort, tcpPort, serverId } = facts;
  const reviews = `outbound|9080||${IN_MESH}`;
  const plain = `outbound|9080|plain|${IN_MESH}`;
  const other = `outbound|9080|other|${IN_MESH}`;
  const database = `outbound|3306||${DATABASE}`;
  return {
    [TYPE_URL.cluster]: await all(TYPE_URL.cluster, [
      outbound(reviews, IN_MESH, 'reviews', [serverId], true),
      outbound(plain, IN_MESH, 'reviews', [serverId], true),
      outbound(other, IN_MESH, 'reviews', [serverId], true),
      outbound(database, DATABASE, 'db', [serverId], false),
      { name: 'BlackHoleCluster', type: 'STATIC', connect_timeout: '10s' },
      originalDestination('PassthroughCluster', false),
      originalDestination('InboundPassthroughCluster', true),
      originalDestination(`inbound|${httpPort}||`, true),
      originalDestination(`inbound|${tcpPort}||`, true),
    ]),
    [TYPE_URL.endpoint]: await all(TYPE_URL.endpoint, [
      assignment(reviews, [endpoint('127.0.0.1', inboundPort, true)]),
      assignment(plain, [endpoint('127.0.0.1', inboundPort, false)]),
      assignment(other, [endpoint('127.0.0.1', inboundPort, true)]),
      assignment(database, [endpoint('127.0.0.1', inboundPort, true)]),
    ]),
    [TYPE_URL.listener]: await all(TYPE_URL.listener, [
      virtualOutbound(facts),
      outboundHttp(),
      outboundTcp(database),
      virtualInbound(facts),
    ]),
    [TYPE_URL.route]: await all(TYPE_URL.route, [
      {
        name: '9080',
        virtual_hosts: [
          {
            name: `${IN_MESH}:9080`,
            domains: [IN_MESH, `${IN_MESH}.`, 'reviews', 'reviews.default.svc', 'reviews.default', VIP],
            routes: [
              {
                ...route(plain, `${IN_MESH}:9080/*`),
                match: { prefix: '/', headers: [{ name: 'x-plain', present_match: true }] },
              },
              {
                ...route(other, `${IN_MESH}:9080/*`),
                match: { prefix: '/', headers: [{ name: 'x-other', present_match: true }] },
              },
              route(reviews, `${IN_MESH}:9080/*`),
            ],
            include_request_attempt_count: true,
          },
          {
            name: 'allow_any',
            domains: ['*'],
            routes: [
              {
                name: 'allow_any',
                match: { prefix: '/' },
                route: { cluster: 'PassthroughCluster', timeout: '0s', max_grpc_timeout: '0s' },
              },
            ],
            include_request_attempt_count: true,
          },
        ],
        validate_clusters: false,
        max_direct_response_body_size_bytes: 1048576,
        ignore_port_in_host_matching: true,
      },
    ]),
  };
}

function virtualOutbound({ outboundPort }: SidecarFacts): Json {
  return {
    name: 'virtualOutbound',
    address: at('127.0.0.1', outboundPort),
    use_original_dst: true,
    traffic_direction: 'OUTBOUND',
    access_log: NO_CHAIN_LOG,
    max_connections_to_accept_per_socket_event: 1,
    filter_chains: [
      {
        name: 'virtualOutbound-blackhole',
        filter_chain_match: { destination_port: 15001 },
        filters: [STATS, tcpProxy('BlackHoleCluster')],
      },
    ],
    default_filter_chain: {
      name: 'virtualOutbound-catchall-tcp',
      filters: [STATS, tcpProxy('PassthroughCluster')],
    },
  };
}

function outboundHttp(): Json {
  return {
    name: '0.0.0.0_9080',
    address: at('0.0.0.0', 9080),
    bind_to_port: false,
    traffic_direction: 'OUTBOUND',
    access_log: NO_CHAIN_LOG,
    listener_filters: [LISTENER_FILTERS.tls, LISTENER_FILTERS.http],
    listener_filters_timeout: '0s',
    continue_on_listener_filters_timeout: true,
    filter_chains: [
      {
        filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1', 'h2c'] },
        filters: [manager('outbound_0.0.0.0_9080', { rds: { route_config_name: '9080', config_source: ADS } }, false)],
      },
    ],
    default_filter_chain: { name: 'PassthroughFilterChain', filters: [STATS, tcpProxy('PassthroughCluster')] },
  };
}

function outboundTcp(cluster: string): Json {
  return {
    name: `${VIP}_3306`,
    address: at(VIP, 3306),
    bind_to_port: false,
    traffic_direction: 'OUTBOUND',
    access_log: NO_CHAIN_LOG,
    filter_chains: [{ filters: [STATS, tcpProxy(cluster)] }],
  };
}

const MESH_ALPN = ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'];

function virtualInbound({ inboundPort, httpPort, tcpPort }: SidecarFacts): Json {
  const routes = (cluster: string): Json => ({
    route_config: {
      name: cluster,
      virtual_hosts: [
        {
          name: `inbound|http|${cluster.split('|')[1] ?? ''}`,
          domains: ['*'],
          routes: [
            {
              name: 'default',
              match: { prefix: '/' },
              route: {
                cluster,
                timeout: '0s',
                max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' },
              },
              decorator: { operation: `${IN_MESH}:9080/*` },
            },
          ],
        },
      ],
      validate_clusters: false,
    },
  });
  const rbac = typed('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', {
    shadow_rules_stat_prefix: 'istio_dry_run_allow_',
    rules: {
      action: 'DENY',
      policies: {
        'ns[default]-policy[no-admin]-rule[0]': {
          permissions: [
            { and_rules: { rules: [{ or_rules: { rules: [{ url_path: { path: { prefix: '/admin' } } }] } }] } },
          ],
          principals: [{ and_ids: { ids: [{ any: true }] } }],
        },
      },
    },
  });
  const http = (name: string, match: Json, cluster: string, tls: boolean): Json => ({
    name,
    filter_chain_match: match,
    filters: [
      ...(tls ? [MX_TCP] : []),
      manager(`inbound_0.0.0.0_${cluster.split('|')[1] ?? ''}`, routes(cluster), true, [rbac]),
    ],
    ...(tls ? { transport_socket: mesh(true, ['h2', 'http/1.1']) } : {}),
  });
  const tcp = (name: string, match: Json, cluster: string, tls: boolean): Json => ({
    name,
    filter_chain_match: match,
    filters: [...(tls ? [MX_TCP] : []), STATS, tcpProxy(cluster)],
    ...(tls ? { transport_socket: mesh(true, ['istio-peer-exchange', 'h2', 'http/1.1']) } : {}),
  });
  const declared = (port: number): Json => ({ destination_port: port });
  const skip = [httpPort, tcpPort].map((port) => ({ destination_port_range: { start: port, end: port + 1 } }));
  const passthrough = 'InboundPassthroughCluster';
  return {
    name: 'virtualInbound',
    address: at('127.0.0.1', inboundPort),
    use_original_dst: true,
    traffic_direction: 'INBOUND',
    access_log: NO_CHAIN_LOG,
    max_connections_to_accept_per_socket_event: 1,
    connection_balance_config: { exact_balance: {} },
    continue_on_listener_filters_timeout: true,
    listener_filters_timeout: '0s',
    listener_filters: [
      LISTENER_FILTERS.originalDst,
      { ...LISTENER_FILTERS.tls },
      { ...LISTENER_FILTERS.http, filter_disabled: { or_match: { rules: skip } } },
    ],
    filter_chains: [
      {
        name: 'virtualInbound-blackhole',
        filter_chain_match: declared(15006),
        filters: [STATS, tcpProxy('BlackHoleCluster')],
      },
      http(
        'virtualInbound-catchall-http',
        { transport_protocol: 'tls', application_protocols: ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'] },
        passthrough,
        true,
      ),
      http(
        'virtualInbound-catchall-http',
        { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1', 'h2c'] },
        passthrough,
        false,
      ),
      tcp(
        'virtualInbound',
        { transport_protocol: 'tls', application_protocols: ['istio-peer-exchange', 'istio'] },
        passthrough,
        true,
      ),
      tcp('virtualInbound', { transport_protocol: 'raw_buffer' }, passthrough, false),
      tcp('virtualInbound', { transport_protocol: 'tls' }, passthrough, false),
      http(
        `0.0.0.0_${httpPort}`,
        { ...declared(httpPort), transport_protocol: 'tls', application_protocols: MESH_ALPN },
        `inbound|${httpPort}||`,
        true,
      ),
      http(
        `0.0.0.0_${httpPort}`,
        { ...declared(httpPort), transport_protocol: 'raw_buffer' },
        `inbound|${httpPort}||`,
        false,
      ),
      tcp(
        `0.0.0.0_${tcpPort}`,
        { ...declared(tcpPort), transport_protocol: 'tls', application_protocols: MESH_ALPN },
        `inbound|${tcpPort}||`,
        true,
      ),
      tcp(`0.0.0.0_${tcpPort}`, { ...declared(tcpPort), transport_protocol: 'tls' }, `inbound|${tcpPort}||`, false),
      tcp(
        `0.0.0.0_${tcpPort}`,
        { ...declared(tcpPort), transport_protocol: 'raw_buffer' },
        `inbound|${tcpPort}||`,
        false,
      ),
    ],
  };
}
