// An xDS server for one proxy, in a process of its own: a listener whose cluster has 10,000 endpoints, which change
// twice a second while told to. Requests go to the one endpoint of priority 0; the others are read and kept.
//
//   node bench/pushes/serve.ts LISTEN_PORT BACKEND_PORT ACCESS_LOG     orders on stdin: "on" or "off", a line each
import { createInterface } from 'node:readline';
import { create, fromJson, toBinary, type DescMessage } from '@bufbuild/protobuf';
import { silentLogger, TYPE_URL, type XdsResource } from '#base';
import { listenGrpc, SystemClock } from '#io';
import { loadTypes } from '#proto';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { GrpcServer } from '#wire/grpc';
import { MapBackend, XdsServer } from '#xds';

const [listenPort = 0, backendPort = 0] = process.argv.slice(2, 4).map(Number);
const accessLog = process.argv[4] ?? '/dev/null';
const ENDPOINTS = 10_000;
const EVERY_MS = 500;
const TYPE = 'type.googleapis.com/envoy.extensions';
const registry = await loadTypes();
let version = 0;

function resource(schema: DescMessage, typeUrl: string, name: string, json: object): XdsResource {
  return made(typeUrl, name, toBinary(schema, fromJson(schema, json as never, { registry })));
}

function made(typeUrl: string, name: string, bytes: Uint8Array): XdsResource {
  return { typeUrl, name, bytes, version: String(++version), origins: [] };
}

const cluster = resource(ClusterSchema, TYPE_URL.cluster, 'backend', {
  name: 'backend',
  type: 'EDS',
  connect_timeout: '5s',
  lb_policy: 'LEAST_REQUEST',
  eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
  circuit_breakers: {
    thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }],
  },
});

const listener = resource(ListenerSchema, TYPE_URL.listener, 'bench', {
  name: 'bench',
  address: { socket_address: { address: '127.0.0.1', port_value: listenPort } },
  filter_chains: [
    {
      filters: [
        {
          name: 'envoy.filters.network.http_connection_manager',
          typed_config: {
            '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
            stat_prefix: 'bench',
            access_log: [
              {
                name: 'envoy.access_loggers.file',
                typed_config: { '@type': `${TYPE}.access_loggers.file.v3.FileAccessLog`, path: accessLog },
              },
            ],
            route_config: {
              name: 'bench',
              virtual_hosts: [
                { name: 'bench', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'backend' } }] },
              ],
            },
            http_filters: [
              {
                name: 'envoy.filters.http.router',
                typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
              },
            ],
          },
        },
      ],
    },
  ],
});

/** Endpoints `first` to `first + count`, with the metadata that our control plane gives them. */
function endpoints(first: number, count: number): XdsResource {
  const at = (address: string, portValue: number) => ({
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        address: {
          address: {
            case: 'socketAddress' as const,
            value: { address, portSpecifier: { case: 'portValue' as const, value: portValue } },
          },
        },
      },
    },
  });
  const message = create(ClusterLoadAssignmentSchema, {
    clusterName: 'backend',
    endpoints: [
      { lbEndpoints: [at('127.0.0.1', backendPort)] },
      {
        priority: 1,
        lbEndpoints: Array.from({ length: count }, (_, i) => ({
          ...at(`10.${((first + i) >> 16) & 255}.${((first + i) >> 8) & 255}.${(first + i) & 255}`, 8080),
          metadata: {
            filterMetadata: {
              istio: { workload: `app-${i % 500};default;app;v1;Kubernetes` },
              'envoy.transport_socket_match': { tlsMode: 'istio' },
            },
          },
        })),
      },
    ],
  });
  return made(TYPE_URL.endpoint, 'backend', toBinary(ClusterLoadAssignmentSchema, message));
}

/** Made before, so that this process takes little of the machine while it is measured. */
const STATES = [
  endpoints(0, ENDPOINTS),
  endpoints(1, ENDPOINTS),
  endpoints(0, ENDPOINTS / 2),
  endpoints(0, ENDPOINTS),
  endpoints(ENDPOINTS, ENDPOINTS),
];
const clock = new SystemClock();
const backend = new MapBackend();
const set = (state: XdsResource): void => {
  backend.set({ [TYPE_URL.cluster]: [cluster], [TYPE_URL.endpoint]: [state], [TYPE_URL.listener]: [listener] });
};
set(STATES[0] as XdsResource);
const xds = new XdsServer({ backend, clock });
const grpc = new GrpcServer({ clock });
xds.register(grpc);
const server = await listenGrpc({ host: '127.0.0.1', port: 0, log: silentLogger }, (stream) => grpc.accept(stream));
console.log(JSON.stringify({ port: server.port }));

let turn = 0;
let timer: NodeJS.Timeout | undefined;
createInterface({ input: process.stdin }).on('line', (order) => {
  clearInterval(timer);
  if (order !== 'on') return;
  timer = setInterval(() => {
    const next = STATES[++turn % STATES.length] as XdsResource;
    // A new version each time: what stays the same is for the proxy to find out.
    set({ ...next, version: String(++version) });
  }, EVERY_MS);
});
