import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeRoot } from './ca/signing-authority.ts';
import type { GatewaySecretRequest, SecretObject } from './gateway-secret.ts';
import { resolveGatewaySecret } from './gateway-secret.ts';
import { generateKeyPair, privateKeyPem } from './key-pair.ts';
import { makePeer } from './testing/make-peer.ts';

const NOW = 1_750_000_000_000;
const root = makeRoot({ organization: 'shop', nowMs: NOW });
const pair = makePeer(root, NOW, { uris: [], dns: ['shop.example'] });
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const tls: SecretObject = { data: { 'tls.crt': base64(pair.pem), 'tls.key': base64(pair.keyPem) } };

function resolve(name: string, secrets: Record<string, SecretObject>, more: Partial<GatewaySecretRequest> = {}) {
  return resolveGatewaySecret({
    name,
    principal: 'spiffe://cluster.local/ns/edge/sa/gateway',
    proxyNamespace: 'edge',
    nowMs: NOW,
    lookup: (namespace, secret) => secrets[`${namespace}/${secret}`],
    ...more,
  });
}

function code(result: ReturnType<typeof resolve>): string {
  return result.ok ? result.value.value.kind : result.error.code;
}

test('a Secret gives its certificate under either pair of names, from data or stringData', () => {
  assert.equal(code(resolve('kubernetes://tls-cert', { 'edge/tls-cert': tls })), 'certificate');
  assert.equal(
    code(resolve('kubernetes://tls-cert', { 'edge/tls-cert': { stringData: { cert: pair.pem, key: pair.keyPem } } })),
    'certificate',
  );
  assert.equal(code(resolve('kubernetes-gateway://edge/tls-cert', { 'edge/tls-cert': tls })), 'certificate');
});

test('roots come from NAME-cacert, or from the Secret itself', () => {
  assert.equal(
    code(resolve('kubernetes://c-cacert', { 'edge/c-cacert': { stringData: { cacert: root.rootsPem } } })),
    'trust',
  );
  assert.equal(
    code(resolve('kubernetes://c-cacert', { 'edge/c': { data: { ...tls.data, 'ca.crt': base64(root.rootsPem) } } })),
    'trust',
  );
  assert.equal(code(resolve('kubernetes://c-cacert', { 'edge/c': tls })), 'secret_not_found');
});

test('only a proxy whose verified identity is of the same namespace gets it', () => {
  const secrets = { 'edge/c': tls, 'shop/c': tls };
  assert.equal(code(resolve('kubernetes://c', secrets, { principal: '' })), 'secret_not_entitled');
  assert.equal(
    code(resolve('kubernetes://c', secrets, { principal: 'spiffe://cluster.local/ns/shop/sa/gateway' })),
    'secret_not_entitled',
  );
  assert.equal(code(resolve('kubernetes://c', secrets, { proxyNamespace: 'shop' })), 'secret_not_entitled');
  assert.equal(code(resolve('kubernetes-gateway://shop/c', secrets)), 'secret_not_entitled');
  assert.equal(
    code(resolve('kubernetes-gateway://shop/c', secrets, { granted: (namespace) => namespace === 'shop' })),
    'certificate',
  );
});

test('what is missing, incomplete or does not fit is named', () => {
  assert.equal(code(resolve('kubernetes://c', {})), 'secret_not_found');
  assert.equal(
    code(resolve('kubernetes://c', { 'edge/c': { stringData: { 'tls.crt': pair.pem } } })),
    'secret_incomplete',
  );
  assert.equal(
    code(
      resolve('kubernetes://c', {
        'edge/c': { stringData: { 'tls.crt': pair.pem, 'tls.key': privateKeyPem(generateKeyPair()) } },
      }),
    ),
    'key_mismatch',
  );
  assert.equal(
    code(resolve('kubernetes://c', { 'edge/c': { stringData: { 'tls.crt': 'x', 'tls.key': 'y' } } })),
    'certificate_unusable',
  );
  assert.equal(code(resolve('vault://c', {})), 'secret_not_found');
});

test('an expired certificate is served with a warning', () => {
  const result = resolve('kubernetes://c', { 'edge/c': tls }, { nowMs: NOW + 7_200_000 });
  assert.ok(result.ok);
  assert.match(result.value.warnings[0] ?? '', /edge\/c: its certificate expired/);
});

test('no error quotes the key', () => {
  const result = resolve('kubernetes://c', {
    'edge/c': { stringData: { 'tls.crt': pair.pem, 'tls.key': pair.keyPem.replace('MI', 'XX') } },
  });
  assert.ok(!result.ok);
  assert.ok(!result.error.message.includes(pair.keyPem.split('\n')[1] ?? '?'));
});
