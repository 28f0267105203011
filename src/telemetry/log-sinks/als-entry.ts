// A finished stream as an entry of Envoy's access log service v3 (envoy.data.accesslog.v3), encoded.
import { encodeLight, ProtoWriter } from '#proto/light.ts';
import type { HeaderBlock } from '#wire/http';
import type { StreamRecord } from '../stream-record.ts';
import { ALS_FLAGS, ALS_METHODS, ALS_VERSIONS } from './als-vocabulary.ts';

/** What an access logger asks for beyond what every entry holds. */
export interface AlsExtras {
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  readonly responseTrailers: readonly string[];
  readonly filterState: readonly string[];
  readonly customTags: (record: StreamRecord) => Readonly<Record<string, string>>;
}

const TCP_CONNECTION_END = 3;
const DOWNSTREAM_END = 6;
const TLS_VERSIONS = ['', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
const STRING_VALUE = 'type.googleapis.com/google.protobuf.StringValue';

export function alsHttpEntry(record: StreamRecord, extras: AlsExtras): Uint8Array {
  const { requestHeaders: request, responseHeaders: response, responseTrailers: trailers } = record;
  return encodeLight('envoy.data.accesslog.v3.HTTPAccessLogEntry', {
    commonProperties: common(record, extras, DOWNSTREAM_END),
    // HTTP/1.1 stands for "unknown" too, which comes first.
    protocolVersion: ALS_VERSIONS.indexOf(record.protocol, 1),
    request: {
      requestMethod: Math.max(0, ALS_METHODS.indexOf(record.method)),
      scheme: record.scheme,
      authority: record.authority,
      path: record.path,
      userAgent: request?.get('user-agent') ?? '',
      referer: request?.get('referer') ?? '',
      forwardedFor: request?.get('x-forwarded-for') ?? '',
      requestId: record.requestId,
      originalPath: record.originalPath,
      requestHeadersBytes: BigInt(record.requestHeaderBytes),
      requestBodyBytes: BigInt(record.bytesReceived),
      requestHeaders: named(request, extras.requestHeaders),
    },
    response: {
      // Absent when the stream ended before it had one.
      ...(record.responseCode === 0 ? {} : { responseCode: record.responseCode }),
      responseCodeDetails: record.responseCodeDetails,
      responseHeadersBytes: BigInt(record.responseHeaderBytes),
      responseBodyBytes: BigInt(record.bytesSent),
      responseHeaders: named(response, extras.responseHeaders),
      responseTrailers: named(trailers, extras.responseTrailers),
    },
  });
}

export function alsTcpEntry(record: StreamRecord, extras: AlsExtras): Uint8Array {
  return encodeLight('envoy.data.accesslog.v3.TCPAccessLogEntry', {
    commonProperties: common(record, extras, TCP_CONNECTION_END),
    connectionProperties: {
      receivedBytes: BigInt(record.bytesReceived),
      sentBytes: BigInt(record.bytesSent),
    },
  });
}

/** One message of the stream; the first also says who speaks and for which log. */
export function alsMessage(
  kind: 'http' | 'tcp',
  entries: readonly Uint8Array[],
  identifier?: { readonly node: object; readonly logName: string },
): Uint8Array {
  const writer = new ProtoWriter(1024);
  if (identifier !== undefined)
    writer.message(1, (inner) =>
      inner.bytesField(1, encodeLight('envoy.config.core.v3.Node', identifier.node)).stringField(2, identifier.logName),
    );
  return writer
    .message(kind === 'http' ? 2 : 3, (inner) => {
      for (const entry of entries) inner.bytesField(1, entry);
    })
    .finish();
}

function common(record: StreamRecord, extras: AlsExtras, accessLogType: number): object {
  const since = (ms: number): object | undefined => (ms < 0 ? undefined : duration(ms - record.startMs));
  return {
    downstreamRemoteAddress: address(record.downstreamRemoteAddress),
    downstreamLocalAddress: address(record.downstreamLocalAddress),
    downstreamDirectRemoteAddress: address(record.downstreamDirectRemoteAddress),
    upstreamRemoteAddress: address(record.upstreamHost),
    upstreamLocalAddress: address(record.upstreamLocalAddress),
    tlsProperties: tls(record),
    startTime: { ...duration(record.startWallMs) },
    timeToLastRxByte: since(record.requestEndMs),
    timeToFirstUpstreamTxByte: since(record.upstreamStartMs),
    timeToFirstUpstreamRxByte: since(record.upstreamFirstByteMs),
    timeToLastDownstreamTxByte: since(record.endMs),
    duration: since(record.endMs),
    upstreamCluster: record.upstreamCluster,
    responseFlags: flags(record),
    metadata:
      record.metadata === undefined
        ? undefined
        : { filterMetadata: Object.fromEntries(record.metadata), typedFilterMetadata: {} },
    upstreamTransportFailureReason: record.upstreamTransportFailure,
    routeName: record.routeName,
    filterStateObjects: filterState(record, extras.filterState),
    customTags: extras.customTags(record),
    upstreamRequestAttemptCount: record.attempts,
    connectionTerminationDetails: record.connectionTerminationDetails,
    accessLogType,
  };
}

/** Seconds and nanoseconds, as Duration and Timestamp have them. */
function duration(ms: number): { readonly seconds: bigint; readonly nanos: number } {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((Math.max(0, ms) - seconds * 1000) * 1e6) };
}

/** "1.2.3.4:80", "[::1]:80" or a path. */
function address(text: string): object | undefined {
  if (text === '') return undefined;
  const colon = text.lastIndexOf(':');
  if (text.startsWith('/') || colon < 0) return { address: { case: 'pipe', value: { path: text, mode: 0 } } };
  return {
    address: {
      case: 'socketAddress',
      value: {
        address: text.slice(0, colon).replace(/^\[|\]$/g, ''),
        portSpecifier: { case: 'portValue', value: Number(text.slice(colon + 1)) },
      },
    },
  };
}

function tls(record: StreamRecord): object | undefined {
  const { tlsVersion, sni, downstreamPrincipal, downstreamLocalPrincipal } = record;
  if (tlsVersion === '' && sni === '' && downstreamPrincipal === '') return undefined;
  return {
    tlsVersion: Math.max(0, TLS_VERSIONS.indexOf(tlsVersion)),
    tlsSniHostname: sni,
    localCertificateProperties: certificate(downstreamLocalPrincipal),
    peerCertificateProperties: certificate(downstreamPrincipal),
  };
}

function certificate(principal: string): object | undefined {
  return principal === '' ? undefined : { subjectAltName: [{ san: { case: 'uri', value: principal } }] };
}

function flags(record: StreamRecord): object | undefined {
  if (record.flags.length === 0) return undefined;
  const found: Record<string, unknown> = {};
  // The only flag with a reason, and the only reason there is.
  for (const [field, flag] of ALS_FLAGS)
    if (record.flags.includes(flag)) found[field] = flag === 'UAEX' ? { reason: 1 } : true;
  return found;
}

function named(headers: HeaderBlock | undefined, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  if (headers === undefined) return found;
  for (const name of names) {
    const values = headers.getAll(name);
    if (values.length > 0) found[name] = values.join(',');
  }
  return found;
}

function filterState(record: StreamRecord, names: readonly string[]): Record<string, object> {
  const found: Record<string, object> = {};
  for (const name of names) {
    const value = record.filterState?.get(name);
    if (value !== undefined)
      found[name] = { typeUrl: STRING_VALUE, value: new ProtoWriter().stringField(1, value).finish() };
  }
  return found;
}
