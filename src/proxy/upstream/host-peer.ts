// Who runs behind an endpoint, by the metadata that EDS gives it (istio.workload); UNKNOWN_PEER when it says nothing.

import type { PeerCache, PeerInfo } from '#telemetry';
import type { Host } from '../cluster/index.ts';

export function hostPeer(host: Host, peers: PeerCache): PeerInfo {
  const text = host.spec.metadata['istio']?.['workload'];
  return peers.endpoint(typeof text === 'string' ? text : '');
}
