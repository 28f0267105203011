// Checks that a node speaks for the namespace and service account of its certificate (PILOT_ENABLE_XDS_IDENTITY_CHECK).
import type { ProxyNode } from '#base';
import type { GrpcPeer } from '#wire/grpc';
import type { Authorization } from './backend.ts';

export interface NodeIdentityOptions {
  /** False accepts any node of a verified peer. */
  readonly check: boolean;
  /** The plaintext port and Unix sockets have no identity: accept their nodes as they are. */
  readonly trustPlaintext: boolean;
}

/** Fails closed: no identity, or one that is not exactly the node's, is a refusal. */
export function authorizeNode(node: ProxyNode, peer: GrpcPeer, options: NodeIdentityOptions): Authorization {
  if (peer.kind !== 'tls') {
    return options.trustPlaintext
      ? { ok: true, principal: '' }
      : { ok: false, reason: 'the connection is not encrypted, expected TLS with a client certificate' };
  }
  if (peer.verdict.kind !== 'verified') return { ok: false, reason: 'the client showed no certificate' };
  return authorizeIdentity(node, peer.verdict.spiffeId, options.check);
}

/** For identities that come from elsewhere, such as a token. */
export function authorizeIdentity(node: ProxyNode, spiffeId: string, check: boolean): Authorization {
  const match = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(spiffeId);
  if (match === null)
    return { ok: false, reason: `the identity "${spiffeId}" is no spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT` };
  if (!check) return { ok: true, principal: spiffeId };
  const [, namespace, account] = match;
  const claimed = node.metadata.NAMESPACE ?? node.parsed?.namespace ?? '';
  if (claimed !== namespace || (node.parsed !== undefined && node.parsed.namespace !== namespace)) {
    return { ok: false, reason: `the node claims namespace "${claimed}", its certificate says "${namespace}"` };
  }
  const claimedAccount = node.metadata.SERVICE_ACCOUNT;
  if (claimedAccount !== undefined && claimedAccount !== account) {
    return {
      ok: false,
      reason: `the node claims service account "${claimedAccount}", its certificate says "${account}"`,
    };
  }
  return { ok: true, principal: spiffeId };
}
