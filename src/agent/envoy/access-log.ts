// Turns entries of Envoy's access log service (v3) into the records that our own proxy fills, so that nothing
// above the agent asks which proxy it was (design §3d).
import {
  type Clock,
  ENVOY_PEER_METADATA as PEER_METADATA,
  ENVOY_PEER_TAGS as PEER_TAGS,
  RATE_LIMIT_HEADER,
  ROUTE_CAUSE,
} from '#base';
import { decodeLight } from '#proto/light.ts';
import type {
  AccessLogCommon,
  HTTPAccessLogEntry,
  TCPAccessLogEntry,
  TLSProperties,
} from '#proto/envoy/data/accesslog/v3/accesslog_pb.ts';
import type { Address } from '#proto/envoy/config/core/v3/address_pb.ts';
import type { StreamAccessLogsMessage } from '#proto/envoy/service/accesslog/v3/als_pb.ts';
import { ALS_FLAGS, ALS_METHODS, ALS_VERSIONS, PeerCache, StreamRecord, type StreamReporterSink } from '#telemetry';
import type { MethodHandler } from '#wire/grpc';
import { HeaderBlock } from '#wire/http';
import { LiveConnections } from './live-connections.ts';

export const ACCESS_LOG_PATH = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';
/** Access log names: on whose side of the connection Envoy stood; or that no filter chain took the connection. */
export type LogSide = 'source' | 'destination' | 'refused';

/** Envoy names the rule that denied in its details alone. */
const DENIED_BY = /^rbac_access_denied_matched_policy\[(.+)\]$/;
/** AccessLogType of entries that end nothing. */
const INTERMEDIATE = new Set([1, 2, 4, 5, 7, 8]);
/** Those of TCP connections that live: reached their endpoint, and now and then. */
const TCP_LIVES = new Set([1, 2]);

/** Takes Envoy's stream of entries; never answers, as the service's contract has it. `opened` reads the log's name, which says the side and what is changed about metrics. */
export function accessLogMethod(
  clock: Clock,
  opened: (side: LogSide, stats: Uint8Array | undefined) => StreamReporterSink,
): MethodHandler {
  const peers = new PeerCache();
  const connections = new LiveConnections(clock);
  return (call) => {
    let sink: StreamReporterSink | undefined;
    return {
      onMessage(bytes) {
        const message = decodeLight(
          'envoy.service.accesslog.v3.StreamAccessLogsMessage',
          bytes,
        ) as StreamAccessLogsMessage;
        if (message.identifier !== undefined) {
          const [side, stats] = message.identifier.logName.split('?', 2);
          sink = opened(
            side === 'destination' || side === 'refused' ? side : 'source',
            stats === undefined ? undefined : Buffer.from(stats, 'base64url'),
          );
        }
        const { logEntries } = message;
        if (logEntries.case === 'httpLogs')
          for (const entry of logEntries.value.logEntry) finish(httpRecord(entry, peers), entry.commonProperties);
        if (logEntries.case === 'tcpLogs')
          for (const entry of logEntries.value.logEntry) connection(tcpRecord(entry, peers), entry.commonProperties);
      },
      onHalfClose: () => call.end(),
    };
    function finish(record: StreamRecord, common: AccessLogCommon | undefined): void {
      if (common === undefined || INTERMEDIATE.has(common.accessLogType)) return;
      sink?.onStreamEnd(onOurClock(record));
    }
    function connection(record: StreamRecord, common: AccessLogCommon | undefined): void {
      if (common === undefined || sink === undefined) return;
      if (TCP_LIVES.has(common.accessLogType)) connections.lives(common.streamId, onOurClock(record), sink);
      else if (!connections.ends(common.streamId, onOurClock(record))) finish(record, common);
    }
  };

  /** Envoy tells how long it took, in its own time. */
  function onOurClock(record: StreamRecord): StreamRecord {
    const now = clock.now();
    record.startMs = now - record.endMs;
    record.endMs = now;
    return record;
  }
}

export function httpRecord(entry: HTTPAccessLogEntry, peers: PeerCache): StreamRecord {
  const record = new StreamRecord();
  readCommon(record, entry.commonProperties, peers);
  record.protocol = ALS_VERSIONS[entry.protocolVersion] ?? 'HTTP/1.1';
  const { request, response } = entry;
  if (request !== undefined) {
    record.method = ALS_METHODS[request.requestMethod] ?? '';
    record.path = request.path;
    record.originalPath = request.originalPath;
    record.authority = request.authority;
    record.scheme = request.scheme;
    record.requestId = request.requestId;
    record.bytesReceived = Number(request.requestBodyBytes);
    record.requestHeaderBytes = Number(request.requestHeadersBytes);
    record.grpc = (request.requestHeaders['content-type'] ?? '').startsWith('application/grpc');
    record.requestHeaders = new HeaderBlock();
    for (const [name, value] of Object.entries(request.requestHeaders)) record.requestHeaders.add(name, value);
    if (request.userAgent !== '') record.requestHeaders.add('user-agent', request.userAgent);
    if (request.referer !== '') record.requestHeaders.add('referer', request.referer);
  }
  if (response !== undefined) {
    record.responseCode = response.responseCode ?? 0;
    record.responseCodeDetails = response.responseCodeDetails;
    const rule = DENIED_BY.exec(record.responseCodeDetails)?.[1] ?? 'none';
    if (rule !== 'none') record.policyRule = rule;
    const limit = response.responseHeaders[RATE_LIMIT_HEADER];
    if (limit !== undefined && record.flags.includes('RL')) record.policyRule = `ratelimit[${limit}]`;
    record.bytesSent = Number(response.responseBodyBytes);
    record.responseHeaderBytes = Number(response.responseHeadersBytes);
    const status = response.responseTrailers['grpc-status'] ?? response.responseHeaders['grpc-status'];
    if (status !== undefined && /^\d+$/.test(status)) record.grpcStatus = Number(status);
  }
  return record;
}

