// Nobody holds the private key that stands in for a missing key set.

import assert from 'node:assert/strict';
import { createHash, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { NO_KEY, usableKeys } from './no-key.ts';

test('the key that verifies nothing is a point of the curve made from a hash', () => {
  const [key] = (JSON.parse(NO_KEY) as { keys: { x: string; kty: string; crv: string; y: string }[] }).keys;
  assert.equal(key?.x, createHash('sha256').update('topsail: nobody has this key 0').digest('base64url'));
  assert.equal(
    createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: key.x, y: key.y }, format: 'jwk' }).asymmetricKeyType,
    'ec',
  );
});

test('a set that cannot verify anything is replaced by it', () => {
  for (const text of [undefined, '', '[]', '{"keys":[]}', '{"keys":[{"kty":"oct","k":"AAAA"}]}', '{"keys":[null]}'])
    assert.equal(usableKeys(text), NO_KEY, text);
  assert.equal(usableKeys('{"keys":[{"kty":"RSA"}]}'), '{"keys":[{"kty":"RSA"}]}');
});
