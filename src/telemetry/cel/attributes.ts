// The attributes that expressions may name (Envoy: docs/root/intro/arch_overview/advanced/attributes), read from a stream's record.

import type { HeaderBlock } from '#wire/http';
import type { PeerInfo, StreamRecord } from '../stream-record.ts';
import type { CelProgram, CelValue } from './compile-cel.ts';

export interface CelContext {
  readonly record: StreamRecord;
  /** Envoy's word for the listener's side. */
  readonly inbound: boolean;
  /** This proxy's metadata, for `node.metadata[…]`. */
  readonly node: Readonly<Record<string, unknown>>;
}

/** By the cluster: only inbound ones lead to the own application. */
export function isInbound(record: StreamRecord): boolean {
  return record.upstreamCluster.startsWith('inbound|') || record.upstreamCluster.startsWith('InboundPassthrough');
}

type Read = (context: CelContext) => CelValue;

/** Bits of response.flags, in the order of Envoy's CoreResponseFlag. */
const FLAG_BITS: Readonly<Record<string, number>> = Object.fromEntries(
  'LH UH UT LR UR UF UC UO NR DI FI RL UAEX RLSE DC URX SI IH DPE UMSDR RFCF NFCF DT UPE NC OM DF DR'
    .split(' ')
    .map((flag, i) => [flag, 2 ** i]),
);

const text = (read: (r: StreamRecord) => string): Read => {
  return ({ record }) => {
    const value = read(record);
    return value === '' ? undefined : value;
  };
};
const count =
  (read: (r: StreamRecord) => number): Read =>
  ({ record }) => {
    const value = read(record);
    return value < 0 ? undefined : value;
  };
const header =
  (name: string): Read =>
  ({ record }) =>
    record.requestHeaders?.get(name);
