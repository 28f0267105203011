// An edge of traffic with everything in it, for tests to vary.
import type { TrafficEdgeJson } from '../../src/api/dashboard-json.ts';

export function edgeOf(fields: Partial<TrafficEdgeJson>): TrafficEdgeJson {
  return {
    source: 'productpage-v1',
    sourceNamespace: 'default',
    sourceService: 'productpage',
    sourceVersion: 'v1',
    sourcePrincipal: 'spiffe://cluster.local/ns/default/sa/productpage',
    sourcePrincipals: ['spiffe://cluster.local/ns/default/sa/productpage'],
    destination: 'reviews-v1',
    destinationNamespace: 'default',
    destinationCanonical: 'reviews',
    destinationVersion: 'v1',
    destinationPrincipal: '',
    service: 'reviews.default.svc.cluster.local',
    protocol: 'http',
    requestsPerSecond: 1,
    errorsPerSecond: 0,
    deniedPerSecond: 0,
    denials: {},
    p50Ms: 5,
    p95Ms: 10,
    p99Ms: 20,
    mtls: 1,
    requests: 60,
    failures: 0,
    denied: 0,
    bytesSentPerSecond: 0,
    bytesReceivedPerSecond: 0,
    connectionsOpened: 0,
    openConnections: 0,
    codes: {},
    flags: {},
    reporters: ['source'],
    ...fields,
  };
}
