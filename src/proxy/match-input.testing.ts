// Requests for tests of matchers, routes and filters.

import { StreamRecord } from '#telemetry';
import { HeaderBlock, type RequestHead } from '#wire/http';
import type { DownstreamFacts } from './http/filter.ts';
import type { MatchInput } from './matcher/match-input.ts';

export function testHead(
  more: Partial<Omit<RequestHead, 'headers'>> & { readonly headers?: readonly (readonly [string, string])[] } = {},
): RequestHead {
  const headers = new HeaderBlock();
  for (const [name, value] of more.headers ?? []) headers.add(name, value);
  return {
    method: 'GET',
    path: '/',
    authority: 'a.example',
    scheme: 'http',
    version: '1.1',
    protocol: '',
    ...more,
    headers,
  };
}

export function testConnection(more: Partial<DownstreamFacts> = {}): DownstreamFacts {
  return {
    directRemoteAddress: '10.0.0.9',
    remoteAddress: '10.0.0.9',
    remotePort: 40000,
    trustedRemoteAddress: '10.0.0.9',
    localAddress: '10.0.0.1',
    localPort: 8080,
    sni: '',
    tls: false,
    mtls: false,
    peerUriSans: [],
    peerPrincipal: '',
    ...more,
  };
}

export function testInput(
  head: RequestHead,
  connection: DownstreamFacts = testConnection(),
  record = new StreamRecord(),
): MatchInput {
  return { head, connection, record };
}
