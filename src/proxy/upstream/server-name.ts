// The server's name that TLS asks an endpoint for where configuration names none (auto_sni), and the check that it is whose
// certificate was shown (auto_san_validation). Envoy takes the request's authority; a connection here serves all requests of its
// endpoint, so it is the service's own name, else the name that the endpoint was looked up by.

import type { PeerCheck } from '#base';
import { matchesDnsName } from '#identity';
import type { Host } from '../cluster/host.ts';
import type { ClusterSettings } from './cluster-settings.ts';

/** TLS names no addresses. */
const IP_ADDRESS = /^[\d.]+$|:/;

export function serverNameOf(
  { autoSni, service }: Pick<ClusterSettings, 'autoSni' | 'service'>,
  sni: string,
  host: Pick<Host, 'spec'>,
): string {
  if (sni !== '' || !autoSni) return sni;
  const name = service === undefined || service.host.startsWith('*') ? '' : service.host;
  const found = name === '' ? host.spec.hostname : name;
  return IP_ADDRESS.test(found) ? '' : found;
}

/** Beside what else is asked of the peer. Without a name nobody can be the right one. */
export function namedPeer(check: PeerCheck, name: string): PeerCheck {
  return (peer) => {
    const judged = check(peer);
    if (!judged.ok) return judged;
    if (judged.verdict.kind === 'verified' && judged.verdict.dnsSans.some((san) => matchesDnsName(san, name)))
      return judged;
    return { ok: false, reason: `its certificate does not name ${name === '' ? 'anybody who was asked for' : name}` };
  };
}