export function tcpRecord(entry: TCPAccessLogEntry, peers: PeerCache): StreamRecord {
  const record = new StreamRecord();
  record.protocol = 'TCP';
  readCommon(record, entry.commonProperties, peers);
  record.bytesReceived = Number(entry.connectionProperties?.receivedBytes ?? 0n);
  record.bytesSent = Number(entry.connectionProperties?.sentBytes ?? 0n);
  return record;
}

function readCommon(record: StreamRecord, common: AccessLogCommon | undefined, peers: PeerCache): void {
  if (common === undefined) return;
  const { startTime, duration } = common;
  if (startTime !== undefined) record.startWallMs = Number(startTime.seconds) * 1000 + startTime.nanos / 1e6;
  record.startMs = 0;
  record.endMs = duration === undefined ? 0 : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
  record.upstreamCluster = common.upstreamCluster || (common.customTags[PEER_TAGS.cluster] ?? '');
  record.upstreamHost = addressText(common.upstreamRemoteAddress);
  record.upstreamLocalAddress = addressText(common.upstreamLocalAddress);
  record.downstreamDirectRemoteAddress = addressText(common.downstreamDirectRemoteAddress);
  record.downstreamRemoteAddress = addressText(common.downstreamRemoteAddress);
  record.downstreamLocalAddress = addressText(common.downstreamLocalAddress);
  record.upstreamTransportFailure = common.upstreamTransportFailureReason;
  record.connectionTerminationDetails = common.connectionTerminationDetails;
  record.routeName = common.routeName;
  record.attempts = common.upstreamRequestAttemptCount;
  readTls(record, common.tlsProperties);
  const flags = common.responseFlags;
  if (flags !== undefined)
    for (const [field, flag] of ALS_FLAGS)
      if (flags[field] !== false && flags[field] !== undefined) record.addFlag(flag);
  readPolicies(record, common);
  const destination = common.customTags[PEER_TAGS.destination];
  if (destination !== undefined && destination !== '') record.destination = peers.endpoint(destination);
  const cause = common.customTags[PEER_TAGS.cause];
  if (cause !== undefined && cause !== '')
    record.routeMetadata = { [ROUTE_CAUSE.namespace]: { [ROUTE_CAUSE.key]: cause } };
  record.upstreamMtls = common.customTags[PEER_TAGS.tlsMode] === 'istio';
  readPeer(record, common, peers);
}

/** Rules in force and in dry run, as the filters note them. */
function readPolicies(record: StreamRecord, common: AccessLogCommon): void {
  const notes: Readonly<Record<string, unknown>> =
    common.metadata?.filterMetadata['envoy.filters.http.rbac'] ??
    common.metadata?.filterMetadata['envoy.filters.network.rbac'] ??
    {};
  for (const action of ['allow', 'deny']) {
    const prefix = `istio_dry_run_${action}_shadow_`;
    const result = notes[`${prefix}engine_result`];
    if (result === undefined || record.shadowDenied) continue;
    record.shadowPolicyRule = String(notes[`${prefix}effective_policy_id`] ?? '');
    record.shadowDenied = result === 'denied';
  }
}

/** What the caller says of itself is believed only on mTLS and only about its own namespace (design §3d). */
function readPeer(record: StreamRecord, common: AccessLogCommon, peers: PeerCache): void {
  const told: unknown = common.metadata?.filterMetadata[PEER_METADATA.namespace]?.[PEER_METADATA.key];
  if (typeof told !== 'string' || record.downstreamPrincipal === '') return;
  const peer = peers.decode(told);
  if (record.downstreamPrincipal.includes(`/ns/${peer.namespace}/`)) record.source = peer;
}

function readTls(record: StreamRecord, tls: TLSProperties | undefined): void {
  if (tls === undefined) return;
  record.sni = tls.tlsSniHostname;
  record.downstreamPrincipal = spiffeOf(tls.peerCertificateProperties);
  record.downstreamLocalPrincipal = spiffeOf(tls.localCertificateProperties);
  record.downstreamMtls = record.downstreamPrincipal !== '';
}

function spiffeOf(properties: TLSProperties['peerCertificateProperties']): string {
  for (const { san } of properties?.subjectAltName ?? [])
    if (san.case === 'uri' && san.value.startsWith('spiffe://')) return san.value;
  return '';
}

function addressText(address: Address | undefined): string {
  const one = address?.address;
  if (one?.case === 'socketAddress')
    return `${one.value.address}:${one.value.portSpecifier.case === 'portValue' ? one.value.portSpecifier.value : 0}`;
  return one?.case === 'pipe' ? one.value.path : '';
}
