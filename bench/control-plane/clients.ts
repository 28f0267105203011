// Sidecars as light as they can be, in a process of their own: a connection each, delta ADS, every response acknowledged at once.
import { connect } from 'node:http2';
import process from 'node:process';
import { TYPE_URL } from '#base';
import { FrameDecoder, frame } from '#wire/grpc';
import { decodeResponse } from '../../src/xds/codec/response.ts';
import { encodeDeltaRequest } from '../../src/xds/codec/request.ts';
import { fromBinary } from '@bufbuild/protobuf';
import { ClusterLoadAssignmentSchema } from '#proto/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { HttpConnectionManagerSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';

export interface ClientsOrder {
  readonly port: number;
  readonly count: number;
  readonly namespaces: number;
  readonly vhds: boolean;
}

/** From a marker's order on: when each client had a response with it, and what they all received. */
export interface Seen {
  readonly times: readonly number[];
  readonly bytes: number;
  readonly responses: number;
}

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const NONE = {
  node: undefined,
  subscribe: [] as string[],
  unsubscribe: [] as string[],
  initialVersions: new Map<string, string>(),
  responseNonce: '',
  errorDetail: undefined,
};
const RECONNECT_MS = 1000;
let reconnects = 0;
let bytes = 0;
let responses = 0;
let marker: Buffer | undefined;
const seen = new Map<number, number>();
/** Listener bytes are equal among many: what they refer to is read once. */
const routesOf = new Map<string, readonly string[]>();
let lastMs = 0;

process.on(
  'message',
  (order: ClientsOrder | { readonly mark: string } | { readonly ask: 'seen' | 'state' | 'endpoints' }) => {
    if ('port' in order) for (let i = 0; i < order.count; i++) startClient(i, order);
    else if ('mark' in order) {
      marker = Buffer.from(order.mark, 'latin1');
      seen.clear();
      bytes = 0;
      responses = 0;
      process.send?.({ marked: true });
    } else if (order.ask === 'seen')
      process.send?.({ seen: { times: [...seen.values()], bytes, responses } satisfies Seen });
    else if (order.ask === 'endpoints') process.send?.({ endpoints: endpointsHeld() });
    else process.send?.({ state: { configured: configured.size, bytes, responses, lastMs, reconnects } });
  },
);
process.on('disconnect', () => process.exit(0));

const configured = new Set<number>();
/** What the first client holds, as it came. */
const held = new Map<string, Uint8Array>();

