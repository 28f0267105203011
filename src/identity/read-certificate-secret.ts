// Turns PEM text into secrets: chain and key must belong together, the version is a hash of what is inside.

import { hash } from 'node:crypto';
import type { Result } from '#base';
import { err, ok } from '#base';
import { parseCertificate, pemBlocks } from '#wire/tls';
import type { DomainRoots } from './domain-roots.ts';
import { boundRootsKey } from './domain-roots.ts';
import { IdentityError } from './errors.ts';
import { readKeyPair } from './key-pair.ts';
import type { CertificateSecret, TrustSecret } from './secret-source.ts';
import { RevocationLists } from './revocation.ts';
import { parseTrustBundle, sameBytes } from './trust-bundle.ts';

/** Expired certificates are taken: whoever asks decides what that means. */
export function readCertificateSecret(
  certChainPem: string,
  privateKeyPem: string,
): Result<CertificateSecret, IdentityError> {
  const blocks = pemBlocks(certChainPem, 'CERTIFICATE');
  if (!blocks.ok) return err(new IdentityError('certificate_unusable', blocks.error.message));
  const leaf = parseCertificate(blocks.value[0] as Uint8Array);
  if (!leaf.ok) return err(new IdentityError('certificate_unusable', leaf.error.message));
  const key = readKeyPair(privateKeyPem);
  if (!key.ok) return key;
  if (!sameBytes(key.value.spki, leaf.value.publicKey.spki))
    return err(new IdentityError('key_mismatch', leaf.value.subjectText));
  const spiffe = leaf.value.names.uris.filter((uri) => uri.startsWith('spiffe://'));
  return ok({
    kind: 'certificate',
    certChainPem,
    privateKeyPem,
    version: versionOf(certChainPem, privateKeyPem),
    notAfterMs: leaf.value.notAfterMs,
    spiffeId: spiffe.length === 1 ? (spiffe[0] as string) : '',
  });
}

export function readTrustSecret(
  rootsPem: string,
  crlPem = '',
  bundles: readonly DomainRoots[] = [],
): Result<TrustSecret, IdentityError> {
  for (const pem of bundles.length === 0 ? [rootsPem] : bundles.map((one) => one.rootsPem)) {
    const bundle = parseTrustBundle(pem);
    if (bundle.roots.length === 0) return err(new IdentityError('trust_bundle_empty', bundle.complaints.join('; ')));
  }
  if (crlPem !== '') {
    const { problem } = new RevocationLists(crlPem);
    if (problem !== undefined) return err(new IdentityError('revocation_list_unusable', problem));
  }
  if (bundles.length === 0) return ok({ kind: 'trust', rootsPem, crlPem, version: versionOf(rootsPem, crlPem) });
  return ok({
    kind: 'trust',
    rootsPem,
    crlPem,
    bundles,
    version: versionOf(rootsPem, crlPem, boundRootsKey(bundles)),
  });
}

function versionOf(...parts: readonly string[]): string {
  return hash('sha256', parts.join('\0'), 'hex').slice(0, 16);
}
