import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import { encodePeerMetadata, PEER_METADATA_HEADER, PeerCache, StatStore, StreamRecord, UNKNOWN_PEER } from '#telemetry';
import { HeaderBlock } from '#wire/http';
import type { DownstreamFacts, FilterCallbacks } from '../../http/filter.ts';
import { testConnection, testHead } from '../../match-input.testing.ts';
import type { ClusterManager } from '../../upstream/cluster-manager.ts';
import { peerMetadataExtension } from './peer-metadata.ts';
import { NOBODY } from '../../services.ts';

const peer = { ...UNKNOWN_PEER, workload: 'reviews-v1', namespace: 'shop', app: 'reviews', version: 'v1' };
const text = encodePeerMetadata(peer);

function filter(fields: readonly number[], connection: DownstreamFacts, inMesh = true) {
  const record = new StreamRecord();
  const config = Uint8Array.from(fields.flatMap((field) => [field * 8 + 2, 2, 0x1a, 0]));
  const factory = peerMetadataExtension({ encoded: 'OURS', nodeId: 'us' }, new PeerCache()).build(
    config,
    {
      clock: new FakeClock(),
      random: new SeededRandom(1),
      log: silentLogger,
      statPrefix: '',
      place: '',
      sharing: undefined,
      leases: undefined,
      self: NOBODY,
      modules: undefined,
      stats: new StatStore(),
      clusters: { get: () => ({ showsIdentity: inMesh }) } as unknown as ClusterManager,
    },
    'mx',
  );
  return {
    record,
    filter: factory.create({ record, connection, route: { cluster: 'c' } } as unknown as FilterCallbacks),
  };
}

const mtls = (principal: string) =>
  testConnection({ tls: true, mtls: true, peerUriSans: [principal], peerPrincipal: principal });

test('an mTLS client is believed about its workload where the namespaces agree, and answered', () => {
  const { record, filter: f } = filter([1, 3], mtls('spiffe://cluster.local/ns/shop/sa/reviews'));
  const head = testHead({
    headers: [
      [PEER_METADATA_HEADER, text],
      ['x-envoy-peer-metadata-id', 'sidecar~…'],
    ],
  });
  f.requestHead?.(head, true);
  assert.equal(record.source.workload, 'reviews-v1');
  assert.equal(head.headers.count, 0);
  const response = { status: 200, headers: new HeaderBlock() };
  f.responseHead?.(response, true);
  assert.equal(response.headers.get(PEER_METADATA_HEADER), 'OURS');
});

test('nobody else is believed, and the headers never reach the application', () => {
  for (const connection of [testConnection(), mtls('spiffe://cluster.local/ns/other/sa/reviews'), mtls('')]) {
    const { record, filter: f } = filter([1, 3], connection);
    const head = testHead({ headers: [[PEER_METADATA_HEADER, text]] });
    f.requestHead?.(head, true);
    assert.equal(record.source, UNKNOWN_PEER);
    assert.equal(head.headers.has(PEER_METADATA_HEADER), false);
  }
});

test('towards a server ours replaces what the application sent, and its answer is read and removed', () => {
  const { record, filter: f } = filter([2, 4], testConnection());
  const head = testHead({ headers: [[PEER_METADATA_HEADER, 'forged']] });
  f.requestHead?.(head, true);
  assert.deepEqual(head.headers.getAll(PEER_METADATA_HEADER), ['OURS']);
  record.upstreamMtls = true;
  record.upstreamPrincipal = 'spiffe://cluster.local/ns/shop/sa/reviews';
  const response = { status: 200, headers: new HeaderBlock() };
  response.headers.add(PEER_METADATA_HEADER, text);
  f.responseHead?.(response, true);
  assert.equal(record.destination.workload, 'reviews-v1');
  assert.equal(response.headers.count, 0);
});

test('nothing is said outside the mesh, and what the application says there does not pass', () => {
  const { filter: f } = filter([2, 4], testConnection(), false);
  const head = testHead({ headers: [[PEER_METADATA_HEADER, 'forged']] });
  f.requestHead?.(head, true);
  assert.equal(head.headers.has(PEER_METADATA_HEADER), false);
});
