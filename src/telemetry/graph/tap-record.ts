// A finished request as tap tells it: what came, what decided it, where it went. Never a header's value, never a query: they may be secrets.

import { ROUTE_CAUSE } from '#base';
import type { PeerInfo, StreamRecord } from '../stream-record.ts';
import { isUndeclared, type Undeclared } from './pass-through.ts';

export interface TapPeer {
  readonly workload: string;
  readonly namespace: string;
  readonly principal: string;
}

export interface TapRecordJson {
  /** x-request-id; '' where there was none. */
  readonly id: string;
  /** Which side tells it: of the caller's proxy, or of the callee's. */
  readonly direction: 'outbound' | 'inbound';
  readonly workload: string;
  readonly namespace: string;
  readonly atMs: number;
  readonly durationMs: number;
  /** Until the endpoint's first byte; -1 when it never answered. */
  readonly upstreamMs: number;
  readonly protocol: string;
  readonly method: string;
  readonly path: string;
  /** Of TCP that nothing declares, the address that it went to. */
  readonly authority: string;
  readonly status: number;
  readonly grpcStatus: number;
  readonly flags: readonly string[];
  readonly details: string;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly source: TapPeer;
  readonly destination: TapPeer;
  readonly service: string;
  readonly listener: string;
  readonly route: string;
  /** The place that caused the route (`readCause`); '' where no object did. */
  readonly cause: string;
  readonly virtualHost: string;
  readonly cluster: string;
  readonly endpoint: string;
  readonly attempts: number;
  readonly policy: string;
  readonly shadowPolicy: string;
  readonly mtls: boolean;
  readonly tls: string;
  readonly sni: string;
  readonly upstreamFailure: string;
  /** The caller's end of the connection between two proxies, as each of them knows it: "10.0.0.1:40112"; '' when none was made. */
  readonly connection: string;
  /** '' where this proxy makes no spans. */
  readonly spanId: string;
  readonly parentSpanId: string;
  /** Where nothing declares what was asked for, as far as the control plane knows the service that was meant. */
  readonly undeclared?: Undeclared;
}

export function tapRecord(record: StreamRecord, inbound: boolean, local: PeerInfo): TapRecordJson {
  const mtls = inbound ? record.downstreamMtls : record.upstreamMtls;
  const named = (peer: PeerInfo, own: boolean): PeerInfo => (peer.workload === '' && own ? local : peer);
  const side = (peer: PeerInfo, principal: string): TapPeer => ({
    workload: peer.workload,
    namespace: peer.namespace,
    principal,
  });
  return {
    id: record.requestId,
    direction: inbound ? 'inbound' : 'outbound',
    workload: local.workload,
    namespace: local.namespace,
    atMs: record.startWallMs,
    durationMs: Math.max(0, record.endMs - record.startMs),
    upstreamMs: record.upstreamFirstByteMs < 0 ? -1 : record.upstreamFirstByteMs - record.startMs,
    protocol: record.protocol,
    method: record.method,
    path: record.path.split('?', 1)[0] ?? '',
    authority: record.authority || undeclaredAddress(record),
    status: record.responseCode,
    grpcStatus: record.grpcStatus,
    flags: record.flags,
    details: record.responseCodeDetails || record.connectionTerminationDetails,
    bytesReceived: record.bytesReceived,
    bytesSent: record.bytesSent,
    source: side(named(record.source, !inbound), inbound ? record.downstreamPrincipal : record.upstreamLocalPrincipal),
    destination: side(
      named(record.destination, inbound),
      inbound ? record.downstreamLocalPrincipal : record.upstreamPrincipal,
    ),
    service: record.destinationService,
    listener: record.listener,
    route: record.routeName,
    cause: causeOf(record),
    virtualHost: record.virtualHost,
    cluster: record.upstreamCluster,
    endpoint: record.upstreamHost,
    attempts: record.attempts,
    policy: record.policyRule,
    shadowPolicy: record.shadowPolicyRule,
    mtls,
    tls: record.tlsVersion,
    sni: record.sni,
    upstreamFailure: record.upstreamTransportFailure,
    connection: inbound ? record.downstreamDirectRemoteAddress : record.upstreamLocalAddress,
    spanId: record.trace?.spanId ?? '',
    parentSpanId: record.trace?.parentSpanId ?? '',
  };
}

export function causeOf({ routeMetadata }: StreamRecord): string {
  const cause = routeMetadata?.[ROUTE_CAUSE.namespace]?.[ROUTE_CAUSE.key];
  return typeof cause === 'string' ? cause : '';
}

function undeclaredAddress({ upstreamCluster: cluster, downstreamLocalAddress }: StreamRecord): string {
  return isUndeclared({ cluster }) ? downstreamLocalAddress : '';
}
