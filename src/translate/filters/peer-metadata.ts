// Peers tell each other who they are (design §3d): only between our proxies, since stock Envoy has no such filter.

import { ConfigSchema } from '#proto/io/istio/http/peer_metadata/config_pb.ts';
import { typed } from '../encode.ts';

const READ = [{ methodSpecifier: { case: 'istioHeaders' as const, value: {} } }];
const SAY_IN_MESH = [{ methodSpecifier: { case: 'istioHeaders' as const, value: { skipExternalClusters: true } } }];

/** A gateway reads its clients' headers only to throw them away: what it believes is up to the connection. */
export function peerMetadata(direction: 'inbound' | 'outbound' | 'gateway') {
  return typed('istio.metadata_exchange', ConfigSchema, {
    ...(direction === 'outbound' ? {} : { downstreamDiscovery: READ }),
    ...(direction === 'inbound'
      ? { downstreamPropagation: READ }
      : { upstreamDiscovery: READ, upstreamPropagation: SAY_IN_MESH }),
  });
}
