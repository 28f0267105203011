// What is told about a request to whoever decides about it: Envoy's attributes (envoy.service.auth.v3.AttributeContext).

import type { CheckRequest } from '#proto/envoy/service/auth/v3/external_auth_pb.ts';
import type { RequestHead } from '#wire/http';
import type { DownstreamFacts } from '../../../http/filter.ts';
import type { StreamRecord } from '#telemetry';

export interface CheckInput {
  readonly head: RequestHead;
  readonly connection: DownstreamFacts;
  readonly record: StreamRecord;
  /** Undefined when it is not sent along. */
  readonly body: Buffer | undefined;
  readonly truncated: boolean;
  readonly wallMs: number;
  readonly contextExtensions: Readonly<Record<string, string>>;
}

export const PARTIAL_BODY = 'x-envoy-auth-partial-body';

/** Lower-case names; repeated headers are joined by commas (cookies by "; "), as Envoy does it. */
export function headersOf(input: CheckInput, sent: (name: string) => boolean): Record<string, string> {
  const { head } = input;
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  const add = (name: string, value: string): void => {
    if (!sent(name)) return;
    const known = headers[name];
    const text = utf8(value);
    headers[name] = known === undefined ? text : `${known}${name === 'cookie' ? '; ' : ','}${text}`;
  };
  add(':authority', head.authority);
  add(':method', head.method);
  add(':path', head.path);
  add(':scheme', head.scheme);
  for (const [name, value] of head.headers.entries()) if (name !== PARTIAL_BODY) add(name, value);
  if (input.body !== undefined) headers[PARTIAL_BODY] = String(input.truncated);
  return headers;
}

/** Header values are bytes kept as latin1; a proto string is UTF-8. */
function utf8(value: string): string {
  for (let i = 0; i < value.length; i++)
    if (value.charCodeAt(i) > 0x7e) return Buffer.from(value, 'latin1').toString('utf8');
  return value;
}

export interface CheckOptions {
  readonly sent: (name: string) => boolean;
  readonly packAsBytes: boolean;
  readonly metadataNamespaces: readonly string[];
}

function peer(address: string, port: number, principal: string): object {
  return {
    address: {
      address: {
        case: 'socketAddress',
        value: { protocol: 0, address, portSpecifier: { case: 'portValue', value: port } },
      },
    },
    principal,
    labels: {},
  };
}

/** Of a connection, before any byte of it: who, where from, where to. */
export function connectionCheck(connection: DownstreamFacts, localPrincipal: string): CheckRequest {
  return {
    attributes: {
      source: peer(connection.remoteAddress, connection.remotePort, connection.peerPrincipal),
      destination: peer(connection.localAddress, connection.localPort, localPrincipal),
      contextExtensions: {},
      ...(connection.sni === '' ? {} : { tlsSession: { sni: connection.sni } }),
    },
  } as unknown as CheckRequest;
}

export function checkRequest(input: CheckInput, options: CheckOptions): CheckRequest {
  const { head, connection, record, body } = input;
  const length = head.headers.get('content-length');
  const metadata = metadataOf(record, options.metadataNamespaces);
  return {
    attributes: {
      source: peer(connection.remoteAddress, connection.remotePort, connection.peerPrincipal),
      destination: peer(connection.localAddress, connection.localPort, record.downstreamLocalPrincipal),
      request: {
        time: { seconds: BigInt(Math.floor(input.wallMs / 1000)), nanos: Math.floor(input.wallMs % 1000) * 1_000_000 },
        http: {
          id: record.requestId,
          method: head.method,
          headers: headersOf(input, options.sent),
          path: head.path,
          host: head.authority,
          scheme: head.scheme,
          size: BigInt(length !== undefined && /^\d{1,15}$/.test(length) ? length : -1),
          protocol: record.protocol,
          ...(body === undefined ? {} : options.packAsBytes ? { rawBody: body } : { body: body.toString('utf8') }),
        },
      },
      contextExtensions: input.contextExtensions,
      ...(metadata === undefined ? {} : { metadataContext: { filterMetadata: metadata } }),
      ...(connection.sni === '' ? {} : { tlsSession: { sni: connection.sni } }),
    },
  } as unknown as CheckRequest;
}

function metadataOf(record: StreamRecord, namespaces: readonly string[]): Record<string, unknown> | undefined {
  let found: Record<string, unknown> | undefined;
  for (const name of namespaces) {
    const value = record.metadata?.get(name);
    if (value !== undefined) (found ??= {})[name] = value;
  }
  return found;
}
