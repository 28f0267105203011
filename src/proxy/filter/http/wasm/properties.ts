// Properties that plugins may ask for (Envoy's attributes): numbers as 8 bytes, booleans as one, maps as pairs.

import type { StreamRecord } from '#telemetry';
import type { RequestHead, ResponseHead } from '#wire/http';
import type { FilterCallbacks } from '../../../http/filter.ts';
import type { ProxySelf } from '../../../services.ts';
import { encodePairs } from './abi.ts';

export interface PluginFacts {
  readonly name: string;
  readonly rootId: string;
  readonly vmId: string;
  readonly self: ProxySelf;
  readonly wallMs: () => number;
}

export interface StreamFacts {
  readonly callbacks: FilterCallbacks;
  readonly request: RequestHead | undefined;
  readonly response: ResponseHead | undefined;
}

type Value = string | number | bigint | boolean | Readonly<Record<string, unknown>> | undefined;

/** Undefined when there is no such property, or not yet. */
export function propertyOf(
  path: readonly string[],
  facts: PluginFacts,
  stream: StreamFacts | undefined,
): Buffer | undefined {
  const [first = '', ...rest] = path;
  switch (first) {
    case 'plugin_name':
      return encode(facts.name);
    case 'plugin_root_id':
      return encode(facts.rootId);
    case 'plugin_vm_id':
      return encode(facts.vmId);
    case 'node':
      return encode(nodeValue(rest, facts.self));
    default:
      return stream === undefined ? undefined : encode(streamValue(first, rest, stream, facts));
  }
}

function nodeValue([name = '', ...rest]: readonly string[], self: ProxySelf): Value {
  if (name === 'id') return self.nodeId;
  if (name === 'cluster') return self.serviceName;
  return name === 'metadata' ? within(self.metadata, rest) : undefined;
}

function streamValue(first: string, rest: readonly string[], stream: StreamFacts, facts: PluginFacts): Value {
  const { callbacks, request, response } = stream;
  const { record, connection } = callbacks;
  const [name = '', further = ''] = rest;
  switch (first) {
    case 'request':
      return request === undefined ? undefined : requestValue(name, further, request, record, facts);
    case 'response':
      return responseValue(name, further, response, record);
    case 'source':
      return name === 'address'
        ? address(connection.remoteAddress, connection.remotePort)
        : name === 'port'
          ? connection.remotePort
          : undefined;
    case 'destination':
      return name === 'address'
        ? address(connection.localAddress, connection.localPort)
        : name === 'port'
          ? connection.localPort
          : undefined;
    case 'connection':
      return connectionValue(name, stream);
    case 'upstream':
      return upstreamValue(name, record);
    case 'cluster_name':
      return record.upstreamCluster || callbacks.route?.cluster;
    case 'route_name':
      return record.routeName || callbacks.route?.name;
    case 'listener_name':
      return record.listener;
    case 'metadata':
      return within(Object.fromEntries(record.metadata ?? []), rest[0] === 'filter_metadata' ? rest.slice(1) : rest);
    case 'filter_state':
      return record.filterState?.get(rest.join('.'));
    case 'xds':
      return xdsValue(name, stream);
    default:
      return record.filterState?.get(`wasm.${[first, ...rest].join('.')}`);
  }
}

function requestValue(
  name: string,
  header: string,
  head: RequestHead,
  record: StreamRecord,
  facts: PluginFacts,
): Value {
  const question = head.path.indexOf('?');
  switch (name) {
    case 'path':
      return head.path;
    case 'url_path':
      return question < 0 ? head.path : head.path.slice(0, question);
    case 'query':
      return question < 0 ? '' : head.path.slice(question + 1);
    case 'host':
      return head.authority;
    case 'scheme':
      return head.scheme;
    case 'method':
      return head.method;
    case 'headers':
      return header === '' ? headersOf(head.headers.flat) : head.headers.get(header.toLowerCase());
    case 'referer':
      return head.headers.get('referer');
    case 'useragent':
      return head.headers.get('user-agent');
    case 'id':
      return head.headers.get('x-request-id') ?? record.requestId;
    case 'protocol':
      return record.protocol;
    case 'time':
      return nanos(record.startWallMs);
    case 'duration':
      return nanos(facts.wallMs() - record.startWallMs);
    case 'size':
      return record.bytesReceived;
    case 'total_size':
      return record.bytesReceived + head.headers.byteSize;
    default:
      return undefined;
  }
}

