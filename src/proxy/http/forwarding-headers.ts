// What the connection manager does to a request's head before anything else reads it: who is the client,
// x-forwarded-*, request id, internal headers at a trust edge, host and underscores
// (Envoy: ConnectionManagerUtility::mutateRequestHeaders, in its order).

import type { Random } from '#base';
import type { HeaderBlock, RequestHead } from '#wire/http';
import { parseIp } from '../matcher/cidr.ts';
import type { ManagerConfig } from './manager-config.ts';

/** Honoured only from internal clients: they steer routing, retries and timeouts. */
const INTERNAL = new Set([
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-attempt-count',
  'x-envoy-is-timeout-retry',
]);
/** Taken away at an edge: they name who calls, and what logs take for the path that was asked for. */
const EDGE = new Set([
  'x-envoy-original-path',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-decorator-operation',
]);

export interface ClientFacts {
  readonly remoteAddress: string;
  readonly localPort: number;
  readonly tls: boolean;
}

export interface PreparedRequest {
  /** The client's address after x-forwarded-for was weighed. */
  readonly trustedAddress: string;
  readonly requestId: string;
  readonly problem: 'underscore' | undefined;
}

export function prepareRequest(
  head: RequestHead,
  client: ClientFacts,
  config: ManagerConfig,
  random: Random,
): PreparedRequest {
  const headers = head.headers;
  const flat = headers.flat;
  let xff: string | undefined;
  let xfp: string | undefined;
  let requestId: string | undefined;
  let internalSeen = false;
  let underscore = false;
  for (let i = 0; i < flat.length; i += 3) {
    const lower = flat[i] as string;
    // 'x' first: most headers are done with after one comparison.
    if (lower.charCodeAt(0) === 0x78) {
      if (lower === 'x-request-id') requestId ??= flat[i + 2];
      else if (lower === 'x-forwarded-for') xff = xff === undefined ? flat[i + 2] : `${xff},${flat[i + 2]}`;
      else if (lower === 'x-forwarded-proto') xfp = xfp === undefined ? flat[i + 2] : '';
      else if (lower.startsWith('x-envoy-')) internalSeen = true;
    }
    if (config.underscores !== 'allow' && lower.includes('_')) underscore = true;
  }
  if (underscore) {
    if (config.underscores === 'reject')
      return { trustedAddress: client.remoteAddress, requestId: '', problem: 'underscore' };
    dropUnderscores(headers);
  }
  const trustedAddress = weighForwardedFor(xff, client.remoteAddress, config);
  const single = config.useRemoteAddress
    ? config.trustedHops === 0 && xff === undefined
    : xff !== undefined && !xff.includes(',');
  const internal = single && config.internalAddress(trustedAddress);
  const edge = config.useRemoteAddress && !internal;
  if (!internal) {
    if (internalSeen) removeInternal(headers, edge);
    const ofRoutes = config.routes.current?.internalOnlyHeaders;
    if (ofRoutes !== undefined) for (const name of ofRoutes) headers.remove(name);
  }
  if (config.useRemoteAddress) {
    if (!config.skipXffAppend)
      headers.put('x-forwarded-for', xff ? `${xff},${client.remoteAddress}` : client.remoteAddress);
    if (config.trustedHops === 0 || !isScheme(xfp)) xfp = setProto(headers, client.tls);
    if (edge && trustedAddress !== '') headers.put('x-envoy-external-address', trustedAddress);
  } else if (!isScheme(xfp)) xfp = setProto(headers, client.tls);
  if (internal) headers.put('x-envoy-internal', 'true');
  if (config.appendForwardedPort && !headers.has('x-forwarded-port'))
    headers.push('x-forwarded-port', 'x-forwarded-port', String(client.localPort));
  if (config.schemeOverwrite !== '') headers.put('x-forwarded-proto', (xfp = config.schemeOverwrite));
  head.scheme = xfp as 'http' | 'https';
  if (config.via !== '') headers.add('via', config.via);
  if (config.addUserAgent !== '') headers.set('user-agent', config.addUserAgent);
  fixHost(head, client.localPort, config);
  if (requestId === undefined || requestId === '' || (edge && !config.preserveExternalRequestId)) {
    if (config.generateRequestId) {
      requestId = random.uuid();
      headers.put('x-request-id', requestId);
    }
  }
  return { trustedAddress, requestId: requestId ?? '', problem: undefined };
}

function isScheme(text: string | undefined): boolean {
  return text === 'http' || text === 'https';
}

function setProto(headers: HeaderBlock, tls: boolean): string {
  const proto = tls ? 'https' : 'http';
  headers.put('x-forwarded-proto', proto);
  return proto;
}

/** The address that `trustedHops` proxies in front of us vouch for. */
function weighForwardedFor(xff: string | undefined, remoteAddress: string, config: ManagerConfig): string {
  if (xff === undefined || (config.useRemoteAddress && config.trustedHops === 0)) return remoteAddress;
  const list = xff.split(',');
  // Ourselves are the last hop when the connection's own address counts.
  const back = config.useRemoteAddress ? config.trustedHops : config.trustedHops + 1;
  const address = list[list.length - back]?.trim();
  // What is no address stands in no range: an unknown one would pass each `notRemoteIpBlocks`.
  return address === undefined || parseIp(address) === undefined ? remoteAddress : address;
}

function removeInternal(headers: HeaderBlock, edge: boolean): void {
  const flat = headers.flat;
  let write = 0;
  for (let read = 0; read < flat.length; read += 3) {
    const lower = flat[read] as string;
    if (INTERNAL.has(lower) || lower === 'x-envoy-internal' || (edge && EDGE.has(lower))) continue;
    flat[write] = lower;
    flat[write + 1] = flat[read + 1] as string;
    flat[write + 2] = flat[read + 2] as string;
    write += 3;
  }
  if (flat.length === write) return;
  flat.length = write;
  headers.forgetLines();
}

function dropUnderscores(headers: HeaderBlock): void {
  for (const [name] of [...headers.entries()]) if (name.includes('_')) headers.remove(name);
}

function fixHost(head: RequestHead, localPort: number, config: ManagerConfig): void {
  if (head.authority === '' && head.version === '1.0') head.authority = config.defaultHostForHttp10;
  if (config.stripPort === 'none' && !config.stripTrailingDot) return;
  // An empty port is none (RFC 3986 §6.2.3).
  const match = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(head.authority);
  if (match === null) return;
  let host = match[1] as string;
  let port = match[2];
  if (
    port !== undefined &&
    (config.stripPort === 'any' || (config.stripPort === 'matching' && Number(port) === localPort))
  )
    port = undefined;
  // All of them: with one of two taken away, the server behind would take the other.
  if (config.stripTrailingDot && host.endsWith('.')) host = host.replace(/\.+$/, '');
  if (head.method !== 'CONNECT') head.authority = port === undefined ? host : `${host}:${port}`;
}
