// Envoy's input document as the OPA-Envoy plugin makes it, so that policies written for the plugin work unchanged.

import type { StreamRecord } from '#telemetry';
import { type CheckInput, headersOf } from '../ext-authz/check-input.ts';

const EVERY = (): boolean => true;

/** Names and values as protobuf's JSON form writes an AttributeContext. */
export function opaInput(input: CheckInput): Record<string, unknown> {
  const { head, connection, record, body } = input;
  const headers = headersOf(input, EVERY);
  const question = head.path.indexOf('?');
  const length = headers['content-length'];
  return {
    attributes: {
      source: peer(connection.remoteAddress, connection.remotePort, connection.peerPrincipal),
      destination: peer(connection.localAddress, connection.localPort, record.downstreamLocalPrincipal),
      request: {
        time: new Date(input.wallMs).toISOString(),
        http: {
          id: record.requestId,
          method: head.method,
          headers,
          path: head.path,
          host: head.authority,
          scheme: head.scheme,
          protocol: record.protocol,
          ...(length !== undefined && /^\d{1,15}$/.test(length) ? { size: length } : {}),
          ...(body === undefined || body.length === 0 ? {} : { body: body.toString('utf8') }),
        },
      },
      metadataContext: { filterMetadata: tokens(record) },
    },
    parsed_path: segments(question < 0 ? head.path : head.path.slice(0, question)),
    parsed_query: question < 0 ? {} : parsedQuery(head.path.slice(question + 1)),
    parsed_body: parsedBody(body, input.truncated, headers['content-type'] ?? ''),
    truncated_body: input.truncated,
    version: { encoding: 'protojson', ext_authz: 'v3' },
  };
}

function peer(address: string, port: number, principal: string): object {
  return { address: { socketAddress: { address, portValue: port } }, ...(principal === '' ? {} : { principal }) };
}

/** Verified claims, for policies that read them from there. */
function tokens(record: StreamRecord): Record<string, unknown> {
  const name = 'envoy.filters.http.jwt_authn';
  const payload = record.metadata?.get(name);
  return payload === undefined ? {} : { [name]: payload };
}

function segments(path: string): readonly string[] {
  const bare = decode(path).replace(/^\/+/, '');
  return bare.split('/');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parsedQuery(text: string): Record<string, string[]> {
  const found = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of new URLSearchParams(text)) (found[name] ??= []).push(value);
  return found;
}

/** A body that cannot be read is none: a policy that needs it refuses. */
function parsedBody(body: Buffer | undefined, truncated: boolean, contentType: string): unknown {
  if (body === undefined || body.length === 0 || truncated) return null;
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json' || type.endsWith('+json')) {
    try {
      return JSON.parse(body.toString('utf8')) as unknown;
    } catch {
      return null;
    }
  }
  return type === 'application/x-www-form-urlencoded' ? parsedQuery(body.toString('utf8')) : null;
}
