// Pieces of a bootstrap for the programs of this folder.
const TYPE = 'type.googleapis.com';

export function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

export function cluster(name: string, ports: readonly number[], extra: object = {}): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '60s',
    circuit_breakers: {
      thresholds: [
        { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000, max_retries: 1_000 },
      ],
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: address(port) } })) }],
    },
    ...extra,
  };
}

export const OVER_H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}/envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

export function httpListener(name: string, port: number, routes: readonly object[], extra: object = {}): object {
  return {
    name,
    address: address(port),
    filter_chains: [
      {
        filters: [
          {
            name: 'http',
            typed_config: {
              '@type': `${TYPE}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: name,
              route_config: { name: `${name}-routes`, virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
              http_filters: [
                { name: 'router', typed_config: { '@type': `${TYPE}/envoy.extensions.filters.http.router.v3.Router` } },
              ],
              ...extra,
            },
          },
        ],
      },
    ],
  };
}

export function tcpListener(name: string, port: number, to: string, extra: object = {}): object {
  return {
    name,
    address: address(port),
    filter_chains: [
      {
        filters: [
          {
            name: 'tcp',
            typed_config: {
              '@type': `${TYPE}/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`,
              stat_prefix: name,
              cluster: to,
              max_connect_attempts: 5,
              ...extra,
            },
          },
        ],
      },
    ],
  };
}