function startClient(i: number, order: ClientsOrder): void {
  const namespace = `bench-${i % order.namespaces}`;
  const session = connect(`http://127.0.0.1:${order.port}`, { settings: { initialWindowSize: 8 << 20 } });
  session.on('error', (error) => console.error(`client ${i}: ${error.message}`));
  // As a proxy does: a machine that stood still for as long as a keepalive waits cuts connections.
  session.on('close', () => {
    reconnects++;
    if (i === 0) held.clear();
    setTimeout(() => startClient(i, order), RECONNECT_MS);
  });
  session.on('connect', () => session.setLocalWindowSize(16 << 20));
  const stream = session.request(
    {
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
      'x-bench-namespace': namespace,
    },
    { endStream: false },
  );
  const ip = `10.250.${i >> 8}.${i & 255}`;
  const metadata = {
    NAMESPACE: namespace,
    SERVICE_ACCOUNT: 'bench',
    WORKLOAD_NAME: `svc-${i}`,
    LABELS: { app: `svc-${i}` },
    CLUSTER_ID: 'Kubernetes',
    MESH_ID: 'cluster.local',
    ISTIO_VERSION: '1.31.0',
    INSTANCE_IPS: ip,
    INTERCEPTION_MODE: 'REDIRECT',
    TOPSAIL_DATA_PLANE: 'topsail',
    TOPSAIL_VHDS: order.vhds,
  };
  const node = {
    id: `sidecar~${ip}~svc-${i}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `svc-${i}.${namespace}`,
    metadata,
    locality: { region: '', zone: '', subZone: '' },
    userAgent: 'bench',
  };
  const send = (request: Partial<Parameters<typeof encodeDeltaRequest>[0]> & { typeUrl: string }): void => {
    for (const part of frame([encodeDeltaRequest({ ...NONE, ...request })])) stream.write(part);
  };
  const wanted = new Map<string, Set<string>>();
  const want = (typeUrl: string, names: Iterable<string>): void => {
    const present = wanted.get(typeUrl) ?? new Set<string>();
    wanted.set(typeUrl, present);
    const fresh = [...names].filter((name) => !present.has(name));
    for (const name of fresh) present.add(name);
    if (fresh.length > 0) send({ typeUrl, subscribe: fresh });
  };
  const decoder = new FrameDecoder(256 << 20, undefined);
  const receive = (message: Uint8Array): void => {
    const response = decodeResponse('delta', message);
    responses++;
    send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
    if (response.typeUrl === TYPE_URL.cluster)
      want(
        TYPE_URL.endpoint,
        response.resources.map((one) => one.name).filter((name) => name.startsWith('outbound|')),
      );
    if (i === 0 && response.typeUrl === TYPE_URL.endpoint) {
      for (const one of response.resources) held.set(one.name, one.bytes.slice());
      for (const name of response.removed) held.delete(name);
    }
    if (response.typeUrl === TYPE_URL.listener)
      want(
        TYPE_URL.route,
        response.resources.flatMap((one) => routesFrom(one.name, one.version, one.bytes)),
      );
    if (
      marker !== undefined &&
      !seen.has(i) &&
      Buffer.from(message.buffer, message.byteOffset, message.byteLength).includes(marker)
    )
      seen.set(i, performance.timeOrigin + performance.now());
    if (response.typeUrl === (order.vhds ? TYPE_URL.virtualHost : TYPE_URL.route)) configured.add(i);
    lastMs = performance.timeOrigin + performance.now();
  };
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    decoder.push(chunk, receive);
  });
  stream.on('error', (error) => console.error(`client ${i}: ${error.message}`));
  send({ typeUrl: TYPE_URL.cluster, node });
  send({ typeUrl: TYPE_URL.listener });
  if (order.vhds) send({ typeUrl: TYPE_URL.virtualHost });
}

function routesFrom(name: string, version: string, listener: Uint8Array): readonly string[] {
  const key = `${name}@${version}`;
  const known = routesOf.get(key);
  if (known !== undefined) return known;
  const { filterChains, defaultFilterChain } = fromBinary(ListenerSchema, listener);
  const names: string[] = [];
  for (const chain of [...filterChains, ...(defaultFilterChain === undefined ? [] : [defaultFilterChain])]) {
    for (const filter of chain.filters) {
      const any = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
      if (any === undefined || !any.typeUrl.endsWith('HttpConnectionManager')) continue;
      const manager = fromBinary(HttpConnectionManagerSchema, any.value);
      if (manager.routeSpecifier.case === 'rds') names.push(manager.routeSpecifier.value.routeConfigName);
    }
  }
  routesOf.set(key, names);
  return names;
}

/** Sorted addresses by the service's name. */
function endpointsHeld(): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, readonly string[]> = {};
  for (const [name, bytes] of held) {
    const service = name.split('|')[3]?.split('.')[0] ?? '';
    found[service] = fromBinary(ClusterLoadAssignmentSchema, bytes)
      .endpoints.flatMap(({ lbEndpoints }) => lbEndpoints)
      .map(({ hostIdentifier }) =>
        hostIdentifier.case === 'endpoint' ? hostIdentifier.value.address?.address : undefined,
      )
      .map((address) => (address?.case === 'socketAddress' ? address.value.address : ''))
      .sort();
  }
  return found;
}