const port = (address: string): number => Number(/:(\d+)$/.exec(address)?.[1] ?? -1);
const barePath = (path: string): string => path.split(/[?#]/, 1)[0] as string;
const path = (r: StreamRecord): string => r.path;

const SIMPLE: ReadonlyMap<string, Read> = new Map<string, Read>([
  ['request.path', text(path)],
  ['request.url_path', text((r) => barePath(r.path))],
  ['request.query', ({ record }) => (record.path.includes('?') ? record.path.slice(record.path.indexOf('?') + 1) : '')],
  ['request.host', text((r) => r.authority)],
  ['request.scheme', text((r) => r.scheme)],
  ['request.method', text((r) => r.method)],
  ['request.protocol', text((r) => (r.protocol === 'TCP' ? '' : r.protocol))],
  ['request.id', text((r) => r.requestId)],
  ['request.referer', header('referer')],
  ['request.useragent', header('user-agent')],
  ['request.time', count((r) => r.startWallMs)],
  ['request.duration', count((r) => (r.endMs < 0 ? -1 : r.endMs - r.startMs))],
  ['request.size', count((r) => r.bytesReceived)],
  ['request.total_size', count((r) => r.bytesReceived + r.requestHeaderBytes)],
  ['response.code', count((r) => (r.responseCode === 0 ? -1 : r.responseCode))],
  ['response.code_details', text((r) => r.responseCodeDetails)],
  ['response.grpc_status', count((r) => r.grpcStatus)],
  ['response.flags', ({ record }) => record.flags.reduce((sum, flag) => sum + (FLAG_BITS[flag] ?? 0), 0)],
  ['response.size', count((r) => r.bytesSent)],
  ['response.total_size', count((r) => r.bytesSent + r.responseHeaderBytes)],
  [
    'response.backend_latency',
    count((r) => (r.upstreamFirstByteMs < 0 ? -1 : r.upstreamFirstByteMs - Math.max(r.startMs, r.upstreamStartMs))),
  ],
  ['source.address', text((r) => r.downstreamRemoteAddress)],
  ['source.port', count((r) => port(r.downstreamRemoteAddress))],
  ['destination.address', text((r) => r.downstreamLocalAddress)],
  ['destination.port', count((r) => port(r.downstreamLocalAddress))],
  ['connection.mtls', ({ record }) => record.downstreamMtls],
  ['connection.requested_server_name', text((r) => r.sni)],
  ['connection.tls_version', text((r) => r.tlsVersion)],
  ['connection.uri_san_local_certificate', text((r) => r.downstreamLocalPrincipal)],
  ['connection.uri_san_peer_certificate', text((r) => r.downstreamPrincipal)],
  ['connection.termination_details', text((r) => r.connectionTerminationDetails)],
  ['upstream.address', text((r) => r.upstreamHost)],
  ['upstream.port', count((r) => port(r.upstreamHost))],
  ['upstream.local_address', text((r) => r.upstreamLocalAddress)],
  ['upstream.uri_san_local_certificate', text((r) => r.upstreamLocalPrincipal)],
  ['upstream.uri_san_peer_certificate', text((r) => r.upstreamPrincipal)],
  ['upstream.transport_failure_reason', text((r) => r.upstreamTransportFailure)],
  ['upstream.request_attempt_count', count((r) => r.attempts)],
  ['xds.cluster_name', text((r) => r.upstreamCluster)],
  ['xds.route_name', text((r) => r.routeName)],
  ['xds.virtual_host_name', text((r) => r.virtualHost)],
  ['xds.filter_chain_name', text((r) => r.filterChain)],
  ['xds.listener_direction', ({ inbound }) => (inbound ? 1 : 2)],
  ['cluster_name', text((r) => r.upstreamCluster)],
  ['route_name', text((r) => r.routeName)],
  ['listener_direction', ({ inbound }) => (inbound ? 1 : 2)],
  ['upstream_peer_id', text((r) => r.destination.workload)],
  ['downstream_peer_id', text((r) => r.source.workload)],
]);

const PEER: Readonly<Record<string, keyof PeerInfo>> = {
  workload: 'workload',
  name: 'workload',
  namespace: 'namespace',
  cluster: 'cluster',
  service: 'canonicalService',
  revision: 'canonicalRevision',
  app: 'app',
  version: 'version',
};

const HEADERS: ReadonlyMap<string, (r: StreamRecord) => HeaderBlock | undefined> = new Map([
  ['request.headers', (r: StreamRecord) => r.requestHeaders],
  ['response.headers', (r: StreamRecord) => r.responseHeaders],
  ['response.trailers', (r: StreamRecord) => r.responseTrailers],
]);

/** Throws an error that names what is not there (`isCelAttribute` of base says the same to whoever writes an expression). */
export function attributeOf(names: readonly string[]): CelProgram {
  const path = names[0] === 'filter_state' ? names.slice(1) : names;
  const simple = SIMPLE.get(path.join('.'));
  if (simple !== undefined) return simple;
  const headers = HEADERS.get(path.slice(0, 2).join('.'));
  if (headers !== undefined && path.length === 3) {
    const key = (path[2] as string).toLowerCase();
    return ({ record }) => headers(record)?.get(key);
  }
  const peer = peerOf(path);
  if (peer !== undefined) return peer;
  if (path[0] === 'node' || (path[0] === 'xds' && path[1] === 'node')) {
    const rest = path.slice(path[0] === 'xds' ? 2 : 1);
    if (rest[0] === 'metadata' && rest.length > 1) return nodeMetadata(rest.slice(1));
  }
  if (path[0] === 'metadata' && path.length > 1) {
    // Envoy writes metadata.filter_metadata['name']['key'].
    const rest = path.slice(path[1] === 'filter_metadata' ? 2 : 1);
    return ({ record }) => plain(rest.slice(1).reduce<unknown>(member, record.metadata?.get(rest[0] ?? '')));
  }
  if (names[0] === 'filter_state' && path.length === 1) {
    const key = path[0] as string;
    return ({ record }) => record.filterState?.get(key);
  }
  throw new Error(`\`${names.join('.')}\` is no attribute`);
}

/** `upstream_peer.workload`, `downstream_peer.labels['app']`: the other side as far as it is known. */
function peerOf([side, field = '', label]: readonly string[]): Read | undefined {
  if (side !== 'upstream_peer' && side !== 'downstream_peer') return undefined;
  const of = side === 'upstream_peer' ? 'destination' : 'source';
  const key = field === 'labels' ? LABELS[label ?? ''] : label === undefined ? PEER[field] : undefined;
  if (key === undefined) return field === 'labels' ? () => undefined : undefined;
  return text((r) => r[of][key]);
}

/** Labels travel with a peer only as far as Istio's standard labels need them. */
const LABELS: Readonly<Record<string, keyof PeerInfo>> = {
  app: 'app',
  version: 'version',
  'service.istio.io/canonical-name': 'canonicalService',
  'service.istio.io/canonical-revision': 'canonicalRevision',
};

function nodeMetadata(keys: readonly string[]): Read {
  return ({ node }) => plain(keys.reduce<unknown>(member, node));
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

function plain(value: unknown): CelValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}
