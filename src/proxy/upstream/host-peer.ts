// Who runs behind an endpoint, by the metadata that EDS gives it (istio.workload), and the service that a cluster stands for.

import type { PeerCache, PeerInfo, StreamRecord } from '#telemetry';
import type { Host } from '../cluster/index.ts';
import type { Cluster } from './cluster.ts';

/** UNKNOWN_PEER when they say nothing. */
export function hostPeer(host: Host, peers: PeerCache): PeerInfo {
  const text = host.spec.metadata['istio']?.['workload'];
  return peers.endpoint(typeof text === 'string' ? text : '');
}

/** Who was asked for, in Istio's labels. */
export function nameService(record: StreamRecord, cluster: Cluster): void {
  const { service } = cluster.settings;
  if (service === undefined) return;
  record.destinationService = service.host;
  record.destinationServiceName = service.name;
  record.destinationServiceNamespace = service.namespace;
}
