// A bootstrap that both proxies take, and what is done to it: one place of it replaced each time. Expected is only that both say the same.

const T = 'type.googleapis.com';
const typed = (name: string, type: string, config: object = {}): object => ({
  name,
  typed_config: { '@type': `${T}/${type}`, ...config },
});
const socket = (port: unknown = 0, address: unknown = '127.0.0.1'): object => ({
  socket_address: { address, port_value: port },
});
const ROUTER = typed('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router');
const toC = { match: { prefix: '/' }, route: { cluster: 'c' } };

/** Both take it. */
export const BASE: object = {
  node: { id: 'n', cluster: 'c' },
  static_resources: {
    listeners: [
      {
        name: 'http',
        address: socket(),
        filter_chains: [
          {
            filters: [
              typed(
                'envoy.filters.network.http_connection_manager',
                'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                {
                  stat_prefix: 'h',
                  http_filters: [ROUTER],
                  route_config: { name: 'r', virtual_hosts: [{ name: 'v', domains: ['*'], routes: [toC] }] },
                },
              ),
            ],
          },
        ],
      },
      {
        name: 'tcp',
        address: socket(),
        filter_chains: [
          {
            filters: [
              typed('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
                stat_prefix: 't',
                cluster: 'c',
              }),
            ],
          },
        ],
      },
    ],
    clusters: [
      {
        name: 'c',
        type: 'STATIC',
        connect_timeout: '1s',
        load_assignment: {
          cluster_name: 'c',
          endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(9) } }] }],
        },
      },
    ],
  },
};

type Path = readonly (string | number)[];
export type Mutation = readonly [name: string, path: Path, value: unknown];
/** Takes the place away. */
const GONE = Symbol('gone');

export function applyAt(base: object, path: Path, value: unknown): object {
  const copy = structuredClone(base) as Record<string, unknown>;
  let at: Record<string | number, unknown> = copy;
  for (const step of path.slice(0, -1)) at = (at[step] ??= {}) as Record<string | number, unknown>;
  const last = path.at(-1) as string | number;
  if (value === GONE) delete at[last];
  else at[last] = value;
  return copy;
}

const S = 'static_resources';
const L: Path = [S, 'listeners', 0];
const CHAIN: Path = [...L, 'filter_chains', 0];
const HCM: Path = [...CHAIN, 'filters', 0, 'typed_config'];
const VH: Path = [...HCM, 'route_config', 'virtual_hosts', 0];
const ROUTE: Path = [...VH, 'routes', 0];
const TCP: Path = [S, 'listeners', 1, 'filter_chains', 0, 'filters', 0, 'typed_config'];
const C: Path = [S, 'clusters', 0];
const LA: Path = [...C, 'load_assignment'];
const filters = (...list: readonly object[]): Mutation[2] => [...list, ROUTER];
const fault = (config: object): Mutation[2] =>
  filters(typed('envoy.filters.http.fault', 'envoy.extensions.filters.http.fault.v3.HTTPFault', config));
const rbac = (config: object): Mutation[2] =>
  filters(typed('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', config));
