import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNodeId, type ProxyNode } from '#base';
import type { GrpcPeer } from '#wire/grpc';
import { authorizeNode } from './node-identity.ts';

const id = 'sidecar~10.0.0.1~web.default~default.svc.cluster.local';

function node(metadata: ProxyNode['metadata'] = { NAMESPACE: 'default', SERVICE_ACCOUNT: 'web' }): ProxyNode {
  return {
    id,
    parsed: parseNodeId(id),
    cluster: '',
    metadata,
    locality: { region: '', zone: '', subZone: '' },
    userAgent: '',
    principal: '',
  };
}

function tls(spiffeId: string): GrpcPeer {
  return {
    kind: 'tls',
    address: '',
    verdict: { kind: 'verified', uriSans: [spiffeId], dnsSans: [], spiffeId, notAfterMs: 0, serial: '', subject: '' },
  };
}

const options = { check: true, trustPlaintext: false };
const refused = (n: ProxyNode, peer: GrpcPeer): boolean => !authorizeNode(n, peer, options).ok;

test('a node that speaks for its own namespace and account is accepted, with its identity', () => {
  const spiffeId = 'spiffe://cluster.local/ns/default/sa/web';
  assert.deepEqual(authorizeNode(node(), tls(spiffeId), options), { ok: true, principal: spiffeId });
});

test('another namespace, another account, and metadata that contradicts the id are refused', () => {
  assert.ok(refused(node(), tls('spiffe://cluster.local/ns/other/sa/web')));
  assert.ok(refused(node(), tls('spiffe://cluster.local/ns/default/sa/other')));
  assert.ok(refused(node({ NAMESPACE: 'other' }), tls('spiffe://cluster.local/ns/other/sa/web')));
});

test('no certificate, no SPIFFE id and no encryption are refused', () => {
  assert.ok(refused(node(), { kind: 'tls', address: '', verdict: { kind: 'anonymous' } }));
  assert.ok(refused(node(), tls('')));
  assert.ok(refused(node(), tls('spiffe://cluster.local/ns/default')));
  assert.ok(refused(node(), { kind: 'plaintext', address: '', verdict: { kind: 'anonymous' } }));
});

test('the plaintext port on loopback accepts what it is told to trust', () => {
  assert.ok(
    authorizeNode(
      node(),
      { kind: 'plaintext', address: '', verdict: { kind: 'anonymous' } },
      { check: true, trustPlaintext: true },
    ).ok,
  );
});
