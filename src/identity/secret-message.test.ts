import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import type { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { SecretSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { decodeLight } from '#proto/light.ts';
import { makeRoot } from './ca/signing-authority.ts';
import { readCertificateSecret, readTrustSecret } from './read-certificate-secret.ts';
import { decodeSecret, encodeSecret } from './secret-message.ts';
import { makePeer } from './testing/make-peer.ts';

const NOW = 1_750_000_000_000;
const root = makeRoot({ organization: 'cluster.local', nowMs: NOW });
const bundles = [
  { trustDomain: 'cluster.local', rootsPem: root.rootsPem },
  { trustDomain: 'partner.example', rootsPem: makeRoot({ organization: 'partner', nowMs: NOW }).rootsPem },
];
const pair = makePeer(root, NOW);

for (const [how, decode] of [
  ['protobuf-es', (bytes: Uint8Array): Secret => fromBinary(SecretSchema, bytes)],
  ['the light decoder', (bytes: Uint8Array): Secret => decodeLight(SecretSchema.typeName, bytes) as unknown as Secret],
] as const) {
  test(`a certificate and a bundle survive the way through ${how}`, () => {
    for (const secret of [
      readCertificateSecret(pair.pem, pair.keyPem),
      readTrustSecret(root.rootsPem),
      readTrustSecret(root.rootsPem, '', bundles),
    ]) {
      assert.ok(secret.ok);
      const message = decode(encodeSecret('default', secret.value));
      assert.equal(message.name, 'default');
      assert.deepEqual(decodeSecret(message), secret.value);
    }
  });
}

test('a message without content, or with a key that does not fit, is an error', () => {
  const other = makePeer(root, NOW);
  const empty = decodeSecret(fromBinary(SecretSchema, new Uint8Array()));
  assert.equal(empty.kind === 'error' && empty.code, 'secret_incomplete');
  const wrong = encodeSecret('x', {
    kind: 'certificate',
    certChainPem: pair.pem,
    privateKeyPem: other.keyPem,
    version: '',
    notAfterMs: 0,
    spiffeId: '',
  });
  const decoded = decodeSecret(fromBinary(SecretSchema, wrong));
  assert.equal(decoded.kind === 'error' && decoded.code, 'key_mismatch');
});