const jwt = (config: object): Mutation[2] =>
  filters(typed('jwt', 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', config));
const limit = (config: object): Mutation[2] =>
  filters(typed('l', 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', config));
const log = (config: object): Mutation[2] => [
  typed('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', config),
];
const text = (inline: string): Mutation[2] =>
  log({ path: '/dev/null', log_format: { text_format_source: { inline_string: inline } } });
const tls = (config: object): object =>
  typed('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', config);
const serverTls = (config: object): object =>
  typed('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', config);
const route = (action: object, match: object = { prefix: '/' }): object => ({
  match,
  route: { cluster: 'c', ...action },
});

export const MUTATIONS: readonly Mutation[] = [
  ['as it is', ['node', 'id'], 'm'],
  // Unknown fields, wrong types.
  ['unknown field of the bootstrap', ['static_resorces'], {}],
  ['unknown field of a listener', [...L, 'adress'], {}],
  ['unknown field of a manager', [...HCM, 'stat_prefixx'], 'x'],
  ['unknown field of a route', [...ROUTE, 'rout'], {}],
  ['unknown field of a cluster', [...C, 'lb_polic'], 'x'],
  ['text for a number', [...C, 'per_connection_buffer_limit_bytes'], 'many'],
  ['a number in text', [...C, 'per_connection_buffer_limit_bytes'], '1024'],
  ['a negative number', [...C, 'per_connection_buffer_limit_bytes'], -1],
  ['a number beyond 32 bits', [...C, 'per_connection_buffer_limit_bytes'], 4294967296],
  ['a fraction for a number', [...C, 'per_connection_buffer_limit_bytes'], 1.5],
  ['camel case', [...C, 'connectTimeout'], '2s'],
  ['null for a message', [...C, 'circuit_breakers'], null],
  ['a list for a message', [...C, 'circuit_breakers'], []],
  // Enumerations.
  ['unknown lb_policy', [...C, 'lb_policy'], 'FASTEST'],
  ['a number as lb_policy', [...C, 'lb_policy'], 1],
  ['a number nobody knows as lb_policy', [...C, 'lb_policy'], 99],
  ['lb_policy CLUSTER_PROVIDED of a static cluster', [...C, 'lb_policy'], 'CLUSTER_PROVIDED'],
  ['lb_policy MAGLEV', [...C, 'lb_policy'], 'MAGLEV'],
  ['maglev table of no prime', C, { ...clusterWith({ lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 100 } }) }],
  [
    'ring sizes the wrong way',
    C,
    {
      ...clusterWith({ lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: 10, maximum_ring_size: 5 } }),
    },
  ],
  [
    'a ring that is too large',
    C,
    { ...clusterWith({ lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: 9000000 } }) },
  ],
  ['unknown codec', [...HCM, 'codec_type'], 'HTTP9'],
  ['unknown traffic direction', [...L, 'traffic_direction'], 'SIDEWAYS'],
  // Durations.
  ['a duration without a unit', [...C, 'connect_timeout'], '1'],
  ['a duration in minutes', [...C, 'connect_timeout'], '1m'],
  ['a negative connect timeout', [...C, 'connect_timeout'], '-1s'],
  ['no connect timeout', [...C, 'connect_timeout'], '0s'],
  ['a duration beyond protobuf', [...C, 'connect_timeout'], '999999999999999s'],
  ['a negative route timeout', ROUTE, route({ timeout: '-1s' })],
  ['a fraction of a nanosecond', [...C, 'connect_timeout'], '1.0000000001s'],
  ['a duration as an object', [...C, 'connect_timeout'], { seconds: 1 }],
  // What must be there.
  ['no listener address', [...L, 'address'], GONE],
  ['an empty address', [...L, 'address'], { socket_address: { address: '', port_value: 0 } }],
  ['an address without a port', [...L, 'address'], { socket_address: { address: '127.0.0.1' } }],
  ['a port beyond 65535', [...L, 'address'], socket(65536)],
  ['a negative port', [...L, 'address'], socket(-1)],
  ['a name as address', [...L, 'address'], socket(0, 'localhost')],
  ['no filter chains', [...L, 'filter_chains'], GONE],
  ['a chain without filters', [...CHAIN, 'filters'], []],
  ['no stat_prefix', [...HCM, 'stat_prefix'], GONE],
  ['no stat_prefix of TCP', [...TCP, 'stat_prefix'], GONE],
  ['no routes at all', [...HCM, 'route_config'], GONE],
  ['no router', [...HCM, 'http_filters'], []],
  ['routers twice', [...HCM, 'http_filters'], [ROUTER, ROUTER]],
  [
    'the router first',
    [...HCM, 'http_filters'],
    [ROUTER, typed('envoy.filters.http.cors', 'envoy.extensions.filters.http.cors.v3.Cors')],
  ],
  [
    'a filter without a name',
    [...HCM, 'http_filters'],
    filters(typed('', 'envoy.extensions.filters.http.cors.v3.Cors')),
  ],
  ['a filter without a config', [...HCM, 'http_filters'], filters({ name: 'envoy.filters.http.cors' })],
  ['a filter of an unknown type', [...HCM, 'http_filters'], filters(typed('odd', 'no.such.Filter'))],
  [
    'an optional filter of an unknown type',
    [...HCM, 'http_filters'],
    filters({
      name: 'odd',
      is_optional: true,
      typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' },
    }),
  ],
  [
    'a filter of a type that is none',
    [...HCM, 'http_filters'],
    filters({ name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } }),
  ],
  [
    'a disabled filter',
    [...HCM, 'http_filters'],
    filters({ ...typed('envoy.filters.http.cors', 'envoy.extensions.filters.http.cors.v3.Cors'), disabled: true }),
  ],
  [
    'a network filter of an unknown type',
    [...CHAIN, 'filters'],
    [{ name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } }],
  ],
  ['TCP proxy ahead of TCP proxy', [S, 'listeners', 1, 'filter_chains', 0, 'filters'], [tcpProxy(), tcpProxy()]],
  [
    'a chain that ends without a terminal filter',
    [S, 'listeners', 1, 'filter_chains', 0, 'filters'],
    [typed('envoy.filters.network.rbac', 'envoy.extensions.filters.network.rbac.v3.RBAC', { stat_prefix: 'x' })],
  ],
  ['TCP proxy without a cluster', [...TCP, 'cluster'], GONE],
  ['TCP proxy with an empty cluster', [...TCP, 'cluster'], ''],
  ['TCP proxy to an unknown cluster', [...TCP, 'cluster'], 'nobody'],
  [
    'TCP weights of nothing',
    [S, 'listeners', 1, 'filter_chains', 0, 'filters'],
    [tcpProxy({ cluster: undefined, weighted_clusters: { clusters: [] } })],
  ],
  [
    'a TCP weight of zero',
    [S, 'listeners', 1, 'filter_chains', 0, 'filters'],
    [tcpProxy({ cluster: undefined, weighted_clusters: { clusters: [{ name: 'c', weight: 0 }] } })],
  ],
  [
    'TCP with both cluster and weights',
    [S, 'listeners', 1, 'filter_chains', 0, 'filters'],
    [tcpProxy({ weighted_clusters: { clusters: [{ name: 'c', weight: 1 }] } })],
  ],
  ['TCP connect attempts of zero', [...TCP, 'max_connect_attempts'], 0],
  ['TCP tunnelling', [...TCP, 'tunneling_config'], { hostname: 'a.b:80' }],
  // Virtual hosts and routes.
  ['a virtual host without a name', [...VH, 'name'], GONE],
  ['a virtual host without domains', [...VH, 'domains'], []],
  ['an empty domain', [...VH, 'domains'], ['']],
  ['a wildcard in the middle', [...VH, 'domains'], ['a.*.b']],
  ['a domain twice in a host', [...VH, 'domains'], ['a', 'a']],
  ['a domain twice but for case', [...VH, 'domains'], ['a', 'A']],
  [
    'a domain of two hosts',
    [...HCM, 'route_config', 'virtual_hosts'],
    [
      { name: 'v', domains: ['a'], routes: [toC] },
      { name: 'w', domains: ['a'], routes: [toC] },
    ],
  ],
  [
    'two virtual hosts of one name',
    [...HCM, 'route_config', 'virtual_hosts'],
    [
      { name: 'v', domains: ['a'], routes: [toC] },
      { name: 'v', domains: ['b'], routes: [toC] },
    ],
  ],
  ['a route without a match', ROUTE, { route: { cluster: 'c' } }],
  ['an empty match', ROUTE, { match: {}, route: { cluster: 'c' } }],
  ['a route without an action', ROUTE, { match: { prefix: '/' } }],
  ['a route with two actions', ROUTE, { match: { prefix: '/' }, route: { cluster: 'c' }, redirect: {} }],
  ['a match with two paths', ROUTE, route({}, { prefix: '/', path: '/a' })],
  ['an empty regex', ROUTE, route({}, { safe_regex: { regex: '' } })],
  ['a broken regex', ROUTE, route({}, { safe_regex: { regex: '(' } })],
  ['a regex with look-around', ROUTE, route({}, { safe_regex: { regex: '(?=a)' } })],
  ['a regex with a back reference', ROUTE, route({}, { safe_regex: { regex: '(a)\\1' } })],
  ['a separated prefix that ends with a slash', ROUTE, route({}, { path_separated_prefix: '/a/' })],
  ['a separated prefix', ROUTE, route({}, { path_separated_prefix: '/a' })],
  [
    'a path template',
    ROUTE,
    route(
      {},
      {
        path_match_policy: typed('t', 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', {
          path_template: '/{a}/b',
        }),
      },
    ),
  ],
  [
    'a broken path template',
    ROUTE,
    route(
      {},
      {
        path_match_policy: typed('t', 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', {
          path_template: '/{a',
        }),
      },
    ),
  ],
  ['a header match without a name', ROUTE, route({}, { prefix: '/', headers: [{ present_match: true }] })],
  ['a header match of old', ROUTE, route({}, { prefix: '/', headers: [{ name: 'a', exact_match: 'b' }] })],
  [
    'a header match with a broken regex',
    ROUTE,
    route({}, { prefix: '/', headers: [{ name: 'a', string_match: { safe_regex: { regex: '[' } } }] }),
  ],
  ['a header range', ROUTE, route({}, { prefix: '/', headers: [{ name: 'a', range_match: { start: 5, end: 1 } }] })],
  ['a query match without a name', ROUTE, route({}, { prefix: '/', query_parameters: [{ present_match: true }] })],
  [
    'a query match with an empty exact',
    ROUTE,
    route({}, { prefix: '/', query_parameters: [{ name: 'a', string_match: { exact: '' } }] }),
  ],
  [
    'a string match with an empty prefix',
    ROUTE,
    route({}, { prefix: '/', headers: [{ name: 'a', string_match: { prefix: '' } }] }),
  ],
  ['a string match of nothing', ROUTE, route({}, { prefix: '/', headers: [{ name: 'a', string_match: {} }] })],
  ['a route to an unknown cluster', ROUTE, route({ cluster: 'nobody' })],
  [
    'a route to an unknown cluster, not validated',
    [...HCM, 'route_config'],
    {
      validate_clusters: false,
      virtual_hosts: [{ name: 'v', domains: ['*'], routes: [route({ cluster: 'nobody' })] }],
    },
  ],
  ['a mirror', ROUTE, route({ request_mirror_policies: [{ cluster: 'c' }] })],
  ['a mirror to an unknown cluster', ROUTE, route({ request_mirror_policies: [{ cluster: 'nobody' }] })],
  ['a mirror without a cluster', ROUTE, route({ request_mirror_policies: [{}] })],
  ['weights of nothing', ROUTE, { match: { prefix: '/' }, route: { weighted_clusters: { clusters: [] } } }],
  [
    'weights that sum to zero',
    ROUTE,
    { match: { prefix: '/' }, route: { weighted_clusters: { clusters: [{ name: 'c', weight: 0 }] } } },
  ],
  [
    'a weight without a name',
    ROUTE,
    { match: { prefix: '/' }, route: { weighted_clusters: { clusters: [{ weight: 1 }] } } },
  ],
  [
    'a weight of an unknown cluster',
    ROUTE,
    { match: { prefix: '/' }, route: { weighted_clusters: { clusters: [{ name: 'nobody', weight: 1 }] } } },
  ],
  [
    'weights beyond 32 bits',
    ROUTE,
    {
      match: { prefix: '/' },
      route: {
        weighted_clusters: {
          clusters: [
            { name: 'c', weight: 4294967295 },
            { name: 'c', weight: 1 },
          ],
        },
      },
    },
  ],
  ['cluster_header', ROUTE, { match: { prefix: '/' }, route: { cluster_header: 'x-c' } }],
  ['an empty cluster_header', ROUTE, { match: { prefix: '/' }, route: { cluster_header: '' } }],
  [
    'two rewrites of a path',
    ROUTE,
    route({ prefix_rewrite: '/a', regex_rewrite: { pattern: { regex: 'a' }, substitution: 'b' } }),
  ],
  ['two rewrites of a host', ROUTE, route({ host_rewrite_literal: 'a', auto_host_rewrite: true })],
  ['a rewrite with a newline', ROUTE, route({ prefix_rewrite: '/a\n' })],
  ['a host rewrite with a newline', ROUTE, route({ host_rewrite_literal: 'a\r\n' })],
  [
    'a substitution of a group that is not there',
    ROUTE,
    route({ regex_rewrite: { pattern: { regex: 'a' }, substitution: '\\1' } }),
  ],
  ['a broken substitution', ROUTE, route({ regex_rewrite: { pattern: { regex: 'a' }, substitution: '\\' } })],
  ['auto_host_rewrite to a static cluster', ROUTE, route({ auto_host_rewrite: true })],
  ['a hash policy of nothing', ROUTE, route({ hash_policy: [{}] })],
  ['a hash policy without a header name', ROUTE, route({ hash_policy: [{ header: {} }] })],
  ['a hash cookie', ROUTE, route({ hash_policy: [{ cookie: { name: 'a', ttl: '1s' } }] })],
  ['unknown retry words', ROUTE, route({ retry_policy: { retry_on: 'full-moon' } })],
  [
    'a back-off without a base',
    ROUTE,
    route({ retry_policy: { retry_on: '5xx', retry_back_off: { max_interval: '1s' } } }),
  ],
  [
    'a back-off that shrinks',
    ROUTE,
    route({ retry_policy: { retry_on: '5xx', retry_back_off: { base_interval: '2s', max_interval: '1s' } } }),
  ],
  [
    'a back-off of nothing',
    ROUTE,
    route({ retry_policy: { retry_on: '5xx', retry_back_off: { base_interval: '0s' } } }),
  ],
  [
    'an unknown retry predicate',
    ROUTE,
    route({
      retry_policy: {
        retry_on: '5xx',
        retry_host_predicate: [
          { name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } },
        ],
      },
    }),
  ],
  [
    'a redirect to a path twice',
    ROUTE,
    { match: { prefix: '/' }, redirect: { path_redirect: '/a', prefix_rewrite: '/b' } },
  ],
  ['a redirect with an unknown code', ROUTE, { match: { prefix: '/' }, redirect: { response_code: 'GONE' } }],
  [
    'a redirect to http and https',
    ROUTE,
    { match: { prefix: '/' }, redirect: { https_redirect: true, scheme_redirect: 'http' } },
  ],
  ['a direct answer without a status', ROUTE, { match: { prefix: '/' }, direct_response: {} }],
  ['a direct answer with status 99', ROUTE, { match: { prefix: '/' }, direct_response: { status: 99 } }],
  ['a direct answer with status 600', ROUTE, { match: { prefix: '/' }, direct_response: { status: 600 } }],
  [
    'a direct answer with status 200',
    ROUTE,
    { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'x' } } },
  ],
  [
    'a direct answer that is too long',
    ROUTE,
    { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'x'.repeat(5000) } } },
  ],
  [
    'a direct answer from a file that is not there',
    ROUTE,
    { match: { prefix: '/' }, direct_response: { status: 200, body: { filename: '/nonexistent' } } },
  ],
  ['a header to add without a name', [...ROUTE, 'request_headers_to_add'], [{ header: { key: '', value: 'a' } }]],
  ['a header to add with a bad name', [...ROUTE, 'request_headers_to_add'], [{ header: { key: 'a b', value: 'a' } }]],
  [
    'a header to add that is a pseudo header',
    [...ROUTE, 'request_headers_to_add'],
    [{ header: { key: ':path', value: 'a' } }],
  ],
  ['a header to add with a newline', [...ROUTE, 'request_headers_to_add'], [{ header: { key: 'a', value: 'a\nb' } }]],
  ['a header to add without a header', [...ROUTE, 'request_headers_to_add'], [{}]],
  ['an unknown operator in a header', [...ROUTE, 'request_headers_to_add'], [{ header: { key: 'a', value: '%ODD%' } }]],
  [
    'an open operator in a header',
    [...ROUTE, 'request_headers_to_add'],
    [{ header: { key: 'a', value: '%START_TIME' } }],
  ],
  ['host to be removed', [...ROUTE, 'request_headers_to_remove'], ['host']],
  [':path to be removed', [...ROUTE, 'request_headers_to_remove'], [':path']],
  ['an empty name to be removed', [...ROUTE, 'request_headers_to_remove'], ['']],
  [
    'settings of an unknown filter',
    [...ROUTE, 'typed_per_filter_config'],
    { odd: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } },
  ],
  [
    'optional settings of an unknown filter',
    [...ROUTE, 'typed_per_filter_config'],
    {
      odd: {
        '@type': `${T}/envoy.config.route.v3.FilterConfig`,
        is_optional: true,
        config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' },
      },
    },
  ],
  ['internal redirects of nobody', ROUTE, route({ internal_redirect_policy: { redirect_response_codes: [200] } })],
  ['an upgrade without a name', ROUTE, route({ upgrade_configs: [{}] })],
  [
    'an upgrade twice',
    ROUTE,
    route({ upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'WebSocket' }] }),
  ],
  [
    'CONNECT settings of another upgrade',
    ROUTE,
    route({ upgrade_configs: [{ upgrade_type: 'websocket', connect_config: {} }] }),
  ],
  // Managers.
  [
    'a manager with an upgrade twice',
    [...HCM, 'upgrade_configs'],
    [{ upgrade_type: 'websocket' }, { upgrade_type: 'websocket' }],
  ],
  ['too large request heads', [...HCM, 'max_request_headers_kb'], 9000],
  ['request heads of nothing', [...HCM, 'max_request_headers_kb'], 0],
  ['headers_count zero', [...HCM, 'common_http_protocol_options'], { max_headers_count: 0 }],
  ['requests per connection zero', [...HCM, 'common_http_protocol_options'], { max_requests_per_connection: 0 }],
  ['h2 window too small', [...HCM, 'http2_protocol_options'], { initial_stream_window_size: 1 }],
  ['h2 streams zero', [...HCM, 'http2_protocol_options'], { max_concurrent_streams: 0 }],
  ['h2 streams beyond', [...HCM, 'http2_protocol_options'], { max_concurrent_streams: 2147483648 }],
  [
    'h2 setting twice',
    [...HCM, 'http2_protocol_options'],
    {
      custom_settings_parameters: [
        { identifier: 9, value: 1 },
        { identifier: 9, value: 2 },
      ],
    },
  ],
  ['h2 keepalive without a time-out', [...HCM, 'http2_protocol_options'], { connection_keepalive: { interval: '1s' } }],
  ['a server name with a newline', [...HCM, 'server_name'], 'a\nb'],
  ['via with a newline', [...HCM, 'via'], 'a\nb'],
  ['two ways to strip a port', [...HCM, 'strip_any_host_port'], true],
  ['strip ports twice', HCM, { ...hcm({ strip_matching_host_port: true, strip_any_host_port: true }) }],
  ['a scheme of nobody', [...HCM, 'scheme_header_transformation'], { scheme_to_overwrite: 'ftp' }],
  ['sampling beyond 100', [...HCM, 'tracing'], { random_sampling: { value: 200 } }],
  ['a tag without a name', [...HCM, 'tracing'], { custom_tags: [{ literal: { value: 'a' } }] }],
  ['a tag without a type', [...HCM, 'tracing'], { custom_tags: [{ tag: 'a' }] }],
  ['a tag with an empty literal', [...HCM, 'tracing'], { custom_tags: [{ tag: 'a', literal: {} }] }],
  [
    'an unknown tracer',
    [...HCM, 'tracing'],
    { provider: { name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } } },
  ],
  [
    'zipkin without a cluster',
    [...HCM, 'tracing'],
    { provider: typed('z', 'envoy.config.trace.v3.ZipkinConfig', { collector_endpoint: '/a' }) },
  ],
  [
    'zipkin to an unknown cluster',
    [...HCM, 'tracing'],
    {
      provider: typed('z', 'envoy.config.trace.v3.ZipkinConfig', {
        collector_cluster: 'nobody',
        collector_endpoint: '/a',
        collector_endpoint_version: 'HTTP_JSON',
      }),
    },
  ],
  [
    'an unknown request id extension',
    [...HCM, 'request_id_extension'],
    { typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } },
  ],
  [
    'original IP detection',
    [...HCM, 'original_ip_detection_extensions'],
    [typed('x', 'envoy.extensions.http.original_ip_detection.xff.v3.XffConfig', { xff_num_trusted_hops: 1 })],
  ],
  ['a local reply without a filter', [...HCM, 'local_reply_config'], { mappers: [{ status_code: 500 }] }],
  ['routes by RDS without a source', HCM, { ...hcm({ rds: { route_config_name: 'r' } }, true) }],
  [
    'routes by RDS over ADS without ADS',
    HCM,
    { ...hcm({ rds: { route_config_name: 'r', config_source: { ads: {} } } }, true) },
  ],
  // Filters.
  ['a fault without a percentage', [...HCM, 'http_filters'], fault({ abort: { http_status: 500 } })],
  [
    'a fault with status 199',
    [...HCM, 'http_filters'],
    fault({ abort: { http_status: 199, percentage: { numerator: 1 } } }),
  ],
  [
    'a fault with status 600',
    [...HCM, 'http_filters'],
    fault({ abort: { http_status: 600, percentage: { numerator: 1 } } }),
  ],
  ['a fault of no kind', [...HCM, 'http_filters'], fault({ abort: { percentage: { numerator: 1 } } })],
  [
    'a delay of nothing',
    [...HCM, 'http_filters'],
    fault({ delay: { fixed_delay: '0s', percentage: { numerator: 1 } } }),
  ],
  ['a delay without a time', [...HCM, 'http_filters'], fault({ delay: { percentage: { numerator: 1 } } })],
  [
    'a numerator beyond its denominator',
    [...HCM, 'http_filters'],
    fault({ abort: { http_status: 500, percentage: { numerator: 200 } } }),
  ],
  [
    'a policy without principals',
    [...HCM, 'http_filters'],
    rbac({ rules: { policies: { a: { permissions: [{ any: true }] } } } }),
  ],
  [
    'a policy without permissions',
    [...HCM, 'http_filters'],
    rbac({ rules: { policies: { a: { principals: [{ any: true }] } } } }),
  ],
  [
    'an empty permission',
    [...HCM, 'http_filters'],
    rbac({ rules: { policies: { a: { permissions: [{}], principals: [{ any: true }] } } } }),
  ],
  [
    'any: false',
    [...HCM, 'http_filters'],
    rbac({ rules: { policies: { a: { permissions: [{ any: false }], principals: [{ any: true }] } } } }),
  ],
  [
    'a port beyond 65535 in a policy',
    [...HCM, 'http_filters'],
    rbac({ rules: { policies: { a: { permissions: [{ destination_port: 70000 }], principals: [{ any: true }] } } } }),
  ],
  [
    'an empty or',
    [...HCM, 'http_filters'],
    rbac({ rules: { policies: { a: { permissions: [{ or_rules: {} }], principals: [{ any: true }] } } } }),
  ],
  [
    'a bad address in a policy',
    [...HCM, 'http_filters'],
    rbac({
      rules: {
        policies: {
          a: {
            permissions: [{ any: true }],
            principals: [{ direct_remote_ip: { address_prefix: 'nowhere', prefix_len: 8 } }],
          },
        },
      },
    }),
  ],
  [
    'a prefix length beyond',
    [...HCM, 'http_filters'],
    rbac({
      rules: {
        policies: {
          a: {
            permissions: [{ any: true }],
            principals: [{ direct_remote_ip: { address_prefix: '10.0.0.0', prefix_len: 40 } }],
          },
        },
      },
    }),
  ],
  [
    'a prefix length beyond 128',
    [...HCM, 'http_filters'],
    rbac({
      rules: {
        policies: {
          a: {
            permissions: [{ any: true }],
            principals: [{ direct_remote_ip: { address_prefix: '10.0.0.0', prefix_len: 140 } }],
          },
        },
      },
    }),
  ],
  [
    'a JWT rule of an unknown provider',
    [...HCM, 'http_filters'],
    jwt({ rules: [{ match: { prefix: '/' }, requires: { provider_name: 'odd' } }] }),
  ],
  ['a JWT provider without keys', [...HCM, 'http_filters'], jwt({ providers: { a: { issuer: 'i' } } })],
  [
    'a JWT provider with keys that are none',
    [...HCM, 'http_filters'],
    jwt({ providers: { a: { issuer: 'i', local_jwks: { inline_string: 'x' } } } }),
  ],
  ['a JWT rule without a match', [...HCM, 'http_filters'], jwt({ rules: [{}] })],
  ['a local limit without a bucket', [...HCM, 'http_filters'], limit({ stat_prefix: 'l' })],
  [
    'a local limit without stat_prefix',
    [...HCM, 'http_filters'],
    limit({ token_bucket: { max_tokens: 1, fill_interval: '1s' } }),
  ],
  [
    'a local limit that fills too fast',
    [...HCM, 'http_filters'],
    limit({ stat_prefix: 'l', token_bucket: { max_tokens: 1, fill_interval: '0.01s' } }),
  ],
  [
    'a local limit of no tokens',
    [...HCM, 'http_filters'],
    limit({ stat_prefix: 'l', token_bucket: { max_tokens: 0, fill_interval: '1s' } }),
  ],
  [
    'ext_authz without a service',
    [...HCM, 'http_filters'],
    filters(typed('e', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz')),
  ],
  [
    'ext_authz to an unknown cluster',
    [...HCM, 'http_filters'],
    filters(
      typed('e', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
        grpc_service: { envoy_grpc: { cluster_name: 'nobody' } },
      }),
    ),
  ],
  [
    'a buffer of nothing',
    [...HCM, 'http_filters'],
    filters(typed('b', 'envoy.extensions.filters.http.buffer.v3.Buffer', { max_request_bytes: 0 })),
  ],
  [
    'a buffer without a limit',
    [...HCM, 'http_filters'],
    filters(typed('b', 'envoy.extensions.filters.http.buffer.v3.Buffer')),
  ],
  // Access logs.
  [
    'a log of an unknown type',
    [...HCM, 'access_log'],
    [{ name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } }],
  ],
  ['a log without a path', [...HCM, 'access_log'], log({})],
  ['a log with an unknown operator', [...HCM, 'access_log'], text('%ODD%')],
  ['a log with an open operator', [...HCM, 'access_log'], text('%REQ(A')],
  ['a log with an operator without its word', [...HCM, 'access_log'], text('%REQ%')],
  ['a log with a length', [...HCM, 'access_log'], text('%REQ(A):5%')],
  ['a log with a bad length', [...HCM, 'access_log'], text('%REQ(A):x%')],
  ['a log with three alternatives', [...HCM, 'access_log'], text('%REQ(A?B?C)%')],
  ['a log filter of nothing', [...HCM, 'access_log'], [{ ...(log({ path: '/dev/null' }) as object[])[0], filter: {} }]],
  [
    'a log filter of unknown flags',
    [...HCM, 'access_log'],
    [{ ...(log({ path: '/dev/null' }) as object[])[0], filter: { response_flag_filter: { flags: ['ODD'] } } }],
  ],
  [
    'an and-filter of one',
    [...HCM, 'access_log'],
    [
      {
        ...(log({ path: '/dev/null' }) as object[])[0],
        filter: { and_filter: { filters: [{ not_health_check_filter: {} }] } },
      },
    ],
  ],
  // Clusters.
  ['a cluster without a name', [...C, 'name'], GONE],
  ['two clusters of one name', [S, 'clusters'], [clusterWith({}), clusterWith({})]],
  ['a cluster of no type', [...C, 'type'], GONE],
  ['EDS without a source', [S, 'clusters'], [clusterWith({}), { name: 'd', type: 'EDS', connect_timeout: '1s' }]],
  [
    'EDS with endpoints',
    [S, 'clusters'],
    [
      clusterWith({}),
      {
        ...clusterWith({
          name: 'd',
          type: 'EDS',
          eds_cluster_config: { eds_config: { path_config_source: { path: '/dev/null' } } },
        }),
      },
    ],
  ],
  [
    'a static cluster with a name as address',
    [...LA, 'endpoints', 0, 'lb_endpoints', 0],
    { endpoint: { address: socket(9, 'localhost') } },
  ],
  ['a DNS cluster', C, clusterWith({ type: 'STRICT_DNS' })],
  [
    'logical DNS with two endpoints',
    C,
    clusterWith({
      type: 'LOGICAL_DNS',
      load_assignment: {
        cluster_name: 'c',
        endpoints: [
          { lb_endpoints: [{ endpoint: { address: socket(9, 'a') } }, { endpoint: { address: socket(9, 'b') } }] },
        ],
      },
    }),
  ],
  ['a DNS cluster by its type', C, dnsCluster({})],
  [
    'a DNS cluster by its type, with everything',
    C,
    dnsCluster({
      dns_refresh_rate: '1s',
      dns_failure_refresh_rate: { base_interval: '1s', max_interval: '2s' },
      respect_dns_ttl: true,
      dns_jitter: '0.5s',
      dns_lookup_family: 'V4_PREFERRED',
      all_addresses_in_single_endpoint: true,
      dns_min_refresh_rate: '3s',
    }),
  ],
  ['a DNS cluster by its type that asks too often', C, dnsCluster({ dns_refresh_rate: '0.001s' })],
  ['a DNS cluster by its type with a jitter below zero', C, dnsCluster({ dns_jitter: '-1s' })],
  ['a DNS cluster by its type with a least time too short', C, dnsCluster({ dns_min_refresh_rate: '0.5s' })],
  ['a DNS cluster by its type of an unknown family', C, dnsCluster({ dns_lookup_family: 'V5' })],
  ['a DNS cluster by its type with failures and no time', C, dnsCluster({ dns_failure_refresh_rate: {} })],
  [
    'a DNS cluster by its type with waits that end before they begin',
    C,
    dnsCluster({ dns_failure_refresh_rate: { base_interval: '5s', max_interval: '2s' } }),
  ],
  [
    'a logical DNS cluster by its type with two endpoints',
    C,
    {
      ...dnsCluster({ all_addresses_in_single_endpoint: true }),
      load_assignment: {
        cluster_name: 'c',
        endpoints: [
          { lb_endpoints: [{ endpoint: { address: socket(9, 'a') } }, { endpoint: { address: socket(9, 'b') } }] },
        ],
      },
    },
  ],
  ['a DNS cluster with a jitter', C, clusterWith({ type: 'STRICT_DNS', dns_jitter: '1s' })],
  ['a DNS cluster with a jitter below zero', C, clusterWith({ type: 'STRICT_DNS', dns_jitter: '-1s' })],
  [
    'a DNS cluster with waits that end before they begin',
    C,
    clusterWith({ type: 'STRICT_DNS', dns_failure_refresh_rate: { base_interval: '5s', max_interval: '2s' } }),
  ],
  ['an endpoint without an address', [...LA, 'endpoints', 0, 'lb_endpoints', 0], { endpoint: {} }],
  ['an endpoint of weight zero', [...LA, 'endpoints', 0, 'lb_endpoints', 0, 'load_balancing_weight'], 0],
  [
    'an endpoint port beyond 65535',
    [...LA, 'endpoints', 0, 'lb_endpoints', 0],
    { endpoint: { address: socket(99999) } },
  ],
  ['an assignment without a name', [...LA, 'cluster_name'], GONE],
  ['an assignment of another name', [...LA, 'cluster_name'], 'other'],
  ['priorities with a gap', [...LA, 'endpoints', 0, 'priority'], 1],
  ['a priority beyond 128', [...LA, 'endpoints', 0, 'priority'], 200],
  [
    'an original-destination cluster with endpoints',
    C,
    clusterWith({ type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' }),
  ],
  [
    'an original-destination cluster with round robin',
    [S, 'clusters'],
    [clusterWith({}), { name: 'd', type: 'ORIGINAL_DST', connect_timeout: '1s', lb_policy: 'ROUND_ROBIN' }],
  ],
  [
    'an original-destination cluster',
    [S, 'clusters'],
    [clusterWith({}), { name: 'd', type: 'ORIGINAL_DST', connect_timeout: '1s', lb_policy: 'CLUSTER_PROVIDED' }],
  ],
  [
    'an unknown cluster type',
    [S, 'clusters'],
    [
      clusterWith({}),
      {
        name: 'd',
        cluster_type: { name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } },
      },
    ],
  ],
  [
    'a transport socket of an unknown type',
    [...C, 'transport_socket'],
    { name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } },
  ],
  ['a transport socket without a config', [...C, 'transport_socket'], { name: 'envoy.transport_sockets.tls' }],
  ['TLS upstream', [...C, 'transport_socket'], tls({ sni: 'a' })],
  ['TLS with an SNI that is too long', [...C, 'transport_socket'], tls({ sni: 'a'.repeat(300) })],
  [
    'TLS with a certificate that is none',
    [...C, 'transport_socket'],
    tls({
      common_tls_context: {
        tls_certificates: [{ certificate_chain: { inline_string: 'x' }, private_key: { inline_string: 'y' } }],
      },
    }),
  ],
  [
    'TLS with roots that are none',
    [...C, 'transport_socket'],
    tls({ common_tls_context: { validation_context: { trusted_ca: { inline_string: 'x' } } } }),
  ],
  [
    'TLS with roots in a file that is not there',
    [...C, 'transport_socket'],
    tls({ common_tls_context: { validation_context: { trusted_ca: { filename: '/nonexistent' } } } }),
  ],
  [
    'TLS with names and no roots',
    [...C, 'transport_socket'],
    tls({
      common_tls_context: {
        validation_context: { match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'a' } }] },
      },
    }),
  ],
  [
    'TLS with an unknown cipher',
    [...C, 'transport_socket'],
    tls({ common_tls_context: { tls_params: { cipher_suites: ['ODD'] } } }),
  ],
  [
    'TLS with an unknown curve',
    [...C, 'transport_socket'],
    tls({ common_tls_context: { tls_params: { ecdh_curves: ['ODD'] } } }),
  ],
  [
    'TLS versions the wrong way',
    [...C, 'transport_socket'],
    tls({
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_2' },
      },
    }),
  ],
  [
    'TLS with a bad hash',
    [...C, 'transport_socket'],
    tls({ common_tls_context: { validation_context: { verify_certificate_hash: ['zz'] } } }),
  ],
  ['TLS with an ALPN of nothing', [...C, 'transport_socket'], tls({ common_tls_context: { alpn_protocols: [''] } })],
  ['TLS downstream without a certificate', [...CHAIN, 'transport_socket'], serverTls({ common_tls_context: {} })],
  ['TLS downstream without a context', [...CHAIN, 'transport_socket'], serverTls({})],
  [
    'TLS downstream with a certificate that is none',
    [...CHAIN, 'transport_socket'],
    serverTls({
      common_tls_context: {
        tls_certificates: [{ certificate_chain: { inline_string: 'x' }, private_key: { inline_string: 'y' } }],
      },
    }),
  ],
  [
    'an unknown protocol option',
    [...C, 'typed_extension_protocol_options'],
    { odd: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } },
  ],
  [
    'protocol options without a protocol',
    [...C, 'typed_extension_protocol_options'],
    {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${T}/envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
      },
    },
  ],
  [
    'automatic protocol without TLS',
    [...C, 'typed_extension_protocol_options'],
    {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${T}/envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
        auto_config: {},
      },
    },
  ],
  ['both kinds of HTTP/2 options', C, clusterWith({ http2_protocol_options: {} })],
  ['outlier detection beyond 100 %', [...C, 'outlier_detection'], { max_ejection_percent: 200 }],
  ['outlier detection of an interval of nothing', [...C, 'outlier_detection'], { interval: '0s' }],
  [
    'outlier ejection longer than its maximum',
    [...C, 'outlier_detection'],
    { base_ejection_time: '10s', max_ejection_time: '1s' },
  ],
  [
    'a health check without a time-out',
    [...C, 'health_checks'],
    [{ interval: '1s', unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {} }],
  ],
  [
    'a health check without thresholds',
    [...C, 'health_checks'],
    [{ timeout: '1s', interval: '1s', tcp_health_check: {} }],
  ],
  [
    'a health check of nothing',
    [...C, 'health_checks'],
    [{ timeout: '1s', interval: '1s', unhealthy_threshold: 1, healthy_threshold: 1 }],
  ],
  [
    'an HTTP health check without a path',
    [...C, 'health_checks'],
    [{ timeout: '1s', interval: '1s', unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {} }],
  ],
  ['a breaker of unknown priority', [...C, 'circuit_breakers'], { thresholds: [{ priority: 'ODD' }] }],
  [
    'a retry budget beyond 100 %',
    [...C, 'circuit_breakers'],
    { thresholds: [{ retry_budget: { budget_percent: { value: 200 } } }] },
  ],
  ['panic beyond 100 %', [...C, 'common_lb_config'], { healthy_panic_threshold: { value: 200 } }],
  ['a DNS refresh of nothing', [...C, 'dns_refresh_rate'], '0s'],
  ['a DNS refresh of a microsecond', [...C, 'dns_refresh_rate'], '0.000001s'],
  ['subsets without keys', [...C, 'lb_subset_config'], { subset_selectors: [{}] }],
  ['subsets', [...C, 'lb_subset_config'], { fallback_policy: 'ANY_ENDPOINT', subset_selectors: [{ keys: ['a'] }] }],
  [
    'an unknown balancing policy',
    [...C, 'load_balancing_policy'],
    {
      policies: [
        {
          typed_extension_config: {
            name: 'odd',
            typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' },
          },
        },
      ],
    },
  ],
  ['balancing policies of nothing', [...C, 'load_balancing_policy'], { policies: [] }],
  [
    'bound to an address that is none',
    [...C, 'upstream_bind_config'],
    { source_address: { address: 'nowhere', port_value: 0 } },
  ],
  // Listeners.
  ['two listeners of one name', [S, 'listeners', 1, 'name'], 'http'],
  ['two listeners of one address', [S, 'listeners', 1, 'address'], socket(0)],
  ['two listeners of one port', [S, 'listeners'], [tcpListener('a', 12345), tcpListener('b', 12345)]],
  [
    'a listener filter of an unknown type',
    [...L, 'listener_filters'],
    [{ name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } }],
  ],
  ['two chains of one match', [...L, 'filter_chains'], [chain({}), chain({})]],
  [
    'two chains of overlapping matches',
    [...L, 'filter_chains'],
    [chain({ server_names: ['a', 'b'] }), chain({ server_names: ['b'] })],
  ],
  [
    'two chains of one name',
    [...L, 'filter_chains'],
    [
      { ...chain({ destination_port: 1 }), name: 'x' },
      { ...chain({ destination_port: 2 }), name: 'x' },
    ],
  ],
  ['a chain for port 0', [...L, 'filter_chains'], [chain({ destination_port: 0 })]],
  ['a chain for a port beyond', [...L, 'filter_chains'], [chain({ destination_port: 70000 })]],
  [
    'a chain for a bad address',
    [...L, 'filter_chains'],
    [chain({ prefix_ranges: [{ address_prefix: 'nowhere', prefix_len: 8 }] })],
  ],
  ['a chain for a partial wildcard', [...L, 'filter_chains'], [chain({ server_names: ['a*.b'] })]],
  ['a chain for a wildcard alone', [...L, 'filter_chains'], [chain({ server_names: ['*'] })]],
  ['a chain by source port zero', [...L, 'filter_chains'], [chain({ source_ports: [0] })]],
  ['a UDP address', [...L, 'address'], { socket_address: { protocol: 'UDP', address: '127.0.0.1', port_value: 0 } }],
  ['a pipe', [...L, 'address'], { pipe: { path: '@topsail-validate' } }],
  ['a pipe without a path', [...L, 'address'], { pipe: {} }],
  ['an internal listener', L, { name: 'i', internal_listener: {}, filter_chains: [chain({})] }],
  // The rest of a bootstrap.
  ['admin without an address', ['admin'], {}],
  ['admin with a bad port', ['admin'], { address: socket(99999) }],
  ['ADS to an unknown cluster', ['dynamic_resources'], ads('nobody')],
  ['ADS to a cluster of HTTP/1', ['dynamic_resources'], ads('c')],
  ['ADS without a service', ['dynamic_resources'], { ads_config: { api_type: 'GRPC', transport_api_version: 'V3' } }],
  [
    'ADS by REST',
    ['dynamic_resources'],
    { ads_config: { api_type: 'REST', transport_api_version: 'V3', cluster_names: ['c'], refresh_delay: '1s' } },
  ],
  [
    'ADS of version 2',
    ['dynamic_resources'],
    {
      ads_config: {
        api_type: 'GRPC',
        transport_api_version: 'V2',
        grpc_services: [{ envoy_grpc: { cluster_name: 'c' } }],
      },
    },
  ],
  ['an unknown overload action', ['overload_manager'], { actions: [{ name: 'odd', triggers: [] }] }],
  ['streams that are reset for their memory', ['overload_manager'], streamReset({})],
  [
    'streams that are reset, without their least size',
    ['overload_manager'],
    streamReset({ buffer_factory_config: null }),
  ],
  [
    'streams that are reset, of a size too small',
    ['overload_manager'],
    streamReset({ buffer_factory_config: { minimum_account_to_track_power_of_two: 9 } }),
  ],
  ['streams that are reset by a monitor that is not there', ['overload_manager'], streamReset({}, { name: 'odd' })],
  [
    'streams that are reset over a range of nothing',
    ['overload_manager'],
    streamReset({}, { scaled: { scaling_threshold: 0.9, saturation_threshold: 0.9 } }),
  ],
  [
    'an unknown bootstrap extension',
    ['bootstrap_extensions'],
    [{ name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } }],
  ],
  [
    'an unknown stats sink',
    ['stats_sinks'],
    [{ name: 'odd', typed_config: { '@type': `${T}/google.protobuf.Duration`, value: '1s' } }],
  ],
  ['a runtime layer without a name', ['layered_runtime'], { layers: [{ static_layer: {} }] }],
  ['a runtime layer', ['layered_runtime'], { layers: [{ name: 'a', static_layer: { 'envoy.x': 1 } }] }],
  ['a stats flush of nothing', ['stats_flush_interval'], '0s'],
  [
    'internal listeners’ extension',
    ['bootstrap_extensions'],
    [typed('envoy.bootstrap.internal_listener', 'envoy.extensions.bootstrap.internal_listener.v3.InternalListener')],
  ],
  ['a static secret', [S, 'secrets'], [{ name: 's', validation_context: { trusted_ca: { inline_string: 'x' } } }]],
];

