// Whether the peer of a connection that stands would still be trusted: chain and revocation, not the end of its leaf
// (a certificate that ran out is renewed for the next connection, not for this one).

import type { PeerCheck } from '#base';
import { makePeerCheck, type TrustSecret } from '#identity';
import type { ProxyServices } from '../services.ts';

export function standingCheck(
  { rootsPem, bundles, crlPem, revocation }: TrustSecret,
  revocationOfLeafOnly: boolean,
  peerIs: 'client' | 'server',
  { clock, intermediates }: ProxyServices,
): PeerCheck {
  return makePeerCheck({
    roots: rootsPem,
    bundles,
    crl: crlPem,
    revocation,
    revocationOfLeafOnly,
    sanMatchers: [],
    trustDomains: undefined,
    required: true,
    established: true,
    intermediates,
    peerIs,
    clock,
  });
}