function responseValue(name: string, header: string, head: ResponseHead | undefined, record: StreamRecord): Value {
  switch (name) {
    case 'code':
      return head?.status ?? (record.responseCode || undefined);
    case 'code_details':
      return record.responseCodeDetails;
    case 'flags':
      return record.flags.join(',');
    case 'grpc_status':
      return record.grpcStatus < 0 ? undefined : record.grpcStatus;
    case 'headers':
      return head === undefined
        ? undefined
        : header === ''
          ? headersOf(head.headers.flat)
          : head.headers.get(header.toLowerCase());
    case 'size':
      return record.bytesSent;
    case 'total_size':
      return record.bytesSent + (head?.headers.byteSize ?? 0);
    default:
      return undefined;
  }
}

function connectionValue(name: string, { callbacks: { connection, record } }: StreamFacts): Value {
  switch (name) {
    case 'mtls':
      return connection.mtls;
    case 'requested_server_name':
      return connection.sni;
    case 'tls_version':
      return record.tlsVersion;
    case 'uri_san_peer_certificate':
      return connection.peerUriSans[0];
    case 'uri_san_local_certificate':
      return record.downstreamLocalPrincipal;
    case 'termination_details':
      return record.connectionTerminationDetails;
    default:
      return undefined;
  }
}

function upstreamValue(name: string, record: StreamRecord): Value {
  switch (name) {
    case 'address':
      return record.upstreamHost === '' ? undefined : record.upstreamHost;
    case 'port':
      return record.upstreamHost === ''
        ? undefined
        : Number(record.upstreamHost.slice(record.upstreamHost.lastIndexOf(':') + 1));
    case 'local_address':
      return record.upstreamLocalAddress === '' ? undefined : record.upstreamLocalAddress;
    case 'transport_failure_reason':
      return record.upstreamTransportFailure;
    case 'uri_san_peer_certificate':
      return record.upstreamPrincipal;
    default:
      return undefined;
  }
}

function xdsValue(name: string, { callbacks }: StreamFacts): Value {
  const { record, route } = callbacks;
  switch (name) {
    case 'cluster_name':
      return record.upstreamCluster || route?.cluster;
    case 'route_name':
      return record.routeName || route?.name;
    case 'virtual_host_name':
      return record.virtualHost || route?.virtualHost;
    case 'filter_chain_name':
      return record.filterChain;
    default:
      return undefined;
  }
}

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function nanos(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}

/** The first of repeated ones. */
function headersOf(flat: readonly string[]): Record<string, string> {
  const found: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = 0; i < flat.length; i += 3) found[flat[i] as string] ??= flat[i + 2] as string;
  return found;
}

function within(value: unknown, path: readonly string[]): Value {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  if (Array.isArray(at)) return JSON.stringify(at);
  return at === null ? undefined : (at as Value);
}

function encode(value: Value): Buffer | undefined {
  switch (typeof value) {
    case 'undefined':
      return undefined;
    case 'string':
      // Headers are bytes; names from configuration may be any text.
      return Buffer.from(value, /[^\u0000-\u00ff]/.test(value) ? 'utf8' : 'latin1');
    case 'boolean':
      return Buffer.from([value ? 1 : 0]);
    case 'number':
    case 'bigint': {
      const out = Buffer.alloc(8);
      if (typeof value === 'number' && !Number.isInteger(value)) out.writeDoubleLE(value);
      else out.writeBigInt64LE(BigInt(value));
      return out;
    }
    default:
      return encodePairs(
        Object.entries(value).flatMap(([name, one]) => {
          const bytes = encode(
            typeof one === 'object' && one !== null && Array.isArray(one) ? JSON.stringify(one) : (one as Value),
          );
          return bytes === undefined ? [] : [[name, bytes.toString('latin1')] as const];
        }),
      );
  }
}