function clusterWith(extra: object): object {
  return {
    ...((BASE as { static_resources: { clusters: object[] } }).static_resources.clusters[0] as object),
    ...extra,
  };
}

function dnsCluster(config: object): object {
  const { type: _type, ...rest } = clusterWith({}) as { readonly type?: unknown };
  const typedConfig = { '@type': `${T}/envoy.extensions.clusters.dns.v3.DnsCluster`, ...config };
  return { ...rest, cluster_type: { name: 'envoy.clusters.dns', typed_config: typedConfig } };
}

function tcpProxy(extra: object = {}): object {
  const config = {
    '@type': `${T}/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: 't',
    cluster: 'c',
    ...extra,
  };
  return { name: 'envoy.filters.network.tcp_proxy', typed_config: config };
}

function tcpListener(name: string, port: number): object {
  return { name, address: socket(port), filter_chains: [{ filters: [tcpProxy()] }] };
}

function streamReset(extra: object, trigger: object = {}): object {
  const monitor = 'envoy.resource_monitors.fixed_heap';
  return {
    buffer_factory_config: { minimum_account_to_track_power_of_two: 20 },
    resource_monitors: [
      typed(monitor, 'envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig', {
        max_heap_size_bytes: 2 ** 31,
      }),
    ],
    actions: [
      {
        name: 'envoy.overload_actions.reset_high_memory_stream',
        triggers: [
          {
            name: monitor,
            ...('scaled' in trigger ? {} : { threshold: { value: 0.95 } }),
            ...trigger,
          },
        ],
      },
    ],
    ...extra,
  };
}

function chain(match: object): object {
  return { filter_chain_match: match, filters: [tcpProxy()] };
}

function hcm(extra: object, withoutRoutes = false): object {
  const routes = { route_config: { name: 'r', virtual_hosts: [{ name: 'v', domains: ['*'], routes: [toC] }] } };
  return {
    '@type': `${T}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'h',
    http_filters: [ROUTER],
    ...(withoutRoutes ? {} : routes),
    ...extra,
  };
}

function ads(cluster: string): object {
  return {
    ads_config: {
      api_type: 'GRPC',
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: cluster } }],
    },
    cds_config: { ads: {}, resource_api_version: 'V3' },
  };
}
