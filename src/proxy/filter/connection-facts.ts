// The facts of a connection as request policies read them, for filters that work before any request.

import type { RequestHead } from '#wire/http';
import { HeaderBlock } from '#wire/http';
import type { DownstreamFacts } from '../http/filter.ts';
import type { DownstreamConnection } from '../network/filter.ts';

export function factsOf(connection: DownstreamConnection): DownstreamFacts {
  const { tls } = connection.conn;
  const peer = tls?.peer.kind === 'verified' ? tls.peer : undefined;
  return {
    directRemoteAddress: connection.conn.remoteAddress,
    remoteAddress: connection.remoteAddress,
    remotePort: connection.remotePort,
    trustedRemoteAddress: connection.remoteAddress,
    localAddress: connection.localAddress,
    localPort: connection.localPort,
    sni: connection.sni,
    tls: tls !== undefined,
    mtls: peer !== undefined,
    peerUriSans: peer?.uriSans ?? [],
    peerPrincipal: peer?.spiffeId ?? '',
  };
}

/** There is no request: every condition over one finds nothing. */
export const NO_REQUEST: RequestHead = {
  method: '',
  path: '',
  authority: '',
  scheme: 'http',
  version: '1.1',
  protocol: '',
  headers: new HeaderBlock(),
};
