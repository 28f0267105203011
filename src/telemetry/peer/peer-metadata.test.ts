import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary, toBinary, create } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { type PeerInfo, UNKNOWN_PEER } from '../stream-record.ts';
import {
  decodeEndpointWorkload,
  decodePeerMetadata,
  encodeEndpointWorkload,
  encodePeerMetadata,
  localPeer,
  PeerCache,
  peerFromNodeId,
} from './peer-metadata.ts';

const reviews: PeerInfo = {
  workload: 'reviews-v1',
  namespace: 'default',
  canonicalService: 'reviews',
  canonicalRevision: 'v1',
  app: 'reviews',
  version: 'v1',
  cluster: 'Kubernetes',
};

test('what is encoded decodes to the same peer, and is a protobuf Struct to others', () => {
  const text = encodePeerMetadata(reviews);
  assert.deepEqual(decodePeerMetadata(text), reviews);
  const struct = fromBinary(StructSchema, Buffer.from(text, 'base64'));
  assert.deepEqual(struct.fields['WORKLOAD_NAME']?.kind, { case: 'stringValue', value: 'reviews-v1' });
});

test('metadata that another implementation encoded decodes', () => {
  const string = (value: string): { kind: { case: 'stringValue'; value: string } } => ({
    kind: { case: 'stringValue', value },
  });
  const bytes = toBinary(
    StructSchema,
    create(StructSchema, {
      fields: {
        WORKLOAD_NAME: string('w'),
        NAMESPACE: string('n'),
        CLUSTER_ID: string('c'),
        ISTIO_VERSION: string('1.31'),
        LABELS: { kind: { case: 'structValue', value: { fields: { app: string('a') } } } },
      },
    }),
  );
  assert.deepEqual(decodePeerMetadata(Buffer.from(bytes).toString('base64')), {
    workload: 'w',
    namespace: 'n',
    canonicalService: 'a',
    canonicalRevision: 'latest',
    app: 'a',
    version: '',
    cluster: 'c',
  });
});

test('garbage is no peer, and never throws', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.uint8Array().map((b) => Buffer.from(b).toString('base64')),
      ),
      (text) => {
        const peer = decodePeerMetadata(text);
        assert.ok(peer === undefined || Object.values(peer).every((v) => typeof v === 'string' && v.length <= 253));
      },
    ),
  );
  assert.equal(decodePeerMetadata('A'.repeat(10_000)), undefined);
});

test('equal texts give the same object; the cache is bounded', () => {
  const cache = new PeerCache(2);
  const text = encodePeerMetadata(reviews);
  assert.equal(cache.decode(text), cache.decode(text));
  for (let i = 0; i < 10; i++) cache.decode(encodePeerMetadata({ ...reviews, workload: `w${i}` }));
  assert.equal(cache.size, 2);
  assert.equal(cache.decode('%'), UNKNOWN_PEER);
});

test('endpoint metadata, node ids and node metadata name peers too', () => {
  assert.deepEqual(decodeEndpointWorkload(encodeEndpointWorkload(reviews)), reviews);
  assert.equal(peerFromNodeId('sidecar~10.0.0.1~reviews-v1.default~default.svc.cluster.local')?.workload, 'reviews-v1');
  assert.equal(peerFromNodeId('envoy'), undefined);
  assert.deepEqual(
    localPeer({
      WORKLOAD_NAME: 'reviews-v1',
      NAMESPACE: 'default',
      CLUSTER_ID: 'Kubernetes',
      LABELS: { app: 'reviews', version: 'v1' },
    }),
    reviews,
  );
});
